/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: a table of subcommands. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "connect.h"
#include "engine/driver.h"
#include "engine/faults.h"
#include "engine/offload.h"
#include "mount.h"
#include "remote/remote.h"
#include "treecmd.h"

struct command {
	const char *name;
	const char *usage;
	const char *doc;
	int (*run)(int argc, char **argv);
};

static const struct command commands[];

static int misuse(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			fprintf(stderr, "usage: domfs %s %s\n", c->name, c->usage);
	return 2;
}

static int fail(const struct error *err)
{
	fprintf(stderr, "domfs: %s\n", error_text(err));
	return 1;
}

static int options(struct mount_options *o, int argc, char **argv, struct error *err)
{
	int c, r;

	while ((c = getopt(argc, argv, "+fo:")) != -1) {
		if (c == 'f')
			o->foreground = true;
		else if (c != 'o')
			return -E2BIG;
		else if ((r = mount_option_text(o, optarg, err)) < 0)
			return r;
	}
	return 0;
}

static int serve_arguments(struct mount_options *o, int argc, char **argv, struct error *err)
{
	int r = options(o, argc, argv, err);

	return r < 0 ? r : argc != optind ? -E2BIG : 0;
}

static int mount_arguments(struct mount_options *o, int argc, char **argv, struct error *err)
{
	int r = options(o, argc, argv, err);

	if (r < 0)
		return r;
	if (argc - optind < 1 || argc - optind > 2)
		return -E2BIG;
	if (argc - optind == 2 && strcmp(argv[optind], "local") != 0) {
		r = remote_check(argv[optind], err);
		if (r < 0)
			return r;
		mount_options_client(o, argv[optind]);
	}
	o->mountpoint = realpath(argv[argc - 1], NULL);
	if (!o->mountpoint) /* a dead mount cannot be resolved */
		o->mountpoint = argv[argc - 1][0] == '/' ? xstrdup(argv[argc - 1]) : NULL;
	return o->mountpoint ? 0 : error_set(err, errno, "'%s': %s", argv[argc - 1], strerror(errno));
}

/* A library's memory goes when the process exits: where a thread of ours is still inside one, it must not see that. */
static int leave(int r)
{
	if (workers_settle(0))
		return r;
#ifdef __SANITIZE_ADDRESS__
	__lsan_do_leak_check();
#endif
	fflush(NULL);
	_exit(r);
}

static int run_server(const char *name, int argc, char **argv,
		      int (*arguments)(struct mount_options *o, int argc, char **argv, struct error *err))
{
	autoerror struct error err = { 0 };
	struct mount_options o;
	int r;

	config_defaults();
	mount_options_defaults(&o);
	r = arguments(&o, argc, argv, &err);
	if (r >= 0)
		r = mount_options_check(&o, &err);
	if (r >= 0)
		r = mount_run(&o);
	else if (err.code)
		r = fail(&err);
	else
		r = misuse(name);
	mount_options_free(&o);
	config_free();
	return leave(r);
}

static int run_mount(int argc, char **argv)
{
	return run_server("mount", argc, argv, mount_arguments);
}

static int run_serve(int argc, char **argv)
{
	return run_server("serve", argc, argv, serve_arguments);
}

static int run_umount(int argc, char **argv)
{
	autoerror struct error err = { 0 };

	if (argc != 2)
		return misuse("umount");
	return umount_run(argv[1], &err) < 0 ? fail(&err) : 0;
}

static int run_connect(int argc, char **argv unused)
{
	autoerror struct error err = { 0 };
	int r;

	if (argc != 1)
		return misuse("connect");
	config_defaults();
	r = connect_run(&err) < 0 ? fail(&err) : 0;
	config_free();
	return r;
}

static int run_check(int argc, char **argv)
{
	int r;

	if (argc != 2)
		return misuse("check");
	config_defaults();
	r = check_run(argv[1]);
	config_free();
	return r;
}

static int run_tree(int argc, char **argv unused)
{
	return argc == 1 ? tree_run() : misuse("tree");
}

static int run_version(int argc, char **argv unused)
{
	if (argc != 1)
		return misuse("version");
	puts("domfs " DOMFS_VERSION);
	return 0;
}

/* What DOMFS_CRASH and DOMFS_FAIL may name: for tests, which walk the list. */
static int print_faults(void)
{
	for (int i = 0; fault_names[i]; i++)
		puts(fault_names[i]);
	return 0;
}

static int run_help(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "faults"))
		return print_faults();
	puts("domfs: virtual machines as a file tree\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  domfs %s %s\n        %s\n", c->name, c->usage, c->doc);
	return 0;
}

static const struct command commands[] = {
	{ "mount", "[-f] [-o option,...] [SOURCE] MOUNTPOINT",
	  "mounts this host's domains, or those of SOURCE (ssh://HOST, ...); -f stays in the foreground", run_mount },
	{ "serve", "[-f] [-o option,...]", "the same without a mount, for those who come in by a socket or ssh",
	  run_serve },
	{ "umount", "MOUNTPOINT", "unmounts; guests go on", run_umount },
	{ "connect", "", "joins standard input and output to the domfs of this host: what ssh runs at the other end",
	  run_connect },
	{ "check", "FILE.xml", "checks a definition and prints what it would become", run_check },
	{ "tree", "", "prints every file of the tree with a line about it", run_tree },
	{ "version", "", "prints the version", run_version },
	{ "help", "", "prints this", run_help },
	{ 0 },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		run_help(1, argv);
		return 2;
	}
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, argv[1]))
			return c->run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return run_help(argc, argv);
	if (!strcmp(argv[1], "--version"))
		return run_version(1, argv);
	fprintf(stderr, "domfs: unknown command '%s': see domfs help\n", argv[1]);
	return 2;
}
