/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process behind a mount, or behind `domfs serve`, which has none. */
#ifndef DOMFS_SERVE_H
#define DOMFS_SERVE_H

#include "mount.h"

/*
 * Serves until the mount is gone or a signal comes; READY is called when it answers.
 * With a remote source, or where another domfs has the state directory already, it is a client of that engine and has none of its own.
 */
int serve(const struct mount_options *o, void (*ready)(void), struct error *err);

#endif
