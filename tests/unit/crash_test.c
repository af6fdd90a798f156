/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domfs is killed at every step of every operation (engine/faults.h); then a new one opens the same directories.  Every definition must be there,
 * whole, old or new; every guest that was started must be known, and can be ended; nothing must be left over.
 */
#include "fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "engine/faults.h"

static void prepare(void *arg unused)
{
	fixture_open();
	make("web");
	make("old");
	make("doomed");
	fixture_close();
}

/* One of each; the process dies somewhere in it. */
static void everything(void *arg unused)
{
	struct domain *web;
	struct part *p;

	fixture_open();
	web = domain_find("web");
	make("new");
	ok(set(web, "cpus", "2"));
	ok(domain_rename(domain_find("old"), "renamed", &last));
	ok(domain_drop(domain_find("doomed"), &last));
	ok(command(web, "start"));
	ok(part_make(web, PART_DISK, VIEW_NOW, "vdb", &p, &last));
	ok(disk_source_store(p, VIEW_NOW, str_of("/b.qcow2"), &root_who, &last));
	ok(part_detach(p, VIEW_NOW, &last));
	ok(command(web, "destroy"));
	fixture_close();
}

static void must(bool is, const char *what)
{
	if (is)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

static void check_one(struct domain *d)
{
	autodoc struct doc *config_doc = doc_parse(d->config, "domain", NULL);
	autodoc struct doc *full = doc_parse(d->full, "domain", NULL);

	must(config_doc && full, "both texts are whole");
	must(node_is(doc_root(full), "name", d->obj.name), "the name is the file's");
	must(node_is(doc_root(full), "uuid", d->uuid), "the uuid is the header's");
	must(node_u64(doc_root(full), "vcpu/@current", 0) == d->next_cpus, "the header agrees with the text");
	must(d->driver != NULL, "it has a driver");
}

static unsigned count_files(const char *name)
{
	autofree char *path = fixture_path(name);
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void look(void *arg unused)
{
	struct domain *d;

	fixture_open();
	must(domain_find("web"), "web is there");
	must(!domain_find("old") != !domain_find("renamed"), "the renamed one is there once");
	for (d = domain_after(0); d; d = domain_after(d->obj.serial))
		check_one(d);
	must(count_files("state/broken") == 0, "nothing was set aside");
	for (d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		ok(command(d, "destroy"));
		ok(command(d, "start"));
		ok(command(d, "destroy"));
		must(d->state == DOMAIN_SHUTOFF, "it is off");
	}
	must(count_files("run/domains") == 0, "no run directory is left");
	store_sync();
	must(count_files("state/domains") == domain_count(), "a file for each domain and none beside");
	fixture_close();
}

/* FN in a process of its own: its wait status. */
static int in_child(void (*fn)(void *arg))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		in_task(fn, NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void one_step(const char *name, int nth)
{
	autofree char *step = xasprintf("%s:%d", name, nth);
	autofree char *state = fixture_path("state"), *run = fixture_path("run");
	autofree char *clean = xasprintf("rm -rf '%s' '%s'", state, run);
	int status;

	assert_int_equal(system(clean), 0);
	assert_int_equal(in_child(prepare), 0);
	setenv("DOMFS_CRASH", step, 1);
	status = in_child(everything);
	unsetenv("DOMFS_CRASH");
	if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		fail_msg("%s: the operations failed (status %x)", step, status);
	if (strncmp(name, "store:", 6) && !strstr(name, "qemu") && nth == 1 && status == 0)
		fail_msg("%s: was never passed", step);
	if (in_child(look) != 0)
		fail_msg("after a crash at %s", step);
}

/* The steps of secrets, pools and volumes are walked through a mount (tests/tree/crash.sh). */
static bool is_of_domains(const char *name)
{
	static const char *const others[] = { "secret:", "pool-", "volume-" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_starts(name, others[i]))
			return false;
	return true;
}

static void nothing_is_lost_at_any_step(void **state unused)
{
	for (int i = 0; fault_names[i]; i++)
		for (int nth = 1;
		     is_of_domains(fault_names[i]) && nth <= (str_starts(fault_names[i], "store:") ? 8 : 2); nth++)
			one_step(fault_names[i], nth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_lost_at_any_step, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
