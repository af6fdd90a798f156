/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read of images' first bytes (made by the real program), what it says of them, and images made and grown. */
#include <setjmp.h>
#include <stdarg.h>

#include "drivers/storage/storage.h"

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "in_task.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static char dir[64];
static const int numbers[] = { 3, 4, 5 };
static struct secret phrase; /* only that there is one counts */

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static bool shell(const char *command)
{
	autofree char *line =
		xasprintf("cd %s && exec 2>/dev/null && for i in 1 2 3 4 5 6 7 8 9; do { %s; } && exit 0; done; exit 1",
			  dir, command);

	return system(line) == 0;
}

static struct doc *target(const char *inside)
{
	autofree char *text = xasprintf("<volume><name>v</name><target>%s</target></volume>", inside);
	struct doc *doc = doc_parse(str_of(text), "volume", NULL);

	assert_non_null(doc);
	return doc;
}

/* ---- headers ---- */

static struct str head_of(const char *path, char *bytes, size_t most, uint64_t *size)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	n = pread(fd, bytes, most, 0);
	assert_true(n >= 0);
	*size = (uint64_t)st.st_size;
	return (struct str){ bytes, (size_t)n };
}

static const struct made {
	const char *format, *make; /* the command makes x.img */
	uint64_t capacity;	   /* 0: the head does not tell */
	const char *backing, *backing_format, *encryption, *compat;
	uint64_t cluster;
	bool lazy, extended;
} made[] = {
	{ "raw", "qemu-img create -q -f raw x.img 3M", .capacity = 3 * MIB },
	{ "qcow2", "qemu-img create -q -f qcow2 x.img 3G", 3 * GIB, .compat = "1.1", .cluster = 65536 },
	{ "qcow2", "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=512 x.img 3M", 3 * MIB, .compat = "0.10",
	  .cluster = 512 },
	{ "qcow2", "qemu-img create -q -f qcow2 -o lazy_refcounts=on,extended_l2=on,cluster_size=2M x.img 1T",
	  1ull << 40, .compat = "1.1", .cluster = 2 * MIB, .lazy = true, .extended = true },
	{ "qcow2", "qemu-img create -q -f qcow2 -u -b /srv/a -F raw x.img 1M", MIB, "/srv/a", "raw", .compat = "1.1",
	  .cluster = 65536 },
	{ "qcow2", "qemu-img create -q -f qcow2 -u -b b.img -F qcow2 -o compat=0.10 x.img 1M", MIB, "b.img", "qcow2",
	  .compat = "0.10", .cluster = 65536 },
	{ "qcow2",
	  "echo secret >key; qemu-img create -q -f qcow2 --object secret,id=s,file=key -o "
	  "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=200 x.img 1M",
	  MIB, .encryption = "luks", .compat = "1.1", .cluster = 65536 },
	{ "luks",
	  "echo secret >key; qemu-img create -q -f luks --object secret,id=s,file=key -o key-secret=s,iter-time=200 x.img 5M",
	  5 * MIB, .encryption = "luks" },
	{ "qcow", "qemu-img create -q -f qcow x.img 7M", 7 * MIB, .cluster = 4096 },
	{ "qed", "qemu-img create -q -f qed -o cluster_size=8192 x.img 7M", 7 * MIB, .cluster = 8192 },
	{ "qed", "qemu-img create -q -f raw b.img 9M; qemu-img create -q -f qed -b b.img -F raw x.img", 9 * MIB,
	  "b.img", "raw", .cluster = 65536 },
	{ "vmdk", "qemu-img create -q -f vmdk x.img 7G", 7 * GIB, .cluster = 65536 },
	{ "vmdk",
	  "rm -f b.vmdk; qemu-img create -q -f vmdk b.vmdk 1M; qemu-img create -q -f vmdk -b b.vmdk -F vmdk x.img", MIB,
	  "b.vmdk", "vmdk", .cluster = 65536 },
	{ "vmdk", "rm -f x-flat.img; qemu-img create -q -f vmdk -o subformat=monolithicFlat x.img 7M",
	  .capacity = 7 * MIB },
	{ "vdi", "qemu-img create -q -f vdi x.img 7M", 7 * MIB, .cluster = MIB },
	{ "vhdx", "qemu-img create -q -f vhdx x.img 8M", .capacity = 0 },
	{ "vpc", "qemu-img create -q -f vpc -o force_size=on x.img 8M", .capacity = 8 * MIB },
	{ "parallels", "qemu-img create -q -f parallels x.img 8M", 8 * MIB, .cluster = MIB },
};

static void same_text(const char *what, const struct made *m, const char *a, const char *b)
{
	if (!str_eq(a, b))
		fail_msg("%s: %s is '%s', expected '%s'", m->make, what, a ? a : "(none)", b ? b : "(none)");
}

static void same_number(const char *what, const struct made *m, uint64_t a, uint64_t b)
{
	if (a != b)
		fail_msg("%s: %s is %llu, expected %llu", m->make, what, (unsigned long long)a, (unsigned long long)b);
}

static void same_as_made(const struct made *m, const struct volume_info *info)
{
	same_text("format", m, info->format, m->format);
	same_text("backing", m, info->backing, m->backing);
	same_text("backing format", m, info->backing_format, m->backing_format);
	same_text("encryption", m, info->encryption, m->encryption);
	same_text("compat", m, info->compat, m->compat);
	same_number("capacity", m, info->capacity, m->capacity);
	same_number("cluster size", m, info->cluster_size, m->cluster);
	same_number("lazy_refcounts", m, info->lazy_refcounts, m->lazy);
	same_number("extended_l2", m, info->extended_l2, m->extended);
}

/* Every piece of it from its start: refused or not, but never more than there is. */
static void cut_short(struct str head, uint64_t size)
{
	for (size_t n = 0; n < head.n && n < 2048; n += n < 256 ? 1 : 13) {
		autofree char *copy = xmemdup(head.p, n ? n : 1);
		struct volume_info info = { 0 };

		if (image_header((struct str){ copy, n }, size, NULL, &info, NULL) == 0)
			assert_true(info.capacity <= INT64_MAX);
		(void)!image_header((struct str){ copy, n }, n, "qcow2", &info, NULL);
		volume_info_clear(&info);
	}
}

static void real_headers(void **state unused)
{
	autofree char *path = in_dir("x.img"), *bytes = xmalloc(65536);

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		const struct made *m = &made[i];
		struct volume_info info = { 0 };
		autoerror struct error err = { 0 };
		struct str head;
		uint64_t size;

		unlink(path);
		if (!shell(m->make)) {
			print_message("qemu-img cannot make %s: not looked at\n", m->format);
			continue;
		}
		head = head_of(path, bytes, 65536, &size);
		if (image_header(head, size, NULL, &info, &err) < 0)
			fail_msg("%s: %s", m->make, err.text);
		same_as_made(m, &info);
		assert_int_equal(image_header(head, size, m->format, &info, &err), 0);
		same_as_made(m, &info);
		assert_int_equal(image_header(head, size, "raw", &info, &err), 0);
		assert_string_equal(info.format, "raw");
		assert_int_equal(info.capacity, size);
		assert_null(info.backing);
		assert_int_equal(image_header(head, size, str_eq(m->format, "qed") ? "qcow2" : "qed", &info, &err),
				 -EBADMSG);
		assert_non_null(strstr(err.text, m->format));
		cut_short(head, size);
		volume_info_clear(&info);
	}
}

struct patch {
	size_t at;
	const char *bytes;
	size_t n;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *start;
	size_t n;
	struct patch patches[4];
	int r;
	const char *words;
} hostile[] = {
	/* a qcow2 of 4 KiB */
	{ BYTES("QFI\xfb\0\0\0\2"), { { 24, BYTES("\x80\0\0\0\0\0\0\0") } }, -EBADMSG, "than its format" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 24, BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff") } }, -EBADMSG, "claims 922" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 24, BYTES("\0\0\0\0\x80\0\0\0") } }, -EBADMSG, "than its format" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 24, BYTES("\0\0\0\0\x20\0\0\0") } }, 0, "" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 36, BYTES("\xff\xff\xff\xff") } }, -EBADMSG, "L1 table" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 20, BYTES("\0\0\0\x08") } }, -EBADMSG, "clusters" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 20, BYTES("\0\0\0\x16") } }, -EBADMSG, "clusters" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 20, BYTES("\xff\xff\xff\xff") } }, -EBADMSG, "clusters" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 8, BYTES("\0\0\0\0\0\0\x08\0\0\0\x04\0") } }, -EBADMSG, "name" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 8, BYTES("\0\0\0\0\0\0\x0f\xff\0\0\0\x02") } }, -EBADMSG, "name" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 8, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02") } }, -EBADMSG, "name" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 8, BYTES("\0\0\0\0\0\0\0\x08\0\0\0\x02") } }, -EBADMSG, "name" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 8, BYTES("\0\0\0\0\0\0\x02\0\0\0\0\x02") } }, -EBADMSG, "NUL" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 32, BYTES("\0\0\0\3") } }, -EBADMSG, "encryption" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 72, BYTES("\xe2\x79\x2a\xca\xff\xff\xff\xff") } }, -EBADMSG, "extension" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 72, BYTES("\xe2\x79\x2a\xca\0\0\0\x20") } }, -EBADMSG, "format" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 72, BYTES("\xe2\x79\x2a\xca\0\0\0\3r<w") } }, -EBADMSG, "format" },
	{ BYTES("QFI\xfb\0\0\0\2"), { { 72, BYTES("\0\0\0\7\0\0\xf0\0") } }, 0, "" }, /* ends behind what was seen */
	{ BYTES("QFI\xfb\0\0\0\3"), { { 100, BYTES("\0\0\0\x10") } }, -EBADMSG, "header" },
	{ BYTES("QFI\xfb\0\0\0\3"), { { 100, BYTES("\0\1\0\1") } }, -EBADMSG, "header" },
	{ BYTES("QFI\xfb\0\0\0\3"), { { 79, BYTES("\x04") } }, -ENOTSUP, "data_file" },
	{ BYTES("QFI\xfb\0\0\0\3"), { { 72, BYTES("\x80") } }, -EBADMSG, "incompatible" },
	{ BYTES("QFI\xfb\0\0\0\4"), { { 0 } }, -EBADMSG, "version" },
	{ BYTES("QFI\xfb\0\0\0\1"), { { 32, BYTES("\x09\x06") }, { 24, BYTES("\x7f") } }, -EBADMSG, "its format" },
	{ BYTES("QFI\xfb\0\0\0\1"), { { 32, BYTES("\x09\xff") } }, -EBADMSG, "L2" },
	{ BYTES("QED\0\0\0\1\0\4\0\0\0"), { { 48, BYTES("\0\0\0\0\0\0\0\x7f") } }, -EBADMSG, "its format" },
	{ BYTES("QED\0\1\0\1\0\4\0\0\0"), { { 0 } }, -EBADMSG, "clusters" },
	{ BYTES("KDMV\1\0\0\0"), { { 12, BYTES("\xff\xff\xff\xff\xff\xff\xff\x7f") } }, -EBADMSG, "its format" },
	{ BYTES("KDMV\1\0\0\0"), { { 28, BYTES("\xff\xff\xff\xff\0\0\0\0\1") } }, -EBADMSG, "description" },
	{ BYTES("# Disk DescriptorFile\nRW 18446744073709551615 FLAT \"a\"\nRW 9 FLAT \"b\"\n"),
	  { { 0 } },
	  -EBADMSG,
	  "its format" },
	{ BYTES("# Disk DescriptorFile\nparentFileNameHint=\"abc\n"), { { 0 } }, -EBADMSG, "does not end" },
	{ BYTES(""),
	  { { 64, BYTES("\x7f\x10\xda\xbe") }, { 0x17a, BYTES("\x10") }, { 0x170, BYTES("\1") } },
	  -EBADMSG,
	  "its format" },
	{ BYTES("LUKS\xba\xbe\0\1"), { { 104, BYTES("\0\0\1\0") } }, -EBADMSG, "its data" },
	{ BYTES("LUKS\xba\xbe\0\x9"), { { 0 } }, -EBADMSG, "version" },
	{ BYTES("#!/bin/sh\n#V2.0 Format\nmodprobe cloop"), { { 128, BYTES("\0\0\0\1") } }, -EBADMSG, "blocks" },
	{ BYTES("WithoutFreeSpace"), { { 36, BYTES("\1") }, { 28, BYTES("\1") } }, -EBADMSG, "its format" },
};

static void hostile_headers(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		autofree char *bytes = xcalloc(1, 4096);
		struct volume_info info = { .format = xstrdup("kept"), .capacity = 5 };
		autoerror struct error err = { 0 };
		int r;

		memcpy(bytes, hostile[i].start, hostile[i].n);
		if (str_starts(bytes, "QFI\xfb") && bytes[7] > 1) {
			bytes[23] = 16; /* clusters of 64 KiB */
			bytes[39] = 1;	/* an L1 entry: 512 MiB */
			bytes[103] = bytes[7] > 2 ? 104 : 0;
		}
		for (size_t j = 0; j < ARRAY_SIZE(hostile[i].patches) && hostile[i].patches[j].n; j++)
			memcpy(bytes + hostile[i].patches[j].at, hostile[i].patches[j].bytes, hostile[i].patches[j].n);
		r = image_header((struct str){ bytes, 4096 }, 4096, NULL, &info, &err);
		if (r != hostile[i].r || !strstr(err.text ? err.text : "", hostile[i].words))
			fail_msg("row %zu: %d '%s', expected %d '%s'", i, r, err.text ? err.text : "", hostile[i].r,
				 hostile[i].words);
		if (r < 0) {
			assert_string_equal(info.format, "kept");
			assert_int_equal(info.capacity, 5);
		}
		volume_info_clear(&info);
	}
}

/* ---- what qemu-img says ---- */

static void answers(void **state unused)
{
	static const char good[] =
		"{\"virtual-size\":1048576,\"actual-size\":4096,\"format\":\"qcow2\",\"cluster-size\":65536,"
		"\"encrypted\":true,\"backing-filename\":\"b\",\"full-backing-filename\":\"/x/b\",\"backing-filename-format\":"
		"\"raw\",\"format-specific\":{\"type\":\"qcow2\",\"data\":{\"compat\":\"1.1\",\"lazy-refcounts\":true,"
		"\"extended-l2\":true,\"encrypt\":{\"format\":\"luks\"}}},\"snapshots\":[1]}";
	static const char *const bad[] = {
		"",
		"[]",
		"1",
		"{",
		"{\"virtual-size\":-1}",
		"{\"virtual-size\":1e3}",
		"{\"virtual-size\":\"1\"}",
		"{\"virtual-size\":99999999999999999999}",
		"{\"cluster-size\":9999999999}",
		"{\"actual-size\":true}",
		"{\"format\":1}",
		"{\"encrypted\":\"yes\"}",
		"{\"backing-filename\":[]}",
		"{\"format\":\"a\\u0000b\"}",
		"{\"format-specific\":{\"data\":[]}}",
		"{\"format\":\"qcow2\",\"format-specific\":{\"data\":{\"compat\":1}}}",
		"{\"format-specific\":{\"data\":{\"data-file\":\"/etc/x\"}}}",
		"{\"format\":\"a\",\"format\":\"b\"}",
	};
	struct volume_info info = { .path = xstrdup("/p"), .backing = xstrdup("old") };

	assert_int_equal(image_info_parse(str_of(good), &info, NULL), 0);
	assert_int_equal(info.capacity, MIB);
	assert_int_equal(info.allocation, 4096);
	assert_int_equal(info.cluster_size, 65536);
	assert_string_equal(info.path, "/p");
	assert_string_equal(info.format, "qcow2");
	assert_string_equal(info.backing, "/x/b");
	assert_string_equal(info.backing_format, "raw");
	assert_string_equal(info.compat, "1.1");
	assert_string_equal(info.encryption, "luks");
	assert_true(info.lazy_refcounts && info.extended_l2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		autoerror struct error err = { 0 };
		if (image_info_parse(str_of(bad[i]), &info, &err) >= 0)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(err.text);
		assert_string_equal(info.backing, "/x/b");
	}
	assert_int_equal(image_info_parse(str_of("{}"), &info, NULL), 0);
	assert_null(info.backing);
	volume_info_clear(&info);
}

/* ---- images made ---- */

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int create(struct volume_spec spec, const char *path, struct error *err)
{
	autodoc struct doc *doc = target("");

	spec.xml = doc_root(doc);
	spec.uid = geteuid();
	spec.gid = getegid();
	spec.mode = 0640;
	error_clear(err);
	return image_create(NULL, &spec, path, false, err);
}

static void made_raw(void *arg unused)
{
	autofree char *path = in_dir("raw.img");
	autoerror struct error err = { 0 };
	struct statvfs fs;
	struct stat st;

	assert_int_equal(create((struct volume_spec){ .format = "raw", .capacity = GIB }, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, GIB);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(st.st_blocks * 512 < (blkcnt_t)MIB);
	assert_int_equal(create((struct volume_spec){ .format = "raw", .capacity = MIB }, path, &err), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, GIB);
	unlink(path);
	assert_int_equal(
		create((struct volume_spec){ .format = "raw", .capacity = 8 * MIB, .allocation = 2 * MIB }, path, &err),
		0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 8 * MIB);
	assert_in_range(st.st_blocks * 512, 2 * MIB, 3 * MIB);
	unlink(path);
	assert_int_equal(create((struct volume_spec){ .format = "raw", .capacity = 3 * MIB, .preallocation = "full" },
				path, &err),
			 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 * MIB);
	unlink(path);
	assert_int_equal(statvfs(dir, &fs), 0);
	assert_int_equal(create((struct volume_spec){ .format = "raw",
						      .capacity = (fs.f_bfree + 1024) * fs.f_frsize,
						      .preallocation = "falloc" },
				path, &err),
			 -ENOSPC);
	assert_non_null(strstr(err.text, "are free"));
	assert_false(there(path));
	assert_true(create((struct volume_spec){ .format = "raw", .capacity = 1ull << 63 }, path, &err) < 0);
	assert_false(there(path));
}

static void made_others(void *arg unused)
{
	autofree char *base = in_dir("base.qcow2"), *top = in_dir("top,1.qcow2"), *copy = in_dir("copy.raw");
	struct volume_spec spec = { .format = "qcow2", .capacity = 9 * MIB };
	struct volume_info info = { 0 };
	autoerror struct error err = { 0 };
	struct stat st;

	assert_int_equal(create(spec, base, &err), 0);
	assert_int_equal(image_ask(base, "qcow2", &info, &err), 0);
	assert_int_equal(info.capacity, 9 * MIB);
	assert_int_equal(image_resize(NULL, base, "qcow2", 16 * MIB, &err), 0);
	assert_int_equal(image_resize(NULL, base, "qcow2", MIB, &err), -EINVAL);
	assert_non_null(strstr(err.text, "only grows"));
	spec = (struct volume_spec){ .format = "qcow2", .backing = base, .backing_format = "qcow2" };
	assert_int_equal(create(spec, top, &err), 0);
	assert_int_equal(image_ask(top, "qcow2", &info, &err), 0);
	assert_int_equal(info.capacity, 16 * MIB);
	assert_string_equal(info.backing, base);
	assert_string_equal(info.backing_format, "qcow2");
	spec = (struct volume_spec){ .format = "raw", .from_path = top, .from_format = "qcow2" };
	assert_int_equal(create(spec, copy, &err), 0);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_size, 16 * MIB);
	assert_int_equal(st.st_mode & 07777, 0640);
	unlink(copy);
	/* what fails leaves nothing, and says what the program said */
	spec.from_path = "/nowhere/at/all";
	assert_int_equal(create(spec, copy, &err), -EIO);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_null(strstr(err.text, "qemu-img: qemu-img"));
	assert_false(there(copy));
	volume_info_clear(&info);
}

/* After its first piece. */
static void cancel_me(void *arg, uint64_t done, uint64_t total)
{
	*(uint64_t *)arg = total - done;
	task_cancel(task_self());
}

static void cancelled(void *arg unused)
{
	autofree char *path = in_dir("long.img");
	autoerror struct error err = { 0 };
	uint64_t left = 0;
	struct volume_spec spec = {
		.format = "raw", .capacity = 64 * MIB, .preallocation = "full", .progress = cancel_me, .arg = &left
	};

	assert_int_equal(create(spec, path, &err), -ECANCELED);
	assert_int_equal(left, 48 * MIB);
	assert_false(there(path));
	/* and one that begins cancelled and needs the program */
	spec = (struct volume_spec){ .format = "qcow2", .capacity = MIB };
	assert_int_equal(create(spec, path, &err), -ECANCELED);
	assert_false(there(path));
}

/* The line for LUKS, run with a passphrase by descriptor. */
static void encrypted(void *arg unused)
{
	autodoc struct doc *doc = target("<encryption format='luks'/>");
	autofree char *path = in_dir("luks.img"), *bytes = xmalloc(4096);
	struct volume_spec spec = { .format = "raw", .capacity = 4 * MIB, .secret = &phrase, .xml = doc_root(doc) };
	struct volume_info info = { 0 };
	autoerror struct error err = { 0 };
	char **argv = image_create_argv(&spec, path, numbers, &err);
	autoclose int fd = memfd_create("phrase", MFD_CLOEXEC);
	struct spawn_fd fds[] = { { fd, 3 } };
	uint64_t size;
	struct str head;

	assert_non_null(argv);
	assert_int_equal(write(fd, "open sesame", 11), 11);
	/* see run_again in image.c */
	for (int tries = 0; tries < 40; tries++)
		if (spawn_run_fds((const char *const *)argv, fds, 1, POOL_WORK_MS, &err) == 0)
			break;
		else if (!strstr(err.text, "accurate CPU usage"))
			fail_msg("%s", err.text);
	strv_free(argv);
	head = head_of(path, bytes, 4096, &size);
	assert_int_equal(image_header(head, size, NULL, &info, &err), 0);
	assert_string_equal(info.format, "luks");
	assert_int_equal(info.capacity, 4 * MIB);
	volume_info_clear(&info);
}

static void asked(void *arg unused)
{
	autofree char *path = in_dir("x.vhdx");
	struct volume_info info = { 0 };
	autoerror struct error err = { 0 };

	assert_true(shell("qemu-img create -q -f vhdx x.vhdx 8M"));
	assert_int_equal(image_ask(path, "vhdx", &info, &err), 0);
	assert_string_equal(info.format, "vhdx");
	assert_int_equal(info.capacity, 8 * MIB);
	assert_int_equal(image_ask(path, NULL, &info, &err), -EINVAL);
	assert_int_equal(image_ask(path, "qcow2", &info, &err), -EIO);
	volume_info_clear(&info);
}

#define IN_TASK(name)                                                                                                  \
	static void name##_test(void **state unused)                                                                   \
	{                                                                                                              \
		in_task(name, NULL);                                                                                   \
	}
IN_TASK(made_raw)
IN_TASK(made_others)
IN_TASK(cancelled)
IN_TASK(encrypted)
IN_TASK(asked)

static int setup(void **state unused)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/domfs-image-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state unused)
{
	autofree char *command = xasprintf("rm -rf '%s'", dir);

	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_headers),	  cmocka_unit_test(hostile_headers),  cmocka_unit_test(answers),
		cmocka_unit_test(made_raw_test),  cmocka_unit_test(made_others_test), cmocka_unit_test(cancelled_test),
		cmocka_unit_test(encrypted_test), cmocka_unit_test(asked_test),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
