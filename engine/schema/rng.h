/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_SCHEMA_RNG_H
#define DOMFS_SCHEMA_RNG_H

#include "../schema.h"

extern const struct schema rng_backend_schema; /* <backend> of an <rng> */

#endif
