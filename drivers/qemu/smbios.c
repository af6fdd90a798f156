/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -smbios and -fw_cfg from <sysinfo>. */
#include <fcntl.h>
#include <unistd.h>

#include "domain.h"

/* <entry name> -> the key of -smbios type=N. */
struct key {
	const char *theirs, *ours;
};
static const struct key bios_keys[] = {
	{ "vendor", "vendor" }, { "version", "version" }, { "date", "date" }, { "release", "release" }, { 0 }
};
static const struct key system_keys[] = { { "manufacturer", "manufacturer" },
					  { "product", "product" },
					  { "version", "version" },
					  { "serial", "serial" },
					  { "uuid", "uuid" },
					  { "sku", "sku" },
					  { "family", "family" },
					  { 0 } };
static const struct key board_keys[] = { { "manufacturer", "manufacturer" },
					 { "product", "product" },
					 { "version", "version" },
					 { "serial", "serial" },
					 { "asset", "asset" },
					 { "location", "location" },
					 { 0 } };
static const struct key chassis_keys[] = { { "manufacturer", "manufacturer" },
					   { "version", "version" },
					   { "serial", "serial" },
					   { "asset", "asset" },
					   { "sku", "sku" },
					   { 0 } };

static void add_value(struct buf *out, const char *text)
{
	for (; *text; text++) {
		buf_putc(out, *text);
		if (*text == ',')
			buf_putc(out, ',');
	}
}

/* Entries that have a key, in the keys' order; "type=N" only when there is one. */
static void plan_block(struct plan *p, int type, const struct node *block, const struct key *keys)
{
	autobuf struct buf words = { 0 };
	bool any = false;

	buf_printf(&words, "type=%d", type);
	for (; keys->theirs; keys++) {
		for (const struct node *e = node_child(block, "entry"); e; e = node_next(e, "entry")) {
			if (!node_is(e, "@name", keys->theirs))
				continue;
			buf_printf(&words, ",%s=", keys->ours);
			add_value(&words, node_get_or(e, "", ""));
			any = true;
		}
	}
	if (any)
		plan_option(p, "-smbios", "%s", buf_text(&words));
}

static void plan_oem(struct plan *p, const struct node *block)
{
	autobuf struct buf words = { 0 };

	buf_puts(&words, "type=11");
	for (const struct node *e = node_child(block, "entry"); e; e = node_next(e, "entry")) {
		buf_puts(&words, ",value=");
		add_value(&words, node_get_or(e, "", ""));
	}
	if (node_child(block, "entry"))
		plan_option(p, "-smbios", "%s", buf_text(&words));
}

static void plan_fwcfg(struct plan *p, const struct node *sysinfo)
{
	for (const struct node *e = node_child(sysinfo, "entry"); e; e = node_next(e, "entry")) {
		autobuf struct buf words = { 0 };
		buf_puts(&words, "name=");
		add_value(&words, node_get_or(e, "@name", ""));
		if (node_has(e, "@file")) {
			buf_puts(&words, ",file=");
			add_value(&words, plan_file(p, FILE_BY_NAME, node_get(e, "@file"), O_RDONLY, "fw_cfg %s",
						    node_get_or(e, "@name", "")));
		} else {
			buf_puts(&words, ",string=");
			add_value(&words, node_get_or(e, "", ""));
		}
		plan_option(p, "-fw_cfg", "%s", buf_text(&words));
	}
}

int qemu_check_smbios(struct complete *c, struct error *err)
{
	const struct node *root = c->domain;
	bool have = false;

	for (const struct node *s = node_first(root, "sysinfo"); s; s = node_next(s, "sysinfo")) {
		have = have || node_is(s, "@type", "smbios");
		for (const struct node *e = node_first(s, "system/entry"); e; e = node_next(e, "entry")) {
			char a[UUID_TEXT], b[UUID_TEXT];
			if (!node_is(e, "@name", "uuid") || uuid_parse(str_of(node_get_or(e, "", "")), a, NULL) < 0)
				continue;
			if (node_has(root, "uuid") && uuid_parse(str_of(node_get(root, "uuid")), b, NULL) == 0 &&
			    strcmp(a, b))
				return error_set(err, EINVAL,
						 "line %ld: <entry name='uuid'> is not the domain's <uuid>",
						 node_line(e));
		}
		for (const struct node *e = node_first(s, "entry"); e; e = node_next(e, "entry"))
			if (!str_starts(node_get_or(e, "@name", ""), "opt/"))
				return error_set(err, EINVAL,
						 "line %ld: <entry name='%s'>: fw_cfg names begin with 'opt/'",
						 node_line(e), node_get_or(e, "@name", ""));
	}
	if (node_is(root, "os/smbios/@mode", "sysinfo") && !have)
		return error_set(err, EINVAL, "line %ld: <smbios mode='sysinfo'> needs a <sysinfo type='smbios'>",
				 node_line(node_first(root, "os/smbios")));
	return 0;
}

/* ---- mode='host': the strings of this machine, as far as we may read them ---- */

static const struct {
	int type;
	const char *file, *key; /* below /sys/class/dmi/id */
} host_strings[] = {
	{ 0, "bios_vendor", "vendor" },
	{ 0, "bios_version", "version" },
	{ 0, "bios_date", "date" },
	{ 0, "bios_release", "release" },
	{ 1, "sys_vendor", "manufacturer" },
	{ 1, "product_name", "product" },
	{ 1, "product_version", "version" },
	{ 1, "product_serial", "serial" },
	{ 1, "product_sku", "sku" },
	{ 1, "product_family", "family" },
	{ 2, "board_vendor", "manufacturer" },
	{ 2, "board_name", "product" },
	{ 2, "board_version", "version" },
	{ 2, "board_serial", "serial" },
	{ 2, "board_asset_tag", "asset" },
	{ 3, "chassis_vendor", "manufacturer" },
	{ 3, "chassis_version", "version" },
	{ 3, "chassis_serial", "serial" },
	{ 3, "chassis_asset_tag", "asset" },
};

static void add_host_string(struct buf *words, const char *file, const char *key)
{
	autofree char *path = xasprintf("/sys/class/dmi/id/%s", file);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	if (!*text)
		return;
	buf_printf(words, ",%s=", key);
	add_value(words, text);
}

static void plan_host(struct plan *p)
{
	for (int type = 0; type <= 3; type++) {
		autobuf struct buf words = { 0 };
		for (size_t i = 0; i < ARRAY_SIZE(host_strings); i++)
			if (host_strings[i].type == type)
				add_host_string(&words, host_strings[i].file, host_strings[i].key);
		if (words.n)
			plan_option(p, "-smbios", "type=%d%s", type, buf_text(&words));
	}
}

int qemu_plan_smbios(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	bool use = node_is(root, "os/smbios/@mode", "sysinfo");

	if (node_is(root, "os/smbios/@mode", "host"))
		plan_host(p);
	for (const struct node *s = node_first(root, "sysinfo"); s; s = node_next(s, "sysinfo")) {
		if (node_is(s, "@type", "fwcfg")) {
			plan_fwcfg(p, s);
		} else if (use) {
			plan_block(p, 0, node_child(s, "bios"), bios_keys);
			plan_block(p, 1, node_child(s, "system"), system_keys);
			for (const struct node *b = node_child(s, "baseBoard"); b; b = node_next(b, "baseBoard"))
				plan_block(p, 2, b, board_keys);
			plan_block(p, 3, node_child(s, "chassis"), chassis_keys);
			plan_oem(p, node_child(s, "oemStrings"));
		}
	}
	return 0;
}
