/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Firmware: an image named by the definition, or one picked by the descriptors that firmware packages install (QEMU
 * docs/interop/firmware.json), in the order of their file names; a file in /etc hides one of the same name in /usr/share.
 */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>

#include "disk.h"
#include "domain.h"

static const char *const dirs[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware", NULL };

/* ---- the descriptors ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(struct vec *names, struct hash *paths)
{
	for (int i = 0; dirs[i]; i++) {
		DIR *d = opendir(dirs[i]);
		struct dirent *e;
		while (d && (e = readdir(d))) {
			if (!str_ends(e->d_name, ".json") || hash_get(paths, e->d_name))
				continue;
			hash_put(paths, e->d_name, (void *)dirs[i]);
			vec_add(names, xstrdup(e->d_name));
		}
		if (d)
			closedir(d);
	}
	if (names->n)
		qsort(names->at, names->n, sizeof(char *), by_name);
}

static bool has_word(json_t *array, const char *word)
{
	json_t *v;
	size_t i;

	json_array_foreach(array, i, v) if (str_eq(json_string_value(v), word)) return true;
	return false;
}

static bool fits_machine(json_t *desc, const struct complete *c)
{
	const char *arch = node_get_or(c->domain, "os/type/@arch", "");
	json_t *target, *m;
	size_t i, k;

	json_array_foreach(json_object_get(desc, "targets"), i, target)
	{
		if (!str_eq(json_string_value(json_object_get(target, "architecture")),
			    str_eq(arch, "i686") ? "i386" : arch))
			continue;
		json_array_foreach(json_object_get(target, "machines"), k,
				   m) if (json_is_string(m) &&
					  fnmatch(json_string_value(m), c->machine, 0) == 0) return true;
	}
	return false;
}

/* Does the image have what the definition asks for, and nothing that it rules out? */
static bool fits_features(json_t *desc, const struct node *root)
{
	json_t *features = json_object_get(desc, "features");
	bool secure = has_word(features, "secure-boot");
	const struct node *f;

	for (f = node_first(root, "os/firmware/feature"); f; f = node_next(f, "feature"))
		if (has_word(features, node_get_or(f, "@name", "")) != node_yes(f, "@enabled"))
			return false;
	if (node_has(root, "os/loader/@secure") && node_yes(root, "os/loader/@secure") != secure)
		return false;
	if (has_word(features, "requires-smm") && node_is(root, "features/smm/@state", "off"))
		return false;
	if (has_word(features, "amd-sev") && node_has(root, "launchSecurity"))
		return true;
	return !node_has(root, "launchSecurity");
}

/* Does it name the files that the definition already names? */
static bool fits_paths(json_t *mapping, const struct node *root)
{
	const char *loader = node_get(root, "os/loader");
	const char *image = json_string_value(json_object_get(json_object_get(mapping, "executable"), "filename"));
	const char *template = node_get(root, "os/nvram/@template");
	const char *vars = json_string_value(json_object_get(json_object_get(mapping, "nvram-template"), "filename"));

	return (!loader || !*loader || str_eq(loader, image)) && (!template || str_eq(template, vars));
}

static bool fits(json_t *desc, const struct complete *c, const char *kind)
{
	json_t *mapping = json_object_get(desc, "mapping");
	bool flash = str_eq(json_string_value(json_object_get(mapping, "device")), "flash");
	bool raw =
		str_eq(json_string_value(json_object_get(json_object_get(mapping, "executable"), "format")), "raw") ||
		!flash;

	return has_word(json_object_get(desc, "interface-types"), str_eq(kind, "efi") ? "uefi" : "bios") &&
	       flash == str_eq(kind, "efi") && raw && fits_machine(desc, c) && fits_features(desc, c->domain) &&
	       fits_paths(mapping, c->domain);
}

static json_t *pick(const struct complete *c, const char *kind)
{
	struct vec names = { 0 };
	struct hash *paths = hash_new();
	json_t *found = NULL;

	collect(&names, paths);
	for (size_t i = 0; i < names.n && !found; i++) {
		autofree char *path = xasprintf("%s/%s", (char *)hash_get(paths, names.at[i]), (char *)names.at[i]);
		json_t *desc = json_load_file(path, 0, NULL);
		if (desc && fits(desc, c, kind))
			found = json_incref(desc);
		json_decref(desc);
	}
	vec_clear(&names, free);
	hash_free(paths);
	return found;
}

/* ---- completion ---- */

static void set_default_nvram(struct complete *c)
{
	struct node *root = c->domain;
	autofree char *path = qemu_default_nvram(root);

	if (node_has(root, "os/nvram/source") || (node_has(root, "os/nvram") && *node_get(root, "os/nvram")))
		return;
	/* by uuid and not by name: a renamed domain keeps its variables */
	node_set(root, "os/nvram", path);
}

static void take_descriptor(struct complete *c, json_t *desc)
{
	json_t *mapping = json_object_get(desc, "mapping");
	json_t *executable = json_object_get(mapping, "executable"), *vars = json_object_get(mapping, "nvram-template");
	struct node *root = c->domain;

	if (!executable) { /* a BIOS: memory mapping */
		node_set(root, "os/loader", json_string_value(json_object_get(mapping, "filename")));
		node_set(root, "os/loader/@type", "rom");
		return;
	}
	node_set(root, "os/loader", json_string_value(json_object_get(executable, "filename")));
	node_set(root, "os/loader/@readonly", "yes");
	node_set(root, "os/loader/@type", "pflash");
	if (has_word(json_object_get(desc, "features"), "secure-boot"))
		node_set(root, "os/loader/@secure", "yes");
	if (has_word(json_object_get(desc, "features"), "requires-smm") && !node_has(root, "features/smm/@state"))
		node_set(root, "features/smm/@state", "on");
	if (vars && !node_yes(root, "os/loader/@stateless")) {
		node_set(root, "os/nvram/@template", json_string_value(json_object_get(vars, "filename")));
		set_default_nvram(c);
	}
}

static int check_manual(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	struct node *loader = node_first(root, "os/loader");
	bool pflash = node_is(loader, "@type", "pflash");

	if (node_first(root, "os/firmware/feature"))
		return error_set(err, EINVAL, "line %ld: <firmware><feature> needs <os firmware='efi'>",
				 node_line(node_first(root, "os")));
	if (loader && !*node_get(loader, ""))
		return error_set(err, EINVAL,
				 "line %ld: <loader> names no image, and <os> has no firmware='efi' to pick one",
				 node_line(loader));
	if (!loader && node_has(root, "os/nvram"))
		return error_set(err, EINVAL, "line %ld: <nvram> needs a <loader> or <os firmware='efi'>",
				 node_line(node_first(root, "os/nvram")));
	if (!pflash && (node_has(root, "os/nvram") || node_has(loader, "@stateless")))
		return error_set(err, EINVAL,
				 "line %ld: only a loader of type='pflash' keeps variables (<nvram>, stateless)",
				 node_line(node_first(root, "os")));
	if (node_yes(loader, "@stateless") && node_has(root, "os/nvram"))
		return error_set(err, EINVAL, "line %ld: <nvram> and <loader stateless='yes'> exclude each other",
				 node_line(node_first(root, "os/nvram")));
	if (node_yes(loader, "@secure") &&
	    !(pflash && c->family == MACHINE_Q35 && node_is(root, "features/smm/@state", "on")))
		return error_set(
			err, EINVAL,
			"line %ld: <loader secure='yes'> needs type='pflash', a q35 machine and <smm state='on'/>",
			node_line(loader));
	if (loader && !node_has(loader, "@type"))
		node_set(loader, "@type", "rom");
	/* a file that looks like the split OVMF image has its variables beside it, made from its template */
	if (pflash && node_yes(loader, "@readonly") && !node_yes(loader, "@stateless"))
		set_default_nvram(c);
	return 0;
}

int qemu_complete_firmware(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	const char *kind =
		node_get(root, "os/@firmware") ? node_get(root, "os/@firmware") : node_get(root, "os/firmware/@type");
	autofree char *word = kind ? xstrdup(kind) : NULL;
	bool efi = word && str_eq(word, "efi");
	json_t *desc;

	if ((efi || node_is(root, "os/loader/@type", "pflash")) && !node_has(root, "features/acpi"))
		return error_set(err, EINVAL, "line %ld: UEFI needs <features><acpi/>",
				 node_line(node_first(root, "os")));
	if (!word)
		return node_has(root, "os/loader") || node_has(root, "os/nvram") || node_has(root, "os/firmware")
			       ? check_manual(c, err)
			       : 0;
	if (!efi && (node_has(root, "os/nvram") || node_has(root, "os/loader/@secure")))
		return error_set(err, EINVAL, "line %ld: firmware='bios' has no variables and no secure boot",
				 node_line(node_first(root, "os")));
	if (node_yes(root, "os/loader/@stateless") && node_has(root, "os/nvram"))
		return error_set(err, EINVAL, "line %ld: <nvram> and <loader stateless='yes'> exclude each other",
				 node_line(node_first(root, "os/nvram")));
	desc = pick(c, word);
	if (!desc)
		return error_set(
			err, ENOENT,
			"line %ld: no firmware of kind '%s' is installed for machine %s with these features (descriptors in "
			"/usr/share/qemu/firmware; Debian: package ovmf)",
			node_line(node_first(root, "os")), word, c->machine);
	take_descriptor(c, desc);
	json_decref(desc);
	return 0;
}

/* ---- plan ---- */

/* STORAGE is the node below, all but its name. */
static void plan_flash(struct plan *p, const char *name, json_t *storage, const char *format, bool readonly)
{
	json_t *o = json_object();

	props_strf(storage, "node-name", "%s-storage", name);
	if (readonly)
		props_bool(storage, "read-only", true);
	plan_item(p, ITEM_BLOCKDEV, storage);
	props_strf(o, "node-name", "%s-format", name);
	props_bool(o, "read-only", readonly);
	props_str(o, "driver", format);
	props_strf(o, "file", "%s-storage", name);
	plan_item(p, ITEM_BLOCKDEV, o);
}

static json_t *file_node(struct plan *p, const char *path, int flags, const char *what)
{
	json_t *o = json_object();

	props_str(o, "driver", "file");
	props_str(o, "filename", plan_file(p, FILE_FDSET, path, flags, "%s", what));
	return o;
}

static int plan_variables(struct plan *p, const struct node *os, struct error *err)
{
	const struct node *source = node_first(os, "nvram/source");
	const char *path = node_get_or(source, "@file", node_get_or(os, "nvram", ""));
	json_t *storage;

	if (source && !node_has(source, "@file"))
		storage = blockdev_of_source(p, source, node_get_or(os, "nvram/@type", "file"), O_RDWR, "nvram",
					     "UEFI variables", err);
	else
		storage = file_node(p, path, O_RDWR, "UEFI variables");
	if (!storage)
		return -ENOTSUP;
	if (qemu_nvram_is_ours(p->domain, path))
		((struct plan_file *)p->files.at[p->files.n - 1])->ours = true;
	plan_flash(p, "pflash1", storage, node_get_or(os, "nvram/@format", "raw"), false);
	return 0;
}

int qemu_plan_firmware(struct plan *p, struct error *err)
{
	const struct node *os = node_first(p->domain, "os");
	const char *loader = node_get(os, "loader");
	bool readonly = node_yes(os, "loader/@readonly");
	int r = 0;

	if (node_yes(os, "bios/@useserial") && qemu_has(p->caps, "sga")) /* later ones: -machine graphics=off */
		plan_option(p, "-device", "sga");
	if (!loader || !*loader)
		return 0;
	if (!node_is(os, "loader/@type", "pflash")) {
		plan_option(p, "-bios", "%s", plan_file(p, FILE_BY_NAME, loader, O_RDONLY, "firmware"));
		return 0;
	}
	plan_flash(p, "pflash0", file_node(p, loader, readonly ? O_RDONLY : O_RDWR, "firmware"),
		   node_get_or(os, "loader/@format", "raw"), readonly);
	if (node_has(os, "nvram"))
		r = plan_variables(p, os, err);
	if (node_yes(os, "loader/@secure"))
		plan_option(p, "-global", "driver=cfi.pflash01,property=secure,value=on");
	return r;
}
