/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -smbios and -fw_cfg from <sysinfo>. */
#include <fcntl.h>

#include "domain.h"

/* <entry name> -> the key of -smbios type=N. */
struct key {
	const char *theirs, *ours;
};
static const struct key bios_keys[] = {{"vendor", "vendor"}, {"version", "version"}, {"date", "date"}, {"release", "release"}, {0}};
static const struct key system_keys[] = {{"manufacturer", "manufacturer"}, {"product", "product"}, {"version", "version"},
					 {"serial", "serial"}, {"uuid", "uuid"}, {"sku", "sku"}, {"family", "family"}, {0}};
static const struct key board_keys[] = {{"manufacturer", "manufacturer"}, {"product", "product"}, {"version", "version"},
					{"serial", "serial"}, {"asset", "asset"}, {"location", "location"}, {0}};
static const struct key chassis_keys[] = {{"manufacturer", "manufacturer"}, {"version", "version"}, {"serial", "serial"},
					  {"asset", "asset"}, {"sku", "sku"}, {0}};

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
	autobuf struct buf words = {0};
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
	autobuf struct buf words = {0};

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
		autobuf struct buf words = {0};
		buf_puts(&words, "name=");
		add_value(&words, node_get_or(e, "@name", ""));
		if (node_has(e, "@file")) {
			buf_puts(&words, ",file=");
			add_value(&words, plan_file(p, FILE_BY_NAME, node_get(e, "@file"), O_RDONLY, "fw_cfg %s", node_get_or(e, "@name", "")));
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
			if (node_has(root, "uuid") && uuid_parse(str_of(node_get(root, "uuid")), b, NULL) == 0 && strcmp(a, b))
				return error_set(err, EINVAL, "line %ld: <entry name='uuid'> is not the domain's <uuid>", node_line(e));
		}
		for (const struct node *e = node_first(s, "entry"); e; e = node_next(e, "entry"))
			if (!str_starts(node_get_or(e, "@name", ""), "opt/"))
				return error_set(err, EINVAL, "line %ld: <entry name='%s'>: fw_cfg names begin with 'opt/'", node_line(e),
						 node_get_or(e, "@name", ""));
	}
	if (node_is(root, "os/smbios/@mode", "sysinfo") && !have)
		return error_set(err, EINVAL, "line %ld: <smbios mode='sysinfo'> needs a <sysinfo type='smbios'>", node_line(node_first(root, "os/smbios")));
	if (node_is(root, "os/smbios/@mode", "host"))
		return error_set(err, ENOTSUP, "line %ld: <smbios mode='host'>: the host's strings are not passed on: write them into <sysinfo>",
				 node_line(node_first(root, "os/smbios")));
	return 0;
}

int qemu_plan_smbios(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	bool use = node_is(root, "os/smbios/@mode", "sysinfo");

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
