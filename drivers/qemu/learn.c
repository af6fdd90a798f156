/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only the running QEMU knows and others will ask for: the pseudo-terminals it opened, the threads that run its vCPUs, and whether there
 * is a balloon.  Asked once after a start or when a guest is found again, and after a vCPU was plugged.
 */
#include "live.h"
#include "vm.h"

/* "pty:/dev/pts/3" of the chardev "charserial0" belongs to the device "serial0". */
static void learn_pty(struct vm *vm, const char *label, const char *filename)
{
	struct node *devices = node_first(domain_live(vm->d), "devices");
	const char *path = filename + strlen("pty:");

	if (!str_starts(label, "char") || !str_starts(filename, "pty:"))
		return;
	for (struct node *n = node_child(devices, NULL); n; n = node_next(n, NULL)) {
		bool same = str_eq(qemu_alias(n), label + 4);
		/* the first serial port shows up a second time as a console */
		bool twin = str_eq(node_name(n), "console") && str_eq(label, "charserial0") &&
			    node_is(n, "target/@type", "serial");
		if (!(same || twin) || !node_is(n, "@type", "pty"))
			continue;
		node_set(n, "source/@path", path);
		if (str_eq(node_name(n), "console"))
			node_set(n, "@tty", path);
	}
}

static void learn_ptys(struct vm *vm, json_t *list)
{
	json_t *c;
	size_t i;

	json_array_foreach(list, i, c) {
		const char *label = json_string_value(json_object_get(c, "label"));
		const char *filename = json_string_value(json_object_get(c, "filename"));
		if (label && filename)
			learn_pty(vm, label, filename);
	}
}

static void learn_threads(struct vm *vm, json_t *list)
{
	json_t *c;
	size_t i;

	for (i = 0; i < vm->nthreads; i++)
		vm->threads[i] = 0;
	json_array_foreach(list, i, c) {
		size_t index = json_integer_value(json_object_get(c, "cpu-index"));
		if (index > 65535)
			continue;
		if (index >= vm->nthreads) {
			vm->threads = xrealloc(vm->threads, (index + 1) * sizeof(*vm->threads));
			while (vm->nthreads <= index)
				vm->threads[vm->nthreads++] = 0;
		}
		vm->threads[index] = json_integer_value(json_object_get(c, "thread-id"));
	}
}

int vm_learn(struct vm *vm, struct error *err)
{
	json_t *ret = NULL;
	int r;

	vm->balloon = node_has(domain_live(vm->d), "devices/memballoon") &&
		      !node_is(domain_live(vm->d), "devices/memballoon/@model", "none");
	if (node_has(domain_live(vm->d), "devices/serial") || node_has(domain_live(vm->d), "devices/console") ||
	    node_has(domain_live(vm->d), "devices/channel") || node_has(domain_live(vm->d), "devices/parallel")) {
		r = qmp_call(vm->d, "query-chardev", NULL, &ret, err);
		if (r < 0)
			return r;
		learn_ptys(vm, ret);
		json_decref(ret);
		ret = NULL;
	}
	r = qmp_call(vm->d, "query-cpus-fast", NULL, &ret, err);
	if (r == 0)
		learn_threads(vm, ret);
	json_decref(ret);
	return r;
}
