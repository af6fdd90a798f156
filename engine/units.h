/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, numbers, booleans, times, uuids and MAC addresses as text. */
#ifndef DOMFS_UNITS_H
#define DOMFS_UNITS_H

#include "buf.h"
#include "error.h"

/* Bytes from "512", "512M", "1.5 GiB", "10KB".  K M G T P E and KiB.. are powers of 1024, KB MB.. and
 * the libvirt words "bytes", "b" follow docs/layout.md rule 2.  -EINVAL names the text and what would work,
 * -ERANGE past 2^63-1. */
int size_parse(struct str text, uint64_t *bytes, struct error *err);
/* Bytes from libvirt's VALUE and UNIT attribute; UNIT NULL means DEFLT ("KiB", "bytes"). */
int size_parse_unit(struct str value, const char *unit, const char *deflt, uint64_t *bytes, struct error *err);
/* A whole unsigned decimal (or 0x...) number within [min, max]. */
int u64_parse(struct str text, uint64_t min, uint64_t max, uint64_t *value, struct error *err);
/* 0/1 yes/no on/off true/false */
int bool_parse(struct str text, bool *value, struct error *err);

void time_iso8601(struct buf *out, int64_t realtime_ns); /* 2026-11-21T04:00:00.123456Z */
int64_t now_realtime_ns(void);
int64_t now_monotonic_ms(void);
int64_t now_monotonic_ns(void);

#define UUID_TEXT 37
void uuid_random(char out[UUID_TEXT]);
int uuid_parse(struct str text, char out[UUID_TEXT], struct error *err); /* any libvirt spelling */
bool mac_parse(const char *text, uint8_t mac[6]);
/* A locally administered unicast address in QEMU's range 52:54:00. */
void mac_random(char out[18]);

#endif
