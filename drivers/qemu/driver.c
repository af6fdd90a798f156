/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QEMU driver's table. */
#include "driver.h"

#include "domain.h"
#include "launch.h"

static const char *const types[] = { "kvm", "qemu", NULL };

static int probe(struct driver_info *out, struct error *err)
{
	const struct qemu_caps *caps = qemu_caps_get("x86_64", NULL, err);
	struct buf text = { 0 };
	const char *why;
	bool kvm = qemu_kvm_usable(&why);

	if (!caps) {
		out->state = xasprintf("not usable: %s", error_text(err));
		return -err->code;
	}
	out->version = xstrdup(caps->version);
	buf_puts(&text, "usable\n");
	buf_printf(&text, "binary %s\n", caps->binary);
	buf_printf(&text, "kvm %s: %s\n", kvm ? "yes" : "no", why);
	buf_puts(&text, "tcg yes");
	out->state = buf_take(&text);
	qemu_map_print(&text);
	out->capabilities = buf_take(&text);
	return 0;
}

static const struct guest_ops guest = {
	.console = qemu_console,
	.screenshot = qemu_screenshot,
};

const struct driver qemu_driver = {
	.name = "qemu",
	.types = types,
	.probe = probe,
	.complete = qemu_complete,
	.fresh = qemu_fresh,
	.command = qemu_command,
	.start = qemu_start,
	.adopt = qemu_adopt,
	.stop = qemu_stop,
	.pause = qemu_pause,
	.press = qemu_press,
	.attach = qemu_attach,
	.detach = qemu_detach,
	.set = qemu_set,
	.stats = qemu_stats,
	.forget = qemu_forget,
	.guest = &guest,
};
