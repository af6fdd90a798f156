/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host/: the machine, as far as cheap files of /proc say it; host/drivers/: what this build can drive. */
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "tree.h"

static int hostname_show(const struct place *at unused, struct buf *out, struct error *err)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0)
		return error_set(err, errno, "hostname: %s", strerror(errno));
	return show_line(out, name);
}

static int cpus_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	buf_printf(out, "%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	return 0;
}

/* The value of the first "KEY ... : value" line of a /proc file. */
static int show_key(const char *path, const char *key, struct buf *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	int r = show_file(path, &text, err);
	const char *p = r < 0 ? NULL : strstr(buf_text(&text), key);
	const char *colon = p ? strchr(p, ':') : NULL;

	if (r < 0)
		return r;
	if (!colon)
		return show_line(out, "");
	p = colon + 1 + strspn(colon + 1, " \t");
	buf_add(out, p, strcspn(p, "\n"));
	buf_putc(out, '\n');
	return 0;
}

static int cpu_model_show(const struct place *at unused, struct buf *out, struct error *err)
{
	return show_key("/proc/cpuinfo", "model name", out, err);
}

static int show_memory(const char *key, struct buf *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	int r = show_key("/proc/meminfo", key, &text, err);

	if (r >= 0)
		buf_printf(out, "%llu\n", strtoull(buf_text(&text), NULL, 10) * 1024);
	return r;
}

static int memory_show(const struct place *at unused, struct buf *out, struct error *err)
{
	return show_memory("MemTotal", out, err);
}

static int memory_free_show(const struct place *at unused, struct buf *out, struct error *err)
{
	return show_memory("MemAvailable", out, err);
}

static int uptime_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	struct sysinfo info;

	sysinfo(&info);
	buf_printf(out, "%ld\n", info.uptime);
	return 0;
}

static int load_show(const struct place *at unused, struct buf *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	int r = show_file("/proc/loadavg", &text, err);
	double a, b, c;

	if (r >= 0 && sscanf(buf_text(&text), "%lf %lf %lf", &a, &b, &c) == 3)
		buf_printf(out, "%.2f %.2f %.2f\n", a, b, c);
	return r;
}

/* An object per driver; what its probe found is kept by the engine. */
struct driver_object {
	struct object obj;
	const struct driver *driver;
};

static struct vec driver_objects;

static struct driver_object *driver_of(struct object *o)
{
	return container_of(o, struct driver_object, obj);
}

static void driver_object_free(struct object *o)
{
	free(driver_of(o));
}

void driver_objects_open(void)
{
	for (int i = 0; drivers[i]; i++) {
		struct driver_object *d = xcalloc(1, sizeof(*d));

		object_init(&d->obj, OBJ_DRIVER, drivers[i]->name, &root_object, driver_object_free);
		d->driver = drivers[i];
		vec_add(&driver_objects, d);
	}
}

void driver_objects_close(void)
{
	for (size_t i = 0; i < driver_objects.n; i++) {
		struct driver_object *d = driver_objects.at[i];

		object_gone(&d->obj);
		object_unref(&d->obj);
	}
	vec_clear(&driver_objects, NULL);
}

static struct object *driver_find(const struct place *dir unused, const char *name)
{
	for (size_t i = 0; i < driver_objects.n; i++) {
		struct driver_object *d = driver_objects.at[i];

		if (!strcmp(d->obj.name, name))
			return &d->obj;
	}
	return NULL;
}

static struct object *driver_next(const struct place *dir unused, uint64_t after)
{
	for (size_t i = 0; i < driver_objects.n; i++) {
		struct driver_object *d = driver_objects.at[i];

		if (d->obj.serial > after)
			return &d->obj;
	}
	return NULL;
}

static int driver_version_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, driver_info(driver_of(at->obj)->driver)->version);
}

static int driver_state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *state = driver_info(driver_of(at->obj)->driver)->state;

	return show_line(out, state ? state : "being looked at");
}

static int driver_capabilities_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = driver_info(driver_of(at->obj)->driver)->capabilities;

	buf_puts(out, text ? text : "");
	return 0;
}

static const struct entry driver_entries[] = {
	VALUE("version", 0444, driver_version_show, NULL, .fresh = LIVE, .doc = "of the hypervisor that was found"),
	VALUE("state", 0444, driver_state_show, NULL, .fresh = LIVE, .doc = "usable or not, and why"),
	VALUE("capabilities", 0444, driver_capabilities_show, NULL, .fresh = LIVE,
	      .doc = "what it can do: a line for each property that it knows"),
	{ 0 },
};

static const struct dir_type driver_dir = { .entries = driver_entries };
static const struct entry driver_entry =
	DIR("DRIVER", 0755, &driver_dir, .facets = F_STATE, .doc = "a hypervisor that this build can drive");

const struct dir_type drivers_dir = {
	.child = &driver_entry,
	.kind = OBJ_DRIVER,
	.find = driver_find,
	.next = driver_next,
};

static const struct entry host_entries[] = {
	VALUE("hostname", 0444, hostname_show, NULL, .fresh = LIVE, .doc = "its name"),
	VALUE("cpus", 0444, cpus_show, NULL, .fresh = LIVE, .doc = "how many CPUs are online"),
	VALUE("cpu_model", 0444, cpu_model_show, NULL, .fresh = LIVE, .doc = "what the first CPU calls itself"),
	VALUE("memory", 0444, memory_show, NULL, .fresh = LIVE, .doc = "bytes of memory"),
	VALUE("memory_free", 0444, memory_free_show, NULL, .fresh = LIVE, .doc = "bytes that a new guest could have"),
	VALUE("uptime", 0444, uptime_show, NULL, .fresh = LIVE, .doc = "seconds since it was started"),
	VALUE("load", 0444, load_show, NULL, .fresh = LIVE, .doc = "the load averages of 1, 5 and 15 minutes"),
	DIR("storage", 0755, &storage_dir, .doc = "the types of storage pools"),
	VALUE("storage_capabilities", 0444, storage_capabilities_show, NULL, .fresh = LIVE,
	      .doc = "what each type of pool can: libvirt's storagepoolCapabilities"),
	VALUE("storage_discover", 0600, storage_discover_show, storage_discover_store, .fresh = LIVE,
	      .doc = "write TYPE, or TYPE HOST[:PORT]: what could be a pool of it is then read here, as libvirt's <sources>"),
	DIR("clients", 0755, &clients_dir, .personal = true, .doc = "who is connected over a socket"),
	DIR("access", 0755, &access_dir, .doc = "who may come in, and what was done"),
	DIR("drivers", 0755, &drivers_dir, .doc = "the hypervisors that this build can drive"),
	{ 0 },
};

const struct dir_type host_dir = { .entries = host_entries };
