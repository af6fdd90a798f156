/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of an <interface> that come in lists. */
#ifndef DOMFS_SCHEMA_NIC_H
#define DOMFS_SCHEMA_NIC_H

#include "../schema.h"

extern const struct schema nic_ip_schema, nic_route_schema, nic_tag_schema, nic_parameter_schema, nic_range_schema,
	nic_forward_schema;

#endif
