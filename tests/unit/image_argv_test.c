/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemu-img's command lines: our own cases, what is refused, and libvirt's. */
#include <setjmp.h>
#include <stdarg.h>

#include "drivers/storage/storage.h"

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#define MIB    (1ull << 20)
#define GIB    (1ull << 30)
#define CORPUS "../shared/corpus/storagevol-argv"

static const int numbers[] = { 3, 4, 5 };
static struct secret phrase; /* only that there is one counts */

static char *line_of(char **argv)
{
	autobuf struct buf b = { 0 };

	for (char **w = argv; w && *w; w++)
		buf_printf(&b, "%s%s", w == argv ? "" : " ", *w);
	strv_free(argv);
	return buf_take(&b);
}

static struct doc *target(const char *inside)
{
	autofree char *text = xasprintf("<volume><name>v</name><target>%s</target></volume>", inside);
	struct doc *doc = doc_parse(str_of(text), "volume", NULL);

	assert_non_null(doc);
	return doc;
}

/* ---- command lines ---- */

static const struct line {
	struct volume_spec spec;
	const char *target, *create, *fill;
} lines[] = {
	{ { .format = "raw", .capacity = GIB }, "", "qemu-img create -f raw /i 1073741824", "" },
	{ { .format = "qcow2", .capacity = GIB }, "", "qemu-img create -f qcow2 -o compat=1.1 /i 1073741824", "" },
	{ { .format = "qcow2", .capacity = 1 },
	  "<compat>0.10</compat>",
	  "qemu-img create -f qcow2 -o compat=0.10 /i 1",
	  "" },
	{ { .format = "qcow2", .capacity = 1, .preallocation = "metadata" },
	  "<clusterSize unit='KiB'>128</clusterSize><features><lazy_refcounts/><extended_l2/></features>",
	  "qemu-img create -f qcow2 -o "
	  "preallocation=metadata,compat=1.1,cluster_size=131072,lazy_refcounts=on,extended_l2=on /i 1",
	  "" },
	{ { .format = "qcow2", .capacity = 1, .preallocation = "off" },
	  "<nocow/>",
	  "qemu-img create -f qcow2 -o nocow=on,compat=1.1 /i 1",
	  "" },
	{ { .format = "qcow2", .backing = "/a,b", .backing_format = "raw" },
	  "",
	  "qemu-img create -f qcow2 -b /a,b -o backing_fmt=raw,compat=1.1 /i",
	  "" },
	{ { .format = "qcow2",
	    .capacity = 7,
	    .backing = "nbd://h/x",
	    .backing_format = "qcow2",
	    .backing_secret = &phrase },
	  "",
	  "qemu-img create -f qcow2 -b nbd://h/x -u -o backing_fmt=qcow2,compat=1.1 /i 7",
	  "" },
	{ { .format = "qed", .capacity = 1 },
	  "<clusterSize unit='bytes'>4096</clusterSize>",
	  "qemu-img create -f qed -o cluster_size=4096 /i 1",
	  "" },
	{ { .format = "vmdk", .capacity = 1 }, "", "qemu-img create -f vmdk /i 1", "" },
	{ { .format = "vdi", .capacity = 1 }, "", "qemu-img create -f vdi /i 1", "" },
	{ { .format = "vpc", .capacity = 1 }, "", "qemu-img create -f vpc /i 1", "" },
	{ { .format = "raw", .capacity = 1, .secret = &phrase, .preallocation = "falloc" },
	  "<encryption format='luks'><cipher name='aes' size='256' mode='xts' hash='sha256'/><ivgen name='plain64' "
	  "hash='sha1'/></encryption>",
	  "qemu-img create -f luks --object secret,id=sec0,file=/dev/fd/3 -o "
	  "key-secret=sec0,cipher-alg=aes-256,cipher-mode=xts,hash-alg=sha256,ivgen-alg=plain64,ivgen-hash-alg=sha1,"
	  "preallocation=falloc /i 1",
	  "" },
	{ { .format = "qcow2", .capacity = 1, .secret = &phrase },
	  "<encryption format='luks'><cipher name='a,b=c' size='1' mode='xts'/></encryption>",
	  "qemu-img create -f qcow2 --object secret,id=sec0,file=/dev/fd/3 -o "
	  "encrypt.format=luks,encrypt.key-secret=sec0,encrypt.cipher-alg=a,,b=c-1,encrypt.cipher-mode=xts,compat=1.1 /i "
	  "1",
	  "" },
	{ { .format = "raw", .from_path = "/s", .from_format = "qcow2" },
	  "",
	  "qemu-img convert -f qcow2 -O raw /s /i",
	  "" },
	{ { .format = "qcow2", .from_path = "/s", .from_format = "iso" },
	  "<compat>0.10</compat>",
	  "qemu-img convert -f raw -O qcow2 -o compat=0.10 /s /i",
	  "" },
	{ { .format = "qcow2", .capacity = 9, .from_path = "/s,1", .from_format = "raw", .from_secret = &phrase },
	  "",
	  "qemu-img create -f qcow2 -o compat=1.1 /i 9",
	  "qemu-img convert --image-opts -n --target-image-opts --object secret,id=sec2,file=/dev/fd/5 "
	  "driver=luks,file.filename=/s,,1,key-secret=sec2 driver=qcow2,file.filename=/i" },
};

static void command_lines(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		autodoc struct doc *doc = target(lines[i].target);
		autoerror struct error err = { 0 };
		struct volume_spec spec = lines[i].spec;
		autofree char *create = NULL, *fill = NULL;

		spec.xml = doc_root(doc);
		create = line_of(image_create_argv(&spec, "/i", numbers, &err));
		assert_null(err.text);
		assert_string_equal(create, lines[i].create);
		fill = line_of(image_fill_argv(&spec, "/i", numbers));
		assert_string_equal(fill, lines[i].fill);
	}
}

static void refused_lines(void **state unused)
{
	static const struct {
		struct volume_spec spec;
		const char *target, *path, *words;
	} rows[] = {
		{ { .format = "iso" }, "", "/i", "cannot be made, only read" },
		{ { .format = "bochs" }, "", "/i", "cannot be made, only read" },
		{ { .format = NULL }, "", "/i", "cannot be made" },
		{ { .format = "raw" }, "", "i", "absolute path" },
		{ { .format = "raw" }, "", "json:{}", "absolute path" },
		{ { .format = "raw" }, "", "-i", "absolute path" },
		{ { .format = "raw", .capacity = 1ull << 63 }, "", "/i", "2^63" },
		{ { .format = "qcow2" },
		  "<compat>0.10</compat><features><lazy_refcounts/></features>",
		  "/i",
		  "compat 1.1" },
		{ { .format = "qcow2" },
		  "<compat>0.10</compat><features><extended_l2/></features>",
		  "/i",
		  "compat 1.1" },
		{ { .format = "raw" }, "<features><lazy_refcounts/></features>", "/i", "for format qcow2" },
		{ { .format = "vdi" }, "<compat>1.1</compat>", "/i", "for format qcow2" },
		{ { .format = "raw" }, "<clusterSize>4096</clusterSize>", "/i", "clusterSize" },
		{ { .format = "raw", .backing = "/b", .backing_format = "raw" }, "", "/i", "no place" },
		{ { .format = "qcow2", .backing = "/b" }, "", "/i", "never guessed" },
		{ { .format = "qcow2", .backing = "json:{}", .backing_format = "raw" }, "", "/i", "absolute path" },
		{ { .format = "qcow2", .backing = "b", .backing_format = "raw" }, "", "/i", "absolute path" },
		{ { .format = "qcow2",
		    .backing = "/b",
		    .backing_format = "raw",
		    .from_path = "/s",
		    .from_format = "raw" },
		  "",
		  "/i",
		  "no backing file" },
		{ { .format = "raw", .preallocation = "metadata" }, "", "/i", "preallocation" },
		{ { .format = "vdi", .preallocation = "full" }, "", "/i", "preallocation" },
		{ { .format = "luks" }, "", "/i", "encryption" },
		{ { .format = "raw" }, "<encryption format='luks'/>", "/i", "secret" },
		{ { .format = "vdi", .secret = &phrase }, "<encryption format='luks'/>", "/i", "cannot be encrypted" },
		{ { .format = "qcow2", .secret = &phrase }, "<encryption format='qcow'/>", "/i", "use luks" },
		{ { .format = "raw", .from_path = "/s" }, "", "/i", "not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autodoc struct doc *doc = target(rows[i].target);
		autoerror struct error err = { 0 };
		struct volume_spec spec = rows[i].spec;

		spec.xml = doc_root(doc);
		assert_null(image_create_argv(&spec, rows[i].path, numbers, &err));
		assert_non_null(err.text);
		if (!strstr(err.text, rows[i].words))
			fail_msg("'%s' does not say '%s'", err.text, rows[i].words);
	}
}

/* ---- libvirt's own command lines ---- */

static const struct {
	const char *name, *volume, *from;
} corpus[] = {
	{ "iso-input", "vol-file", "vol-file-iso" },
	{ "logical-from-qcow2", "vol-logical", "vol-qcow2" },
	{ "luks", "vol-luks", NULL },
	{ "luks-convert", "vol-luks-convert", "vol-file" },
	{ "luks-convert-encrypt", "vol-luks", "vol-luks-convert" },
	{ "luks-convert-encrypt2fileqcow2", "vol-file-qcow2", "vol-luks-convert" },
	{ "luks-convert-encrypt2fileraw", "vol-file", "vol-luks-convert" },
	{ "luks-convert-qcow2", "vol-luks-convert", "vol-file-qcow2" },
	{ "qcow2-compat", "vol-qcow2", NULL },
	{ "qcow2-lazy", "vol-qcow2-lazy", NULL },
	{ "qcow2-luks", "vol-qcow2-luks", NULL },
	{ "qcow2-luks-convert-encrypt", "vol-qcow2-luks", "vol-qcow2-luks-convert" },
	{ "qcow2-luks-convert-encrypt2fileqcow2", "vol-file-qcow2", "vol-qcow2-luks-convert" },
	{ "qcow2-luks-convert-encrypt2fileraw", "vol-file", "vol-qcow2-luks-convert" },
	{ "qcow2-nocow-compat", "vol-qcow2-nocow", NULL },
	{ "qcow2-zerocapacity", "vol-qcow2-zerocapacity", NULL },
};

static char *corpus_file(const char *fmt, const char *name)
{
	autofree char *file = xasprintf(fmt, name), *path = xasprintf("%s/%s", CORPUS, file);
	autobuf struct buf b = { 0 };
	char bytes[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		buf_add(&b, bytes, n);
	fclose(f);
	return buf_take(&b);
}

/* OLD by NEW everywhere in *TEXT. */
static void replace_all(char **text, const char *old, const char *new)
{
	autobuf struct buf b = { 0 };
	const char *p = *text, *hit;

	while ((hit = strstr(p, old))) {
		buf_add(&b, p, (size_t)(hit - p));
		buf_puts(&b, new);
		p = hit + strlen(old);
	}
	buf_puts(&b, p);
	free(*text);
	*text = buf_take(&b);
}

/* Their names of secrets by ours. */
static void rename_secret(char **text, const char *file, int number)
{
	autofree char *after = xasprintf(",file=%s", file), *id = NULL, *ours = xasprintf("sec%d", number),
		      *ours_file = xasprintf(",file=/dev/fd/%d", 3 + number);
	char *end = strstr(*text, after), *begin = end;

	if (!end)
		return;
	while (begin > *text && begin[-1] != '=')
		begin--;
	id = xstrndup(begin, (size_t)(end - begin));
	replace_all(text, after, ours_file);
	replace_all(text, id, ours);
}

/* As ours are written: a command a line, bytes, lazy_refcounts=on. */
static char *theirs(const char *name)
{
	autofree char *text = corpus_file("%s.argv", name), *save = NULL;
	autobuf struct buf b = { 0 };
	char *word, *state = NULL;

	assert_non_null(text);
	replace_all(&text, " \\\n", " ");
	rename_secret(&text, "/path/to/secretFile", 0);
	rename_secret(&text, "/path/to/inputSecretFile", 2);
	save = xstrdup(text);
	for (word = strtok_r(save, " \n", &state); word; word = strtok_r(NULL, " \n", &state)) {
		char *end;
		unsigned long long n = strtoull(word, &end, 10);

		if (end > word && !strcmp(end, "K"))
			buf_printf(&b, " %llu", n << 10);
		else
			buf_printf(&b, "%s%s", !strcmp(word, "qemu-img") ? "\n" : " ", word);
		if (str_ends(word, ",lazy_refcounts"))
			buf_puts(&b, "=on");
	}
	return buf_take(&b);
}

static struct doc *corpus_volume(const char *name)
{
	autofree char *text = corpus_file("inputs.vol.%s.xml", name);
	struct doc *doc;

	assert_non_null(text);
	doc = doc_parse(str_of(text), "volume", NULL);
	assert_non_null(doc);
	return doc;
}

static void libvirts_lines(void **state unused)
{
	if (access(CORPUS, R_OK)) {
		print_message("%s is not there: libvirt's command lines are not compared\n", CORPUS);
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(corpus); i++) {
		autodoc struct doc *doc = corpus_volume(corpus[i].volume),
				   *from = corpus[i].from ? corpus_volume(corpus[i].from) : NULL;
		const struct node *v = doc_root(doc), *f = from ? doc_root(from) : NULL;
		const char *path = node_get(v, "target/path");
		autofree char *expected = theirs(corpus[i].name), *create = NULL, *fill = NULL, *got = NULL;
		autoerror struct error err = { 0 };
		struct volume_spec spec = { .xml = v, .format = node_get_or(v, "target/format/@type", "raw") };

		assert_int_equal(size_parse_unit(str_of(node_get(v, "capacity")), node_get(v, "capacity/@unit"),
						 "bytes", &spec.capacity, NULL),
				 0);
		spec.secret = node_has(v, "target/encryption") ? &phrase : NULL;
		spec.backing = f ? NULL : node_get(v, "backingStore/path");
		spec.backing_format = f ? NULL : node_get(v, "backingStore/format/@type");
		if (f) {
			spec.from_path = node_get(f, "target/path");
			spec.from_format = node_get_or(f, "target/format/@type", "raw");
			spec.from_secret = node_has(f, "target/encryption") ? &phrase : NULL;
		}
		create = line_of(image_create_argv(&spec, path, numbers, &err));
		fill = line_of(image_fill_argv(&spec, path, numbers));
		got = xasprintf("\n%s%s%s", create, *fill ? "\n" : "", fill);
		if (strcmp(got, expected))
			fail_msg("%s:%s\nis not%s\n%s", corpus[i].name, got, expected, error_text(&err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),
		cmocka_unit_test(refused_lines),
		cmocka_unit_test(libvirts_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
