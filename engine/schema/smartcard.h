/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_SCHEMA_SMARTCARD_H
#define DOMFS_SCHEMA_SMARTCARD_H

#include "../schema.h"

extern const struct schema smartcard_certificate_schema; /* <certificate> of a <smartcard> */

#endif
