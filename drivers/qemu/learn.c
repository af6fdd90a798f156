/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only the running QEMU knows and others will ask for: the pseudo-terminals it opened, the threads that run its vCPUs, and whether there
 * is a balloon.  Asked once after a start or when a guest is found again, and after a vCPU was plugged.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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

	json_array_foreach(list, i, c)
	{
		const char *label = json_string_value(json_object_get(c, "label"));
		const char *filename = json_string_value(json_object_get(c, "filename"));
		if (label && filename)
			learn_pty(vm, label, filename);
	}
}

static void set_thread(struct vm *vm, size_t index, pid_t thread)
{
	if (index >= vm->nthreads) {
		vm->threads = xrealloc(vm->threads, (index + 1) * sizeof(*vm->threads));
		while (vm->nthreads <= index)
			vm->threads[vm->nthreads++] = 0;
	}
	vm->threads[index] = thread;
}

/* "CPU 3/KVM", "CPU 3/TCG": how QEMU calls the threads of its vCPUs with debug-threads=on. */
void vm_learn_threads(struct vm *vm)
{
	autofree char *path = xasprintf("/proc/%d/task", vm->pid);
	DIR *dir = opendir(path);
	struct dirent *e;

	for (size_t i = 0; i < vm->nthreads; i++)
		vm->threads[i] = 0;
	while (dir && (e = readdir(dir))) {
		autofree char *comm = xasprintf("%s/%s/comm", path, e->d_name);
		autoclose int fd = open(comm, O_RDONLY | O_CLOEXEC);
		char text[32] = "";
		unsigned index;
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && sscanf(text, "CPU %u/", &index) == 1 &&
		    index < 65536)
			set_thread(vm, index, atoi(e->d_name));
	}
	if (dir)
		closedir(dir);
}

static bool has_chardev(const struct node *root)
{
	return node_first(root, "devices/serial") || node_first(root, "devices/console") ||
	       node_first(root, "devices/channel") || node_first(root, "devices/parallel");
}

struct call *vm_learn_begin(struct vm *vm)
{
	struct node *root = domain_live(vm->d);

	vm->balloon = node_has(root, "devices/memballoon") && !node_is(root, "devices/memballoon/@model", "none");
	return has_chardev(root) ? qmp_begin(vm->qmp, "query-chardev", NULL, -1) : NULL;
}

int vm_learn_finish(struct vm *vm, struct call *chardevs, int64_t timeout_ms, struct error *err)
{
	json_t *ret = NULL;
	int r = chardevs ? qmp_finish(chardevs, timeout_ms, &ret, err) : 0;

	if (r == 0)
		learn_ptys(vm, ret);
	json_decref(ret);
	vm_learn_threads(vm);
	return r;
}

int vm_learn(struct vm *vm, struct error *err)
{
	return vm_learn_finish(vm, vm_learn_begin(vm), config.hypervisor_timeout_ms, err);
}
