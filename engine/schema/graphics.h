/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of <graphics> that come in lists. */
#ifndef DOMFS_SCHEMA_GRAPHICS_H
#define DOMFS_SCHEMA_GRAPHICS_H

#include "../schema.h"

extern const struct schema graphics_listen_schema, graphics_channel_schema;

#endif
