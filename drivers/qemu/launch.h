/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a complete definition to a QEMU process with a connected monitor. */
#ifndef DOMFS_QEMU_LAUNCH_H
#define DOMFS_QEMU_LAUNCH_H

#include "vm.h"

/* Prepares, opens, spawns; the process is watched and the monitor connected (not greeted) when it returns.  Task only. */
int launch(struct vm *vm, struct error *err);
/* What is set through the monitor before the vCPUs run: passwords, pinning.  Task only. */
int launch_after_start(struct vm *vm, struct error *err);
/* vm->qmp on a connected socket. */
void vm_monitor(struct vm *vm, int fd);

/* A bound and listening unix socket at PATH (longer than sun_path is fine), mode 0600; a stale one is replaced.  Descriptor or negative errno. */
int unix_listen(const char *path, struct error *err);
int unix_connect(const char *path, struct error *err);

/* Removes DIR and what is in it, one file system, without following links. */
void tree_remove(const char *dir);

/* slots of qemu_driver */
int qemu_start(struct domain *d, const struct start_opts *o, struct error *err);
int qemu_stop(struct domain *d, enum stop_how how, struct error *err);
int qemu_adopt(struct domain *d, struct error *err);
void qemu_forget(struct domain *d);
int qemu_pause(struct domain *d, bool on, struct error *err);
int qemu_press(struct domain *d, enum button which, struct error *err);
int qemu_attach(struct domain *d, struct node *dev, struct error *err);
int qemu_detach(struct domain *d, struct node *dev, struct error *err);
int qemu_set(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err);
int qemu_stats(struct domain *d, unsigned groups, struct stats *out, struct error *err);
int qemu_console(struct domain *d, struct error *err);
int qemu_screenshot(struct domain *d, struct buf *png, struct error *err);

#endif
