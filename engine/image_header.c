/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the first bytes of an image say of it.  Guests and strangers write these bytes: every number is checked against the bytes that are there and
 * against what the format can hold, and a file that claims more is refused.  What lies behind the bytes at hand is left open by a capacity of 0.
 */
#include "image_header.h"

#include <ctype.h>
#include <stdio.h>

#define QCOW2_BACKING_FORMAT 0xe2792acau /* type of a header extension */
#define QCOW2_L1_MOST	     (32u << 20) /* bytes */
#define NAME_MOST	     1023u
#define SECTOR		     512u
#define ISO_MARK	     32769u

struct head {
	const unsigned char *p;
	size_t n;
	uint64_t size; /* of the whole file */
	const char *format;
	struct error *err;
};

/* ---- numbers at an offset; 0 behind the end ---- */

static bool has(const struct head *h, uint64_t at, uint64_t n)
{
	return at <= h->n && n <= h->n - at;
}

static uint64_t number(const struct head *h, size_t at, size_t n)
{
	uint64_t v = 0;

	if (has(h, at, n))
		for (size_t i = 0; i < n; i++)
			v = v << 8 | h->p[at + i];
	return v;
}

static uint32_t be16(const struct head *h, size_t at)
{
	return (uint32_t)number(h, at, 2);
}

static uint32_t be32(const struct head *h, size_t at)
{
	return (uint32_t)number(h, at, 4);
}

static uint64_t be64(const struct head *h, size_t at)
{
	return number(h, at, 8);
}

static uint32_t le32(const struct head *h, size_t at)
{
	return __builtin_bswap32(be32(h, at));
}

static uint64_t le64(const struct head *h, size_t at)
{
	return __builtin_bswap64(be64(h, at));
}

/* ---- what is wrong ---- */

static int too_short(const struct head *h)
{
	return error_set(h->err, EBADMSG, "a broken %s image: its header ends after %zu bytes", h->format, h->n);
}

static int bad(const struct head *h, const char *what, uint64_t value)
{
	return error_set(h->err, EBADMSG, "a broken %s image: %s is %llu", h->format, what, (unsigned long long)value);
}

static int too_large(const struct head *h, uint64_t value)
{
	return error_set(h->err, EBADMSG, "a %s image that claims %llu bytes: more than its format can hold", h->format,
			 (unsigned long long)value);
}

/* COUNT units of UNIT bytes, MOST in all. */
static int set_capacity(const struct head *h, uint64_t count, uint64_t unit, uint64_t most, struct volume_info *info)
{
	if (__builtin_mul_overflow(count, unit, &info->capacity))
		return too_large(h, UINT64_MAX);
	return info->capacity > most || info->capacity > INT64_MAX ? too_large(h, info->capacity) : 0;
}

/* The name at AT: 1 taken, 0 it lies behind what we have seen. */
static int take_name(const struct head *h, uint64_t at, uint64_t n, char **name)
{
	if (n > NAME_MOST)
		return bad(h, "the length of its backing file's name", n);
	if (at > h->size || n > h->size - at)
		return bad(h, "the place of its backing file's name", at);
	if (!has(h, at, n))
		return 0;
	if (memchr(h->p + at, 0, n))
		return error_set(h->err, EBADMSG, "a broken %s image: its backing file's name has a NUL", h->format);
	*name = xstrndup((const char *)h->p + at, n);
	return 1;
}

/* ---- QEMU's own ---- */

/* 1 read to the end, 0 more lies behind what we have seen. */
static int qcow2_extensions(const struct head *h, uint64_t at, uint64_t end, struct volume_info *info)
{
	while (at + 8 <= end) {
		uint32_t type, n;

		if (!has(h, at, 8))
			return 0;
		type = be32(h, at);
		n = be32(h, at + 4);
		at += 8;
		if (!type)
			return 1;
		if (n > end - at)
			return bad(h, "the length of a header extension", n);
		if (type == QCOW2_BACKING_FORMAT) {
			if (n > 15)
				return bad(h, "the length of its backing file's format", n);
			if (!has(h, at, n))
				return 0;
			for (uint32_t i = 0; i < n; i++)
				if (!isalnum(h->p[at + i]) && !strchr("-_", h->p[at + i]))
					return bad(h, "a byte of its backing file's format", h->p[at + i]);
			free(info->backing_format);
			info->backing_format = n ? xstrndup((const char *)h->p + at, n) : NULL;
		}
		at += (n + 7ull) & ~7ull;
	}
	return 1;
}

/* Bits that change how the rest is to be read. */
static int qcow2_features(const struct head *h, struct volume_info *info)
{
	uint64_t must = be64(h, 72);

	if (be32(h, 4) < 3)
		return 0;
	if (must & 4)
		return error_set(h->err, ENOTSUP,
				 "it keeps its data in another file that it names (data_file): not served, convert it");
	if (must >> 5)
		return bad(h, "the word of incompatible features", must);
	info->extended_l2 = must >> 4 & 1;
	info->lazy_refcounts = be64(h, 80) & 1;
	return 0;
}

static int qcow2_capacity(const struct head *h, struct volume_info *info)
{
	uint32_t bits = be32(h, 20), l1 = be32(h, 36);
	unsigned covers; /* log2 of the bytes of one L1 entry */

	if (bits < 9 || bits > 21)
		return bad(h, "the size of its clusters in bits", bits);
	covers = bits + bits - (info->extended_l2 ? 4 : 3);
	if (l1 > QCOW2_L1_MOST / 8)
		return bad(h, "the length of its L1 table", l1);
	info->cluster_size = 1ull << bits;
	/* an L1 table that is too short for it opens nowhere either */
	return set_capacity(h, be64(h, 24), 1, (uint64_t)l1 << covers, info);
}

static int qcow2_crypt(const struct head *h, uint32_t method, struct volume_info *info)
{
	if (method > 2)
		return bad(h, "the method of its encryption", method);
	info->encryption = xstrdup(method == 2 ? "luks" : method == 1 ? "qcow" : NULL);
	return 0;
}

static int read_qcow2(const struct head *h, struct volume_info *info)
{
	uint32_t version = be32(h, 4), header = version == 2 ? 72 : be32(h, 100);
	uint64_t at = be64(h, 8), n = be32(h, 16);
	int r, seen = 1;

	if (h->n < 72 || (version == 3 && h->n < 104))
		return too_short(h);
	if (version != 2 && version != 3)
		return bad(h, "its version", version);
	r = qcow2_features(h, info);
	if (r == 0)
		r = qcow2_capacity(h, info);
	if (r == 0)
		r = qcow2_crypt(h, be32(h, 32), info);
	if (r < 0)
		return r;
	if (header < 72 || header > info->cluster_size || (version == 3 && header < 104))
		return bad(h, "the length of its header", header);
	if (at && (at < header || at > info->cluster_size))
		return bad(h, "the place of its backing file's name", at);
	info->compat = xstrdup(version == 2 ? "0.10" : "1.1");
	if (at && n)
		seen = take_name(h, at, n, &info->backing);
	if (seen > 0)
		seen = qcow2_extensions(h, header, at ? at : info->cluster_size, info);
	if (seen == 0)
		info->capacity = 0; /* the whole answer is the program's */
	return seen < 0 ? seen : 0;
}

static int read_qcow(const struct head *h, struct volume_info *info)
{
	uint64_t at = be64(h, 8), n = be32(h, 16), capacity = be64(h, 24);
	unsigned bits, l2;
	int r;

	if (h->n < 48)
		return too_short(h);
	bits = h->p[32];
	l2 = h->p[33];
	if (bits < 9 || bits > 16)
		return bad(h, "the size of its clusters in bits", bits);
	if (l2 < 6 || l2 > 13)
		return bad(h, "the size of its L2 tables in bits", l2);
	info->cluster_size = 1ull << bits;
	/* QEMU holds the table in memory: at most 2^31 bytes */
	r = set_capacity(h, capacity, 1, 1ull << (28 + bits + l2), info);
	if (r == 0)
		r = qcow2_crypt(h, be32(h, 36), info);
	if (r < 0 || !at || !n)
		return r;
	r = take_name(h, at, n, &info->backing);
	if (r == 0)
		info->capacity = 0;
	return r < 0 ? r : 0;
}

static int read_qed(const struct head *h, struct volume_info *info)
{
	uint64_t cluster = le32(h, 4), table = le32(h, 8), features = le64(h, 16), most;
	int r;

	if (h->n < 64)
		return too_short(h);
	if (cluster < 4096 || cluster > 64u << 20 || (cluster & (cluster - 1)))
		return bad(h, "the size of its clusters", cluster);
	if (!table || table > 16 || (table & (table - 1)))
		return bad(h, "the size of its tables", table);
	if (features >> 3)
		return bad(h, "the word of incompatible features", features);
	info->cluster_size = cluster;
	/* two levels of tables; with 64 MiB that is more than any number has */
	if (__builtin_mul_overflow((table * cluster / 8) * (table * cluster / 8), cluster, &most))
		most = INT64_MAX;
	r = set_capacity(h, le64(h, 48), 1, most, info);
	if (r < 0 || !(features & 1))
		return r;
	r = take_name(h, le32(h, 56), le32(h, 60), &info->backing);
	if (r == 0)
		info->capacity = 0;
	if (r > 0 && features & 4) /* "do not probe" */
		info->backing_format = xstrdup("raw");
	return r < 0 ? r : 0;
}

/* ---- others' ---- */

/* A word of a vmdk's text: KEY="VALUE".  1 there, 0 not. */
static int vmdk_word(const struct head *h, struct str text, const char *key, char **value)
{
	autofree char *want = xasprintf("\n%s=\"", key);
	const char *at = memmem(text.p, text.n, want, strlen(want)), *end;

	if (!at)
		return 0;
	at += strlen(want);
	end = memchr(at, '"', (size_t)(text.p + text.n - at));
	if (!end || end - at > (ptrdiff_t)NAME_MOST || memchr(at, 0, (size_t)(end - at)))
		return error_set(h->err, EBADMSG, "a broken vmdk image: %s does not end", key);
	if (end == at)
		return 0;
	*value = xstrndup(at, (size_t)(end - at));
	return 1;
}

/* The text holds "# Extent description" and below it a line each: RW 2048 SPARSE "name". */
static int vmdk_extents(const struct head *h, struct str text, struct volume_info *info)
{
	uint64_t sectors = 0;
	const char *p = text.p, *end = text.p + text.n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *next = nl ? nl + 1 : end;
		char way[9], kind[17];
		autofree char *line = xstrndup(p, (size_t)(next - p));
		unsigned long long n;

		p = next;
		if (sscanf(line, "%8s %llu %16s", way, &n, kind) != 3 ||
		    (strcmp(way, "RW") && strcmp(way, "RDONLY") && strcmp(way, "NOACCESS")))
			continue;
		if (__builtin_add_overflow(sectors, n, &sectors))
			return too_large(h, UINT64_MAX);
	}
	return set_capacity(h, sectors, SECTOR, INT64_MAX, info);
}

static int vmdk_text(const struct head *h, uint64_t at, uint64_t n, bool extents, struct volume_info *info)
{
	struct str text = { (const char *)h->p + at, n };
	const char *nul;
	int r;

	if (!has(h, at, n)) {
		info->capacity = 0;
		return 0;
	}
	nul = memchr(text.p, 0, text.n);
	if (nul)
		text.n = (size_t)(nul - text.p);
	r = vmdk_word(h, text, "parentFileNameHint", &info->backing);
	if (r > 0)
		info->backing_format = xstrdup("vmdk");
	return r < 0 || !extents ? (r < 0 ? r : 0) : vmdk_extents(h, text, info);
}

static int read_vmdk(const struct head *h, struct volume_info *info)
{
	uint64_t at = le64(h, 28), n = le64(h, 36), version = le32(h, 4);
	int r;

	if (h->n < 79)
		return too_short(h);
	if (!version || version > 3)
		return bad(h, "its version", version);
	/* QEMU's table of 2^29 entries ends there, an entry for 512 grains of 64 KiB */
	r = set_capacity(h, le64(h, 12), SECTOR, 1ull << 54, info);
	info->cluster_size = le64(h, 20) < 1u << 16 ? le64(h, 20) * SECTOR : 0;
	if (r < 0 || !at || !n)
		return r;
	if (at > h->size / SECTOR || n > (20u << 20) / SECTOR)
		return bad(h, "the place of its description in sectors", at);
	return vmdk_text(h, at * SECTOR, n * SECTOR, false, info);
}

static int read_vmdk_text(const struct head *h, struct volume_info *info)
{
	return vmdk_text(h, 0, h->size, true, info);
}

static int read_cowd(const struct head *h, struct volume_info *info)
{
	return h->n < 16 ? too_short(h) : set_capacity(h, le32(h, 12), SECTOR, INT64_MAX, info);
}

static int read_vdi(const struct head *h, struct volume_info *info)
{
	uint64_t block = le32(h, 0x178), blocks = le32(h, 0x180);

	if (h->n < 0x188)
		return too_short(h);
	if (block != 1u << 20)
		return bad(h, "the size of its blocks", block);
	info->cluster_size = block;
	return set_capacity(h, le64(h, 0x170), 1, blocks * block, info);
}

static int read_vhdx(const struct head *h unused, struct volume_info *info unused)
{
	return 0; /* it says that behind its first MiB */
}

/* The size is that of the geometry, unless who made it is known to mean the other one: as QEMU decides it. */
static int read_vpc(const struct head *h, struct volume_info *info)
{
	static const char *const plain[] = { "win ", "qem2", "d2v ", "tap", "vs  ", "CTXS" };
	uint64_t geometry = (uint64_t)be16(h, 56) * (h->n > 59 ? h->p[58] * h->p[59] : 0), bytes = be64(h, 48);
	bool exact = geometry == 65535ull * 16 * 255;

	if (memcmp(h->p, "conectix", 8)) /* a fixed one: it ends in what others begin with */
		return 0;
	if (h->n < SECTOR)
		return too_short(h);
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		exact |= !strncmp((const char *)h->p + 28, plain[i], 4);
	return set_capacity(h, exact ? bytes / SECTOR : geometry, SECTOR, 0xff000000ull * SECTOR, info);
}

static int read_luks(const struct head *h, struct volume_info *info)
{
	uint32_t version = be16(h, 6);
	uint64_t data = (uint64_t)be32(h, 104) * SECTOR;

	if (h->n < 592)
		return too_short(h);
	if (version != 1 && version != 2)
		return bad(h, "its version", version);
	info->encryption = xstrdup("luks");
	if (version == 2) { /* its description is JSON; QEMU opens version 1 only */
		info->capacity = h->size;
		return 0;
	}
	if (data > h->size)
		return bad(h, "the place of its data", data);
	info->capacity = h->size - data;
	return 0;
}

static int read_bochs(const struct head *h, struct volume_info *info)
{
	uint32_t version = le32(h, 64);

	if (h->n < SECTOR)
		return too_short(h);
	if (version != 0x10000 && version != 0x20000)
		return bad(h, "its version", version);
	return set_capacity(h, le64(h, version == 0x10000 ? 84 : 88), 1, 1ull << 53, info);
}

static int read_cloop(const struct head *h, struct volume_info *info)
{
	uint64_t block = be32(h, 128), blocks = be32(h, 132);

	if (h->n < 136)
		return too_short(h);
	if (!block || block % SECTOR || block > 64u << 20)
		return bad(h, "the size of its blocks", block);
	info->cluster_size = block;
	return set_capacity(h, blocks, block, 512ull << 20 << 26, info);
}

static int read_parallels(const struct head *h, struct volume_info *info)
{
	uint64_t sectors = le64(h, 36), tracks = le32(h, 28), entries = le32(h, 32);

	if (h->n < 64)
		return too_short(h);
	if (!memcmp(h->p, "WithoutFreeSpace", 16))
		sectors &= UINT32_MAX;
	if (!tracks || tracks > INT32_MAX / 513)
		return bad(h, "the length of its tracks", tracks);
	info->cluster_size = tracks * SECTOR;
	return set_capacity(h, sectors, SECTOR, entries * tracks * SECTOR, info);
}

/* As large as it is: iso, and formats of which only their reader knows more. */
static int read_plain(const struct head *h, struct volume_info *info)
{
	info->capacity = h->size;
	return 0;
}

static int read_unknown(const struct head *h unused, struct volume_info *info unused)
{
	return 0;
}

const char *image_driver(const char *format)
{
	static const char *const others[][2] = { { "iso", "raw" }, { "vhd", "vpc" }, { "ploop", "parallels" } };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_eq(others[i][0], format))
			return others[i][1];
	return format;
}

/* ---- by magic ---- */

#define MAGIC(text) text, sizeof(text) - 1

static const struct format {
	const char *name;
	size_t at;
	const char *magic;
	size_t n;
	int (*read)(const struct head *h, struct volume_info *info);
} magics[] = {
	{ "qcow2", 0, MAGIC("QFI\xfb\0\0\0\2"), read_qcow2 },
	{ "qcow2", 0, MAGIC("QFI\xfb\0\0\0\3"), read_qcow2 },
	{ "qcow", 0, MAGIC("QFI\xfb\0\0\0\1"), read_qcow },
	{ "qcow2", 0, MAGIC("QFI\xfb"), read_qcow2 }, /* which says that it knows no such version */
	{ "qed", 0, MAGIC("QED\0"), read_qed },
	{ "vmdk", 0, MAGIC("KDMV"), read_vmdk },
	{ "vmdk", 0, MAGIC("COWD"), read_cowd },
	{ "vmdk", 0, MAGIC("# Disk DescriptorFile"), read_vmdk_text },
	{ "vdi", 64, MAGIC("\x7f\x10\xda\xbe"), read_vdi },
	{ "vhdx", 0, MAGIC("vhdxfile"), read_vhdx },
	{ "vpc", 0, MAGIC("conectix"), read_vpc },
	{ "luks", 0, MAGIC("LUKS\xba\xbe"), read_luks },
	{ "bochs", 0, MAGIC("Bochs Virtual HD Image"), read_bochs },
	{ "cloop", 0, MAGIC("#!/bin/sh\n#V2.0 Format\nmodprobe cloop"), read_cloop },
	{ "parallels", 0, MAGIC("WithoutFreeSpace"), read_parallels },
	{ "parallels", 0, MAGIC("WithouFreSpacExt"), read_parallels },
	{ "iso", ISO_MARK, MAGIC("CD001"), read_plain },
};

/* What has no mark at its beginning, or one under another name. */
static const struct format unmarked[] = {
	{ "vpc", 0, NULL, 0, read_vpc },
	{ "dmg", 0, NULL, 0, read_unknown },
};

static const struct format *find_magic(const struct head *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (has(h, magics[i].at, magics[i].n) && !memcmp(h->p + magics[i].at, magics[i].magic, magics[i].n))
			return &magics[i];
	return NULL;
}

static bool is_marked(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (str_eq(magics[i].name, format))
			return true;
	return false;
}

/* The row for FORMAT, as it is called in a document; NULL: as the bytes lie. */
static int find_format(const struct head *h, const char *format, const struct format **out)
{
	const struct format *seen = find_magic(h);
	const char *want = str_eq(format, "iso") ? format : image_driver(format);

	*out = NULL;
	if (!want)
		*out = seen;
	else if (seen && str_eq(seen->name, want))
		*out = seen;
	if (!want || *out || str_eq(want, "raw"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(unmarked); i++)
		if (str_eq(unmarked[i].name, want) && h->n >= 8)
			*out = &unmarked[i];
	if (*out || !is_marked(want))
		return 0;
	if (str_eq(want, "iso") && h->n < ISO_MARK + 5) /* its mark was not to be seen */
		return 0;
	return error_set(h->err, EBADMSG, "it is no %s image: it looks like %s", want, seen ? seen->name : "raw");
}

static void header_move(struct volume_info *to, struct volume_info *from)
{
	free(to->format);
	free(to->backing);
	free(to->backing_format);
	free(to->encryption);
	free(to->compat);
	to->format = from->format;
	to->backing = from->backing;
	to->backing_format = from->backing_format;
	to->encryption = from->encryption;
	to->compat = from->compat;
	to->capacity = from->capacity;
	to->cluster_size = from->cluster_size;
	to->lazy_refcounts = from->lazy_refcounts;
	to->extended_l2 = from->extended_l2;
}

int image_header(struct str head, uint64_t size, const char *format, struct volume_info *info, struct error *err)
{
	struct head h = { (const unsigned char *)head.p, head.n, size, format, err };
	struct volume_info got = { 0 };
	const struct format *row;
	int r = find_format(&h, format, &row);

	if (r < 0)
		return r;
	if (size > INT64_MAX)
		return error_set(err, EBADMSG, "a size of %llu bytes: more than there can be",
				 (unsigned long long)size);
	h.format = row ? row->name : format;
	r = (row ? row->read : read_plain)(&h, &got);
	if (r < 0) {
		volume_info_clear(&got);
		return r;
	}
	got.format = xstrdup(format ? format : row ? row->name : "raw");
	header_move(info, &got);
	return 0;
}
