/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page 0x83 of a LUN's vital product data (SPC-4, 7.8.5): a list of designators, of which the best one names the LUN.  The bytes come from the
 * device: no length in them is believed.
 */
#include <ctype.h>

#include "scsi.h"

enum { BINARY = 1, ASCII = 2, UTF8 = 3 };
enum { VENDOR = 0, T10 = 1, EUI64 = 2, NAA = 3, NAME = 8 };

struct designator {
	unsigned set, type;
	const unsigned char *id;
	size_t n;
};

/* What is the longest and rarest is preferred: an NAA of 16 bytes, any NAA, EUI-64, a name, a vendor's text. */
static int rank(const struct designator *d)
{
	if (!d->n)
		return 0;
	if (d->type == NAA && d->set == BINARY && d->n >= 8)
		return d->n >= 16 ? 6 : 5;
	if (d->type == EUI64 && d->set == BINARY && d->n >= 8)
		return 4;
	if (d->type == NAME && d->set == UTF8)
		return 3;
	if (d->type == T10 && d->set != BINARY)
		return 2;
	return d->type == VENDOR && d->set != BINARY ? 1 : 0;
}

static char *show(const struct designator *d)
{
	autobuf struct buf b = { 0 };
	size_t n = d->n;

	buf_printf(&b, "%u", d->type);
	if (d->set == BINARY) {
		for (size_t i = 0; i < n; i++)
			buf_printf(&b, "%02x", d->id[i]);
		return buf_take(&b);
	}
	while (n && (d->id[n - 1] == ' ' || !d->id[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		bool blank = isspace(d->id[i]);
		if (blank && b.n && b.p[b.n - 1] == '_')
			continue;
		buf_putc(&b, blank ? '_' : isgraph(d->id[i]) ? (char)d->id[i] : '.');
	}
	return n ? buf_take(&b) : NULL;
}

char *scsi_id(const unsigned char *page, size_t n)
{
	struct designator best = { 0 };
	size_t at = 4, end = n >= 4 ? 4 + (size_t)(page[2] << 8 | page[3]) : 0;

	if (n < 4 || page[1] != 0x83)
		return NULL;
	if (end > n)
		end = n;
	for (; at + 4 <= end && at + 4 + page[at + 3] <= end; at += 4 + page[at + 3]) {
		struct designator d = { page[at] & 15, page[at + 1] & 15, page + at + 4, page[at + 3] };

		/* that of the LUN, not of its port or target */
		if ((page[at + 1] >> 4 & 3) == 0 && rank(&d) > rank(&best))
			best = d;
	}
	return best.n ? show(&best) : NULL;
}
