/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds a guest again that an earlier domfs started.  The child wrote its pid and start time to the run directory before it became
 * QEMU, so a process that was started is known even if domfs died in the same instant; the uuid on its command line tells it
 * from a stranger with a recycled pid.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "launch.h"
#include "live.h"

/* How long adopt waits for the monitor before it goes on without: a stopped QEMU must not delay the others. */
#define ADOPT_WAIT_MS 3000

static char *read_small(const char *path, size_t max, size_t *n)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *p = xmalloc(max + 1);
	ssize_t r = fd < 0 ? -1 : read(fd, p, max);

	*n = r > 0 ? r : 0;
	p[*n] = 0;
	return p;
}

/* Does the command line of PID name this uuid as an argument of its own? */
static bool is_ours(pid_t pid, const char *uuid)
{
	char path[64];
	size_t n;
	autofree char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	text = read_small(path, 256 << 10, &n);
	for (size_t i = 0; i < n; i += strlen(text + i) + 1)
		if (!strcmp(text + i, uuid))
			return true;
	return false;
}

/* The pid that the child left in the run directory, 0 when there is none or it lives no more. */
static pid_t find_process(struct domain *d)
{
	autofree char *path = xasprintf("%s/pid", domain_run_dir(d));
	size_t n;
	autofree char *text = read_small(path, 64, &n);
	uint64_t start = 0;
	int pid = 0;

	if (sscanf(text, "%d %" SCNu64, &pid, &start) < 1 || pid <= 0)
		return 0;
	if (process_start_time(pid) == 0 || (start && process_start_time(pid) != start))
		return 0;
	return is_ours(pid, domain_uuid(d)) ? pid : 0;
}

static void tell_state(struct vm *vm, json_t *ret)
{
	const char *status = json_string_value(json_object_get(ret, "status"));
	struct news n = { .kind = NEWS_PAUSED, .why = "unknown" };
	json_t *shutdown;

	if (json_is_true(json_object_get(ret, "running"))) {
		n.kind = NEWS_RUNNING;
		n.why = "found";
	} else if (str_eq(status, "shutdown")) { /* it powered off while nobody listened */
		shutdown = json_pack("{s:b, s:s}", "guest", 1, "reason", "guest-shutdown");
		vm_event(vm, "SHUTDOWN", shutdown);
		json_decref(shutdown);
		return;
	} else if (str_eq(status, "io-error")) {
		n.why = "ioerror";
	} else if (str_eq(status, "guest-panicked")) {
		n.why = "crashed";
	} else if (str_eq(status, "paused")) {
		n.why = "user";
	}
	domain_news(vm->d, &n);
}

/* The monitor did not answer in time: the guest is ours all the same; its state is told when it does. */
static void late(void *arg)
{
	autovm struct vm *vm = arg;
	json_t *ret = NULL;

	if (vm->gone || qmp_greeting(vm->qmp, NO_TIMEOUT, NULL) < 0)
		return;
	if (qmp_command(vm->qmp, "qmp_capabilities", NULL, -1, NO_TIMEOUT, NULL, NULL) < 0 ||
	    qmp_command(vm->qmp, "query-status", NULL, -1, NO_TIMEOUT, &ret, NULL) < 0)
		return;
	vm_learn(vm, NULL);
	if (!vm->gone)
		tell_state(vm, ret);
	json_decref(ret);
}

/* 0: it runs and its state was told or will be; -ESRCH: it was no finished start and is gone now. */
static int talk(struct vm *vm, struct error *err)
{
	json_t *ret = NULL;
	int r = qmp_greeting(vm->qmp, ADOPT_WAIT_MS, NULL);

	if (r == 0)
		r = qmp_command(vm->qmp, "qmp_capabilities", NULL, -1, ADOPT_WAIT_MS, NULL, NULL);
	if (r == 0)
		r = qmp_command(vm->qmp, "query-status", NULL, -1, ADOPT_WAIT_MS, &ret, NULL);
	if (!domain_kept(vm->d, "started") && !json_is_true(json_object_get(ret, "running"))) {
		json_decref(ret);
		vm_kill(vm, NULL);
		return error_set(err, ESRCH,
				 "domfs ended while it was starting this guest, before the guest ran; "
				 "what was started of it has been removed: start it again");
	}
	vm->started = true;
	if (r < 0) {
		task_start(late, vm_ref(vm));
		return 0;
	}
	domain_keep(vm->d, "started", "1");
	vm_learn(vm, NULL);
	if (!vm->gone)
		tell_state(vm, ret);
	json_decref(ret);
	return 0;
}

static void adopt_numbers(struct vm *vm)
{
	const char *uid = domain_kept(vm->d, "uid");
	const char *next = domain_kept(vm->d, "next_file");

	vm->uid = uid ? strtoul(uid, NULL, 10) : 0;
	vm->gid = vm->uid;
	if (next)
		vm->next_file = strtoul(next, NULL, 10);
	if (!config.guest_user_fixed)
		guest_uid_adopt(vm->uid);
}

int qemu_adopt(struct domain *d, struct error *err)
{
	autofree char *path = vm_monitor_path(d);
	autofree char *dir = vm_guest_dir(d);
	autovm struct vm *vm = NULL;
	pid_t pid = find_process(d);
	int fd, r;

	if (!pid) {
		tree_remove(dir);
		return error_set(err, ESRCH, "%s",
				 domain_kept(d, "started")
					 ? "QEMU ended while domfs was not running"
					 : "domfs ended while it was starting this guest: start it again");
	}
	vm = vm_new(d);
	adopt_numbers(vm);
	domain_set_priv(d, vm_ref(vm));
	r = vm_watch(vm, pid, err);
	if (r < 0)
		goto gone;
	fd = unix_connect(path, err);
	if (fd >= 0)
		vm_monitor(vm, fd);
	else if (!domain_kept(d, "started"))
		vm_kill(vm, NULL);
	if (fd < 0 && domain_kept(d, "started")) { /* alive, but deaf: it can still be watched and destroyed */
		vm->started = true;
		return 0;
	}
	r = fd < 0 ? -ESRCH : talk(vm, err);
	if (r == 0)
		return 0;
gone:
	tree_remove(dir);
	if (domain_priv(d) == vm) {
		domain_set_priv(d, NULL);
		vm_unref(vm);
	}
	return r == -ESRCH ? r : error_in(err, -ESRCH, "not found again");
}
