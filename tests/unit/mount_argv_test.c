/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools that are mounts: the command line of mount(8), what the kernel says is mounted, and what servers export. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../drivers/storage/discover.h"
#include "in_task.h"

#define CORPUS "../shared/corpus/storagepool"
#define FS_NS  " xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'"

extern const struct pool_driver fs_pool, netfs_pool;

static void free_argv(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}

static char *joined(char **argv)
{
	struct buf out = { 0 };

	for (char **a = argv; a && *a; a++)
		buf_printf(&out, "%s%s", a == argv ? "" : " ", *a);
	return buf_take(&out);
}

static struct doc *parsed(const char *text)
{
	struct error err = { 0 };
	struct doc *d = doc_parse(str_of(text), "pool", &err);

	if (!d)
		fail_msg("%s: %s", text, error_text(&err));
	return d;
}

static int complete(struct node *pool, struct error *err)
{
	const struct pool_driver *drv = node_is(pool, "@type", "fs") ? &fs_pool : &netfs_pool;

	return drv->complete(pool, "/var/pools", err);
}

static const struct {
	const char *type, *source, *rest, *command;
} becomes[] = {
	{ "fs", "<device path='/dev/sdb1'/><format type='ext4'/>", "",
	  "mount -o nodev,nosuid,noexec -t ext4 /dev/sdb1 /var/pools/p" },
	{ "fs", "<device path='/dev/sdb1'/>", "<target><path>/mnt//a b/</path></target>",
	  "mount -o nodev,nosuid,noexec -t auto /dev/sdb1 /mnt/a b" },
	{ "fs", "<device path='/dev/sdb1'/><format type='hfs+'/>", "",
	  "mount -o nodev,nosuid,noexec -t hfsplus /dev/sdb1 /var/pools/p" },
	{ "fs", "<device path='/dev/sdb1'/>", "<fs:mount_opts><fs:option name='ro'/></fs:mount_opts>",
	  "mount -o nodev,nosuid,noexec,ro -t auto /dev/sdb1 /var/pools/p" },
	{ "netfs", "<host name='h'/><dir path='/e x'/>", "", "mount -o nodev,nosuid,noexec h:/e x /var/pools/p" },
	{ "netfs", "<host name='h'/><dir path='/e'/><protocol ver='4.2'/>", "",
	  "mount -o nodev,nosuid,noexec,nfsvers=4.2 h:/e /var/pools/p" },
	{ "netfs", "<host name='fe80::1'/><dir path='/e'/><format type='nfs'/>", "",
	  "mount -o nodev,nosuid,noexec -t nfs [fe80::1]:/e /var/pools/p" },
	{ "netfs", "<host name='h'/><dir path='share/sub'/><format type='cifs'/>", "",
	  "mount -o nodev,nosuid,noexec,guest -t cifs //h/share/sub /var/pools/p" },
	{ "netfs", "<host name='h'/><dir path='/share'/><format type='cifs'/>", "",
	  "mount -o nodev,nosuid,noexec,guest -t cifs //h/share /var/pools/p" },
	{ "netfs", "<host name='h'/><dir path='volume'/><format type='glusterfs'/>", "",
	  "mount -o nodev,nosuid,noexec,direct-io-mode=1 -t glusterfs h:volume /var/pools/p" },
};

static void commands(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(becomes); i++) {
		autofree char *text = xasprintf("<pool type='%s'" FS_NS "><name>p</name><source>%s</source>%s</pool>",
						becomes[i].type, becomes[i].source, becomes[i].rest);
		autodoc struct doc *d = parsed(text);
		autoerror struct error err = { 0 };
		autofree char *is = NULL;
		char **argv;

		if (complete(doc_root(d), &err) < 0)
			fail_msg("%s: %s", text, error_text(&err));
		argv = mount_argv(doc_root(d), false, &err);
		if (!argv)
			fail_msg("%s: %s", text, error_text(&err));
		is = joined(argv);
		assert_string_equal(is, becomes[i].command);
		free_argv(argv);
	}
}

static void credentials_are_in_no_command(void **state unused)
{
	autodoc struct doc *d = parsed("<pool type='netfs'><name>p</name><source><host name='h'/><dir path='s'/>"
				       "<format type='cifs'/><auth type='cifs' username='u'><secret usage='x'/></auth>"
				       "</source></pool>");
	autofree char *is = NULL;
	char **argv;

	assert_int_equal(complete(doc_root(d), NULL), 0);
	argv = mount_argv(doc_root(d), true, NULL);
	is = joined(argv);
	assert_string_equal(is, "mount -o nodev,nosuid,noexec,credentials=/dev/fd/0 -t cifs //h/s /var/pools/p");
	free_argv(argv);
}

static const struct {
	const char *type, *source, *target, *words;
} refused[] = {
	{ "fs", "", "/m", "needs the path of a block device" },
	{ "fs", "<device path='sdb1'/>", "/m", "not absolute" },
	{ "fs", "<device path='/dev/sdb1'/><device path='/dev/sdc1'/>", "/m", "has one device, here are 2" },
	{ "fs", "<device path='/dev/sdb1'/>", "m", "target/path 'm' is not absolute" },
	{ "fs", "<device path='/dev/sdb1'/>", "/a/../b", "has . or .. in it" },
	{ "fs", "<device path='/dev/sdb1'/>", "//", "not mounted over everything else" },
	{ "netfs", "<dir path='/e'/>", "/m", "needs the name of its server" },
	{ "netfs", "<host name='h'/>", "/m", "directory that its server exports" },
	{ "netfs", "<host name='-oexec'/><dir path='/e'/>", "/m", "not the name or address" },
	{ "netfs", "<host name='a'/><host name='b'/><dir path='/e'/>", "/m", "has one server, here are 2" },
	{ "netfs", "<host name='h' port='2050'/><dir path='/e'/>", "/m", "port=2050" },
	{ "netfs", "<host name='h'/><dir path='/e'/><auth username='u'/>", "/m", "only CIFS servers" },
};

static void refusals(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		autofree char *text =
			xasprintf("<pool type='%s'><name>p</name><source>%s</source><target><path>%s</path>"
				  "</target></pool>",
				  refused[i].type, refused[i].source, refused[i].target);
		autodoc struct doc *d = parsed(text);
		autoerror struct error err = { 0 };

		assert_true(complete(doc_root(d), &err) < 0);
		if (!strstr(error_text(&err), refused[i].words))
			fail_msg("%s: %s", text, error_text(&err));
	}
}

static void version_is_for_nfs(void **state unused)
{
	autodoc struct doc *d = parsed("<pool type='netfs'><name>p</name><source><host name='h'/><dir path='s'/>"
				       "<format type='cifs'/><protocol ver='3'/></source></pool>");
	autoerror struct error err = { 0 };

	assert_int_equal(complete(doc_root(d), NULL), 0);
	assert_null(mount_argv(doc_root(d), false, &err));
	assert_non_null(strstr(error_text(&err), "version of NFS"));
}

/* ---- one line ---- */

static void source_in_one_line(void **state unused)
{
	static const struct {
		const char *text, *host, *dir, *format;
	} good[] = {
		{ "h:/e", "h", "/e", NULL },
		{ "[::1]:/e/f", "::1", "/e/f", NULL },
		{ "//h/s/t", "h", "/s/t", "cifs" },
		{ "h:v", "h", "v", "auto" },
	};
	autodoc struct doc *d = parsed("<pool type='netfs'><name>p</name></pool>");
	struct node *root = doc_root(d);
	autobuf struct buf shown = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(netfs_pool.source_store(root, str_of(good[i].text), NULL), 0);
		assert_string_equal(node_get(root, "source/host/@name"), good[i].host);
		assert_string_equal(node_get(root, "source/dir/@path"), good[i].dir);
		assert_true(str_eq(node_get(root, "source/format/@type"), good[i].format));
		buf_reset(&shown);
		netfs_pool.source_show(root, &shown);
		assert_string_equal(buf_text(&shown), good[i].text);
	}
	assert_int_equal(netfs_pool.source_store(root, str_of("nothing"), NULL), -EINVAL);
	assert_int_equal(netfs_pool.source_store(root, str_of("h:"), NULL), -EINVAL);
	assert_int_equal(netfs_pool.source_store(root, str_of("://x"), NULL), -EINVAL);
	assert_int_equal(fs_pool.source_store(root, str_of("sdb1"), NULL), -EINVAL);
}

/* ---- corpus ---- */

static char *slurp(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf out = { 0 };
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return NULL;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		buf_add(&out, bytes, (size_t)n);
	return buf_take(&out);
}

/* The project's directory: of the test's own program, which is built below it. */
static char *beside(const char *path)
{
	char here[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	for (char *slash = n > 0 ? strrchr(here, '/') : NULL; slash; slash = strrchr(here, '/')) {
		autofree char *try = NULL;
		*slash = 0;
		try = xasprintf("%s/%s", here, path);
		if (access(try, F_OK) == 0)
			return take(&try);
	}
	return NULL;
}

static void corpus(void **state unused)
{
	static const char *const rows[] = { "pool-netfs-ns-mountopts", "pool-netfs-protocol-ver" };
	autofree char *dir = beside(CORPUS);

	if (!dir) {
		print_message("# " CORPUS " is not there\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autofree char *file = xasprintf("%s/%s.xml", dir, rows[i]), *text = slurp(file);
		autofree char *want_file = xasprintf("%s-argv/%s-linux.argv", dir, rows[i]), *want = slurp(want_file);
		autodoc struct doc *d = parsed(text);
		autobuf struct buf plain = { 0 };
		autofree char *is = NULL;
		char **argv;

		for (const char *c = want; *c; c++)
			if (!strncmp(c, "\\\n", 2))
				c++;
			else if (*c != '\n')
				buf_putc(&plain, *c);
		assert_int_equal(complete(doc_root(d), NULL), 0);
		argv = mount_argv(doc_root(d), false, NULL);
		is = joined(argv);
		assert_string_equal(is, buf_text(&plain));
		free_argv(argv);
	}
}

static void corpus_gluster(void **state unused)
{
	autofree char *file = beside(CORPUS "/pool-netfs-gluster-without-slash.xml"), *text = file ? slurp(file) : NULL;
	autodoc struct doc *d = NULL;
	autofree char *source = NULL;

	if (!text) {
		print_message("# " CORPUS " is not there\n");
		skip();
	}
	d = parsed(text);
	assert_int_equal(complete(doc_root(d), NULL), 0);
	source = mount_source(doc_root(d));
	assert_string_equal(source, "example.com:volume");
}

/* ---- mountinfo ---- */

static const char mountinfo[] = "22 27 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
				"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
				"40 27 7:0 / /srv/a\\040b\\134c rw shared:1 master:2 - xfs /dev/loop0 rw\n"
				"41 40 0:50 / /srv/a\\040b\\134c rw - nfs4 [::1]:/exp\\011ort rw,vers=4.2\n"
				"42 27 0:51 /sub /mnt rw - cifs //Host/Share rw\n"
				"junk\n"
				"43 27 8:1 /dir /bind rw - ext4 /dev/sda1 rw";

static void mounts(void **state unused)
{
	struct str text = { mountinfo, sizeof(mountinfo) - 1 };
	struct mounted m;

	assert_false(mountinfo_find(text, "/srv", &m));
	assert_false(mountinfo_find(text, "/srv/a b", &m));
	assert_true(mountinfo_find(text, "/srv/a b\\c", &m));
	assert_string_equal(m.source, "[::1]:/exp\tort"); /* the one on top */
	assert_string_equal(m.type, "nfs4");
	mounted_clear(&m);
	assert_true(mountinfo_find(text, "/bind", &m));
	assert_int_equal(m.major, 8);
	assert_int_equal(m.minor, 1);
	assert_string_equal(m.root, "/dir");
	assert_string_equal(m.source, "/dev/sda1");
	mounted_clear(&m);
	assert_true(mountinfo_find(text, "/mnt", &m));
	assert_true(mount_source_same("//host/share/sub", m.source, m.root));
	assert_false(mount_source_same("//host/other", m.source, m.root));
	mounted_clear(&m);
}

static void holds(void **state unused)
{
	static const char all[] = "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
				  "40 27 0:30 /pools /srv/pool rw - btrfs /dev/vdb rw\n"
				  "41 27 0:30 /pools/home /home rw - btrfs /dev/vdb rw\n"
				  "42 27 0:30 /pools/web/logs /var/log/a\\040b rw - btrfs /dev/vdb rw\n"
				  "43 27 0:31 /pools/db /other rw - btrfs /dev/vdc rw\n"
				  "44 40 0:52 / /srv/pool/on rw - tmpfs none rw\n"
				  "45 40 0:53 / /srv/pool/in/deep rw - tmpfs none rw\n";
	static const struct {
		const char *name, *where;
	} cases[] = { { "home", "/home" },
		      { "web", "/var/log/a b" },
		      { "on", "/srv/pool/on" },
		      { "in", "/srv/pool/in/deep" },
		      { "db", NULL },
		      { "hom", NULL },
		      { "i", NULL },
		      { "web2", NULL } };
	struct str text = { all, sizeof(all) - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		autofree char *path = xasprintf("/srv/pool/%s", cases[i].name), *where = mountinfo_holds(text, path);

		assert_true(str_eq(where, cases[i].where));
	}
}

static void same_sources(void **state unused)
{
	assert_true(mount_source_same("h:/e", "h:/e/", "/"));
	assert_true(mount_source_same("h:/v", "h:v", "/"));
	assert_true(mount_source_same("[::1]:/e", "[::1]:/e", "/"));
	assert_true(mount_source_same("h:/", "h:/", "/"));
	assert_false(mount_source_same("h:/e", "h:/E", "/"));
	assert_false(mount_source_same("h:/e", "g:/e", "/"));
	assert_false(mount_source_same("h:/e", "/dev/sda1", "/e"));
}

static void ourselves_use(void **state unused)
{
	autobuf struct buf who = { 0 };
	char dir[] = "/tmp/users.XXXXXX";
	autoclose int fd = -1;
	bool us;

	assert_non_null(mkdtemp(dir));
	assert_false(mount_users(dir, &who, &us));
	assert_false(us);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(mount_users(dir, &who, &us));
	assert_true(us);
	assert_non_null(strstr(buf_text(&who), "mount_argv"));
	assert_int_equal(rmdir(dir), 0);
}

static void ask_kernel(void *arg unused)
{
	assert_true(kernel_mounts("proc"));
	assert_false(kernel_mounts("pro"));
	assert_false(kernel_mounts("no_such_file_system"));
}

static void kernel_knows(void **state unused)
{
	in_task(ask_kernel, NULL);
}

/* ---- what servers say ---- */

static void exports(void **state unused)
{
	autodoc struct doc *d = doc_parse(str_of("<sources/>"), "sources", NULL);
	struct node *s;

	nfs_exports_parse(str_of("/srv/a      *\n/srv/b c    10.0.0.0/8,host\nclnt_create: no\n/d"), "h", doc_root(d));
	assert_int_equal(node_count(doc_root(d), "source"), 3);
	s = node_first(doc_root(d), "source");
	assert_string_equal(node_get(s, "dir/@path"), "/srv/a");
	assert_string_equal(node_get(s, "host/@name"), "h");
	assert_string_equal(node_get(s, "format/@type"), "nfs");
	s = node_next(s, "source");
	assert_string_equal(node_get(s, "dir/@path"), "/srv/b c");
	assert_string_equal(node_get(node_next(s, "source"), "dir/@path"), "/d");
}

static void gluster_volumes(void **state unused)
{
	static const char said[] = "<?xml version='1.0'?><cliOutput><opRet>0</opRet><volInfo><volumes>"
				   "<volume><name>v1</name><id>x</id></volume><volume><name>v2</name></volume>"
				   "<count>2</count></volumes></volInfo></cliOutput>";
	autodoc struct doc *d = doc_parse(str_of("<sources/>"), "sources", NULL);

	assert_int_equal(gluster_volumes_parse(str_of(said), "h", doc_root(d), NULL), 0);
	assert_int_equal(node_count(doc_root(d), "source"), 2);
	assert_string_equal(node_get(doc_root(d), "source/dir/@path"), "v1");
	assert_int_equal(gluster_volumes_parse(str_of("no"), "h", doc_root(d), NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(credentials_are_in_no_command),
		cmocka_unit_test(refusals),
		cmocka_unit_test(version_is_for_nfs),
		cmocka_unit_test(source_in_one_line),
		cmocka_unit_test(corpus),
		cmocka_unit_test(corpus_gluster),
		cmocka_unit_test(mounts),
		cmocka_unit_test(holds),
		cmocka_unit_test(same_sources),
		cmocka_unit_test(ourselves_use),
		cmocka_unit_test(kernel_knows),
		cmocka_unit_test(exports),
		cmocka_unit_test(gluster_volumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
