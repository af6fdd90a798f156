/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QMP events become news (QEMU docs/interop: qapi/run-state.json, block-core.json, qdev.json).  One function per event, found in
 * a table; an event without a row is of no interest.  What must ask QEMU something back runs as a task.
 */
#include <signal.h>

#include "live.h"
#include "vm.h"

#define QUIT_WAIT_MS 10000 /* between SIGTERM, on which QEMU flushes its images, and SIGKILL */

static void tell(struct vm *vm, enum news_kind kind, const char *why, const char *item, const char *detail)
{
	struct news n = { .kind = kind, .why = why, .item = item, .detail = detail };

	if (vm->started)
		domain_news(vm->d, &n);
}

static const char *text_of(json_t *data, const char *key)
{
	return json_string_value(json_object_get(data, key));
}

/* ---- the guest shut itself down, or panicked: what the definition wants then ---- */

static const char *action_of(struct vm *vm, const char *path, const char *dflt)
{
	return node_get_or(domain_live(vm->d), path, dflt);
}

/* QEMU itself ends; its disks are flushed by SIGTERM's orderly exit. */
static void quit(void *arg)
{
	autovm struct vm *vm = arg;

	if (!vm->gone)
		process_signal(vm->process, SIGTERM);
	if (!vm->gone && task_wait(&vm->gone_waiters, QUIT_WAIT_MS) < 0)
		vm_kill(vm, NULL);
}

static void reset(void *arg)
{
	autovm struct vm *vm = arg;
	autoerror struct error err = { 0 };
	int r;

	r = qmp_command(vm->qmp, "system_reset", NULL, -1, config.hypervisor_timeout_ms, NULL, &err);
	if (r == 0)
		r = qmp_command(vm->qmp, "cont", NULL, -1, config.hypervisor_timeout_ms, NULL, &err);
	if (r < 0 && !vm->gone)
		tell(vm, NEWS_EVENT, "reset-failed", NULL, error_text(&err));
}

/* ACTION is a word of on_poweroff, on_reboot or on_crash; WHY the reason if the domain ends by it. */
static void act(struct vm *vm, const char *action, const char *why)
{
	if (!vm->started)
		return; /* start fails by itself when QEMU ends under it */
	if (str_eq(action, "restart") || str_eq(action, "coredump-restart")) {
		task_start(reset, vm_ref(vm));
	} else if (str_eq(action, "preserve")) {
		tell(vm, NEWS_PAUSED, why, NULL, NULL);
	} else {
		free(vm->ended_why);
		vm->ended_why = xstrdup(why);
		task_start(quit, vm_ref(vm));
	}
}

static void on_shutdown(struct vm *vm, json_t *data)
{
	const char *reason = text_of(data, "reason");

	if (vm->killed)
		return;
	if (str_eq(reason, "host-signal") || str_eq(reason, "host-qmp-quit")) {
		if (!vm->ended_why) /* not our own SIGTERM: somebody else told QEMU to end; it does */
			vm->ended_why = xstrdup("shutdown");
		return;
	}
	if (vm->reboot_wanted) {
		vm->reboot_wanted = false;
		tell(vm, NEWS_EVENT, "reboot", NULL, NULL);
		task_start(reset, vm_ref(vm));
		return;
	}
	if (str_eq(reason, "guest-reset"))
		act(vm, action_of(vm, "on_reboot", "restart"), "shutdown");
	else if (str_eq(reason, "guest-panic"))
		act(vm, action_of(vm, "on_crash", "destroy"), "crashed");
	else
		act(vm, action_of(vm, "on_poweroff", "destroy"), "shutdown");
}

static void on_panic(struct vm *vm, json_t *data unused)
{
	tell(vm, NEWS_EVENT, "panicked", NULL, "the guest's kernel panicked");
	vm->pause_why = "crashed";
	act(vm, action_of(vm, "on_crash", "destroy"), "crashed");
}

/* ---- plain ones ---- */

static void on_stop(struct vm *vm, json_t *data unused)
{
	const char *why = vm->pause_why ? vm->pause_why : "unknown";

	vm->pause_why = NULL;
	if (!vm->ended_why && !vm->reboot_wanted)
		tell(vm, NEWS_PAUSED, why, NULL, NULL);
}

static void on_resume(struct vm *vm, json_t *data unused)
{
	tell(vm, NEWS_RUNNING, "resumed", NULL, NULL);
}

static void on_reset(struct vm *vm, json_t *data)
{
	vm->reboot_wanted = false;
	tell(vm, NEWS_EVENT, json_is_true(json_object_get(data, "guest")) ? "reboot" : "reset", NULL, NULL);
}

static void on_watchdog(struct vm *vm, json_t *data)
{
	const char *action = text_of(data, "action");

	if (str_eq(action, "pause"))
		vm->pause_why = "watchdog";
	tell(vm, NEWS_EVENT, "watchdog", NULL, action);
}

static void on_io_error(struct vm *vm, json_t *data)
{
	const char *node = text_of(data, "node-name");
	const char *reason = text_of(data, "reason");
	autofree char *detail = xasprintf("%s %s: %s", text_of(data, "operation") ? text_of(data, "operation") : "io",
					  node ? node : "", reason ? reason : "");

	if (str_eq(text_of(data, "action"), "stop"))
		vm->pause_why = json_is_true(json_object_get(data, "nospace")) ? "enospc" : "ioerror";
	tell(vm, NEWS_EVENT, "io-error", node, detail);
}

static void on_balloon(struct vm *vm, json_t *data)
{
	struct news n = { .kind = NEWS_BALLOON };

	n.value = vm->balloon_now = json_integer_value(json_object_get(data, "actual"));
	if (vm->started)
		domain_news(vm->d, &n);
}

/* Devices have an id; a CPU plugged without one has a path. */
static void on_deleted(struct vm *vm, json_t *data)
{
	const char *id = text_of(data, "device");

	if (id)
		vm_unplugged(vm, id, false);
}

static void on_unplug_refused(struct vm *vm, json_t *data)
{
	const char *id = text_of(data, "device");

	if (id)
		vm_unplugged(vm, id, true);
}

static void on_tray(struct vm *vm, json_t *data)
{
	tell(vm, NEWS_EVENT, json_is_true(json_object_get(data, "tray-open")) ? "tray-open" : "tray-closed",
	     text_of(data, "id"), NULL);
}

static void on_port(struct vm *vm, json_t *data)
{
	tell(vm, NEWS_EVENT, json_is_true(json_object_get(data, "open")) ? "channel-open" : "channel-closed",
	     text_of(data, "id"), NULL);
}

static const struct {
	const char *name;
	void (*fn)(struct vm *vm, json_t *data);
} rows[] = {
	{ "SHUTDOWN", on_shutdown },
	{ "STOP", on_stop },
	{ "RESUME", on_resume },
	{ "RESET", on_reset },
	{ "GUEST_PANICKED", on_panic },
	{ "WATCHDOG", on_watchdog },
	{ "BLOCK_IO_ERROR", on_io_error },
	{ "BALLOON_CHANGE", on_balloon },
	{ "DEVICE_DELETED", on_deleted },
	{ "DEVICE_UNPLUG_GUEST_ERROR", on_unplug_refused },
	{ "MEM_UNPLUG_ERROR", on_unplug_refused },
	{ "DEVICE_TRAY_MOVED", on_tray },
	{ "VSERPORT_CHANGE", on_port },
};

void vm_event(void *arg, const char *name, json_t *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			rows[i].fn(arg, data);
}
