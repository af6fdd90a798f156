/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every character device has in common: <serial>, <parallel>, <console>, <channel>, and the backends of <rng>,
 * <smartcard>, <redirdev>.  Rows that stand in the element itself are a macro, since a table can only hold rows.
 */
#ifndef DOMFS_SCHEMA_CHARDEV_H
#define DOMFS_SCHEMA_CHARDEV_H

#include "../schema.h"

extern const struct schema chardev_source_schema; /* <source>: two for udp */
extern const char *const chardev_types[];

/* @type, <source>, <protocol>, <log>. */
#define CHARDEV_ROWS(type_flags)                                                                                       \
	{ "@type", T_ENUM, .words = chardev_types, .flags = (type_flags), .doc = "what it is connected to" },          \
		{ "source", T_LIST, .sub = &chardev_source_schema, .doc = "where that is; udp has two" },              \
		{ "protocol/@type", T_ENUM, .words = chardev_protocols, .doc = "what is spoken over tcp" },            \
		{ "log/@file", T_STRING, .doc = "file that gets a copy of what the guest says" },                      \
	{                                                                                                              \
		"log/@append", T_ENUM, .words = words_on_off, .doc = "keep what the file had"                          \
	}

extern const char *const chardev_protocols[];

/* Is there the source that @type needs?  ELEMENT is named in messages: its path may be optional there (channel). */
int chardev_check(const struct node *n, bool path_optional, struct error *err);
/* <reconnect> of SOURCE. */
int chardev_check_reconnect(const struct node *source, struct error *err);

#endif
