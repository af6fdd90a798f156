/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of one QEMU process: start, the wait for its monitor, its end.
 *
 * Order of a start: everything that can be refused is refused first; files are opened with the owner's rights; the monitor's
 * socket is bound and connected before QEMU exists, so that nothing has to be polled for; the child writes its pid to
 * the run directory before it becomes QEMU, so that a start cut off at any instruction is found by adopt.
 */
#include <signal.h>
#include <sys/wait.h>

#include "launch.h"
#include "live.h"
#include "vm.h"

#define KILL_WAIT_MS 10000
/* A QEMU that was started on a loaded host may need long to open its monitor; 30 s is what libvirt waits. */
#define MONITOR_WAIT_MS 30000

/* Removes the guest's own directory: sockets that QEMU made; nothing deeper can be in it that we made. */
static void guest_dir_remove(struct domain *d)
{
	autofree char *dir = vm_guest_dir(d);

	tree_remove(dir);
}

/* What the news say of an end that nobody announced. */
static char *end_detail(const struct vm *vm)
{
	autofree char *tail = vm_log_tail(vm->d);
	struct buf out = { 0 };

	if (vm->status < 0)
		buf_puts(&out, "QEMU ended; its exit status went to whoever reaped it");
	else if (WIFSIGNALED(vm->status))
		buf_printf(&out, "QEMU was killed by signal %d (%s)", WTERMSIG(vm->status),
			   strsignal(WTERMSIG(vm->status)));
	else
		buf_printf(&out, "QEMU exited with status %d", WEXITSTATUS(vm->status));
	if (tail[0])
		buf_printf(&out, ": %s", tail);
	return buf_take(&out);
}

static void tell_end(struct vm *vm)
{
	autofree char *detail = NULL;
	struct news n = { .kind = NEWS_GONE };

	if (vm->killed) {
		n.why = "destroyed";
	} else if (vm->ended_why) {
		n.why = vm->ended_why;
	} else {
		n.why = "crashed";
		n.detail = detail = end_detail(vm);
	}
	domain_news(vm->d, &n);
}

/* On the loop, once: the process is gone and reaped. */
static void ended(void *arg, int status)
{
	struct vm *vm = arg;

	vm->gone = true;
	vm->status = status;
	qmp_free(take(&vm->qmp));
	vm_unplug_end(vm);
	guest_uid_release(vm->uid);
	domain_set_pid(vm->d, 0);
	if (vm->started) {
		guest_dir_remove(vm->d);
		domain_set_priv(vm->d, NULL);
		tell_end(vm);
		task_wake_all(&vm->gone_waiters);
		vm_unref(vm); /* the domain's own reference */
	} else {
		task_wake_all(&vm->gone_waiters);
	}
}

int vm_watch(struct vm *vm, pid_t pid, struct error *err)
{
	int r = spawn_watch(pid, ended, vm, &vm->process, err);

	if (r < 0)
		return r;
	vm->pid = pid;
	domain_set_pid(vm->d, pid);
	return 0;
}

int vm_kill(struct vm *vm, struct error *err)
{
	int r = 0;

	if (vm->gone || !vm->process)
		return 0;
	r = process_signal(vm->process, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return error_set(err, -r, "QEMU (pid %d) cannot be killed: %s", vm->pid, strerror(-r));
	task_shield(1);
	vm_ref(vm);
	while (!vm->gone && r >= 0)
		r = task_wait(&vm->gone_waiters, KILL_WAIT_MS);
	r = vm->gone ? 0 : r;
	vm_unref(vm);
	task_shield(-1);
	if (r < 0)
		return error_set(
			err, ETIMEDOUT,
			"QEMU (pid %d) was sent SIGKILL and is still there after %d s: it hangs in the kernel, "
			"probably on storage that does not answer",
			vm->pid, KILL_WAIT_MS / 1000);
	return 0;
}

/* The monitor's hooks. */
static void monitor_closed(void *arg, const char *why)
{
	struct vm *vm = arg;
	struct news n = { .kind = NEWS_EVENT, .why = "monitor-lost", .detail = why };

	/* the end of the process normally follows at once and says more */
	if (vm->started && !vm->killed && !vm->ended_why && !process_signal(vm->process, 0))
		domain_news(vm->d, &n);
}

void vm_monitor(struct vm *vm, int fd)
{
	struct qmp_hooks hooks = { .event = vm_event, .closed = monitor_closed, .arg = vm };

	vm->qmp = qmp_new(fd, &hooks);
}

/* The start failed because QEMU ended: its own last words are the reason. */
static int explain(struct vm *vm, int r, struct error *err)
{
	autofree char *tail = NULL;

	if (r != -ENOTCONN)
		return r;
	task_shield(1);
	if (!vm->gone && task_wait(&vm->gone_waiters, 1000) < 0)
		vm_kill(vm, NULL);
	task_shield(-1);
	tail = end_detail(vm);
	return error_set(err, EREMOTEIO, "%s", tail);
}

/* From the monitor's greeting to running vCPUs. */
static int bring_up(struct vm *vm, const struct start_opts *o, struct error *err)
{
	/* these wait in the socket for QEMU, which answers them with its greeting */
	struct call *capabilities = qmp_begin(vm->qmp, "qmp_capabilities", NULL, -1), *chardevs = vm_learn_begin(vm);
	int r = qmp_greeting(vm->qmp, MONITOR_WAIT_MS, err);
	int r2 = qmp_finish(capabilities, r == 0 ? MONITOR_WAIT_MS : 0, NULL, r == 0 ? err : NULL);
	int r3 = vm_learn_finish(vm, chardevs, r == 0 ? MONITOR_WAIT_MS : 0, r == 0 && r2 == 0 ? err : NULL);

	r = r < 0 ? r : r2 < 0 ? r2 : r3;
	if (r == 0)
		r = fault_point("start:qemu-monitor", err);
	if (r == 0)
		r = launch_after_start(vm, err);
	if (r < 0 || (o && o->paused))
		return r;
	r = qmp_call(vm->d, "cont", NULL, NULL, err);
	if (r == 0)
		domain_keep(vm->d, "started", "1");
	return r == 0 ? fault_point("start:qemu-cont", err) : r;
}

int qemu_start(struct domain *d, const struct start_opts *o, struct error *err)
{
	autovm struct vm *vm = vm_new(d);
	int r;

	r = guest_uid_claim(&vm->uid, &vm->gid, err);
	if (r < 0)
		return r;
	domain_set_priv(d, vm_ref(vm)); /* the domain's own reference; given back by ended() or below */
	r = launch(vm, err);
	if (r < 0)
		goto fail;
	r = bring_up(vm, o, err);
	if (r < 0) {
		r = explain(vm, r, err);
		goto fail;
	}
	if (vm->gone) {
		r = explain(vm, -ENOTCONN, err);
		goto fail;
	}
	vm->started = true;
	return 0;

fail:
	vm_kill(vm, NULL);
	if (vm->pid == 0)
		guest_uid_release(vm->uid);
	guest_dir_remove(d);
	domain_set_priv(d, NULL);
	vm_unref(vm);
	return r;
}

int qemu_stop(struct domain *d, enum stop_how how unused, struct error *err)
{
	autovm struct vm *vm = NULL;

	if (!vm_of(d))
		return 0;
	vm = vm_ref(vm_of(d));
	vm->killed = true;
	return vm_kill(vm, err);
}

void qemu_forget(struct domain *d)
{
	struct vm *vm = vm_of(d);

	if (!vm)
		return;
	domain_set_priv(d, NULL);
	spawn_unwatch(take(&vm->process));
	qmp_free(take(&vm->qmp));
	guest_uid_release(vm->uid);
	vm_unref(vm);
}
