/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of one running QEMU, its paths, and the calls that every file here uses. */
#include "vm.h"

#include <fcntl.h>
#include <unistd.h>

#include "live.h"

#define LOG_TAIL_BYTES 4096
#define LOG_TAIL_LINES 4

struct vm *vm_of(const struct domain *d)
{
	return domain_priv(d);
}

struct vm *vm_new(struct domain *d)
{
	struct vm *vm = xcalloc(1, sizeof(*vm));

	vm->d = d;
	vm->refs = 1;
	vm->status = -1;
	vm->next_file = 20; /* above 0..2 and what spawn may use; numbers are never reused in one QEMU */
	TAILQ_INIT(&vm->gone_waiters);
	TAILQ_INIT(&vm->unplugs);
	return vm;
}

struct vm *vm_ref(struct vm *vm)
{
	vm->refs++;
	return vm;
}

void vm_unref(struct vm *vm)
{
	if (!vm || --vm->refs)
		return;
	spawn_unwatch(vm->process);
	qmp_free(vm->qmp);
	free(vm->ended_why);
	free(vm->threads);
	free(vm);
}

void vm_unref_p(struct vm **vm)
{
	vm_unref(*vm);
}

char *vm_monitor_path(const struct domain *d)
{
	return xasprintf("%s/qmp", domain_run_dir(d));
}

char *vm_log_path(const struct domain *d)
{
	return xasprintf("%s/log", domain_run_dir(d));
}

char *vm_guest_dir(const struct domain *d)
{
	return xasprintf("%s/guests/%s", config.run_dir, domain_uuid(d));
}

/* Where the last LINES lines of TEXT begin. */
static size_t last_lines(const char *text, size_t n, int lines)
{
	while (n && text[n - 1] == '\n')
		n--;
	while (n && !(text[n - 1] == '\n' && --lines == 0))
		n--;
	return n;
}

char *vm_log_tail(const struct domain *d)
{
	autofree char *path = vm_log_path(d);
	char text[LOG_TAIL_BYTES + 1];
	struct buf out = { 0 };
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (size <= 0)
		return xstrdup("");
	n = pread(fd, text, LOG_TAIL_BYTES, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0);
	if (n <= 0)
		return xstrdup("");
	while (n && text[n - 1] == '\n')
		n--;
	for (size_t i = last_lines(text, n, LOG_TAIL_LINES); i < (size_t)n; i++) {
		unsigned char c = text[i];
		if (c == '\n')
			buf_puts(&out, "; ");
		else if (c >= ' ' || c == '\t')
			buf_putc(&out, c);
	}
	return buf_take(&out);
}

int qmp_call(struct domain *d, const char *command, json_t *args, json_t **ret, struct error *err)
{
	struct vm *vm = vm_of(d);

	if (!vm || !vm->qmp) {
		json_decref(args);
		return error_set(err, ENOTCONN, "%s: QEMU's monitor is not there", command);
	}
	return qmp_command(vm->qmp, command, args, -1, config.hypervisor_timeout_ms, ret, err);
}
