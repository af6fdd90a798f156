/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The buttons of a machine, its pause, its screen and its serial line. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "launch.h"
#include "live.h"

#define SCREEN_MAX_BYTES (64u << 20)

int qemu_pause(struct domain *d, bool on, struct error *err)
{
	struct vm *vm = vm_of(d);

	if (vm && on)
		vm->pause_why = "user";
	return qmp_call(d, on ? "stop" : "cont", NULL, NULL, err);
}

int qemu_press(struct domain *d, enum button which, struct error *err)
{
	static const char *const commands[] = {
		[BUTTON_POWER] = "system_powerdown",
		[BUTTON_REBOOT] = "system_powerdown",
		[BUTTON_RESET] = "system_reset",
		[BUTTON_NMI] = "inject-nmi",
	};
	struct vm *vm = vm_of(d);

	if (vm && (which == BUTTON_POWER || which == BUTTON_REBOOT))
		vm->reboot_wanted = which == BUTTON_REBOOT;
	return qmp_call(d, commands[which], NULL, NULL, err);
}

/* The number of a new fdset with MEMORY in it, opened for writing only: QEMU looks for a descriptor with the very access mode that it
 * would open with.  Or a negative errno. */
static int64_t lend(struct vm *vm, int memory, struct error *err)
{
	char path[32];
	json_t *ret = NULL;
	int64_t set;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "memory for the picture: %s", strerror(errno));
	r = qmp_command(vm->qmp, "add-fd", json_object(), fd, config.hypervisor_timeout_ms, &ret, err);
	set = json_integer_value(json_object_get(ret, "fdset-id"));
	json_decref(ret);
	return r < 0 ? r : set;
}

static int copy_out(int fd, struct buf *out, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size <= 0 || size > (off_t)SCREEN_MAX_BYTES)
		return error_set(err, EREMOTEIO, "QEMU wrote a picture of %lld bytes", (long long)size);
	autofree char *p = xmalloc(size);
	if (pread(fd, p, size, 0) != size)
		return error_set(err, EIO, "the picture cannot be read back: %s", strerror(errno));
	buf_add(out, p, size);
	return 0;
}

/* screendump has no way to answer with the picture, so it writes into memory that it was lent. */
int qemu_screenshot(struct domain *d, struct buf *png, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	autoclose int fd = memfd_create("screenshot", MFD_CLOEXEC);
	char name[32];
	int64_t set;
	int r;

	if (!vm || !vm->qmp)
		return error_set(err, ENOTCONN, "the guest does not run");
	if (!node_has(domain_live(d), "devices/video") || node_is(domain_live(d), "devices/video/model/@type", "none"))
		return error_set(err, ENODEV, "the guest has no screen: its definition has no <video>");
	if (fd < 0)
		return error_set(err, errno, "memfd: %s", strerror(errno));
	set = lend(vm, fd, err);
	if (set < 0)
		return set;
	snprintf(name, sizeof(name), "/dev/fdset/%lld", (long long)set);
	r = qmp_call(d, "screendump", json_pack("{s:s, s:s}", "filename", name, "format", "png"), NULL, err);
	if (vm->qmp)
		qmp_send(vm->qmp, "remove-fd", json_pack("{s:I}", "fdset-id", (json_int_t)set));
	return r < 0 ? r : copy_out(fd, png, err);
}

/* The first pseudo-terminal among the serial ports and consoles.  A port that is a socket or a file was given to somebody else by the
 * definition: taking its one connection would shut them out. */
int qemu_console(struct domain *d, struct error *err)
{
	static const char *const kinds[] = { "devices/serial", "devices/console", NULL };
	const char *other = NULL;

	for (int k = 0; kinds[k]; k++) {
		struct node *n = node_first(domain_live(d), kinds[k]);
		for (const char *name = n ? node_name(n) : NULL; n; n = node_next(n, name)) {
			const char *path = node_get(n, "source/@path");
			if (!other)
				other = node_get(n, "@type");
			if (!node_is(n, "@type", "pty") || !path)
				continue;
			int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
			if (fd < 0)
				return error_set(err, errno, "'%s': %s", path, strerror(errno));
			return fd;
		}
	}
	if (other)
		return error_set(err, ENODEV,
				 "its serial port is of type '%s', which is connected elsewhere: the console file "
				 "needs <serial type='pty'/>",
				 other);
	return error_set(err, ENODEV, "it has no serial port: add <serial type='pty'/>");
}
