/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <video>: graphics cards.  The first one is the primary, which the firmware uses; QEMU has other devices for the others. */
#include "devices.h"

#define QXL_KIB (64 * 1024)
#define VGA_KIB (16 * 1024)

static const struct video {
	const char *model, *primary, *secondary; /* NULL: not possible there */
	unsigned vram;				 /* KiB, default */
	bool heads;
} videos[] = {
	{ "vga", "VGA", NULL, VGA_KIB, false },
	{ "cirrus", "cirrus-vga", NULL, VGA_KIB, false },
	{ "vmvga", "vmware-svga", NULL, VGA_KIB, false },
	{ "qxl", "qxl-vga", "qxl", QXL_KIB, true },
	{ "virtio", "virtio-vga", "virtio-gpu", 0, true },
	{ "bochs", "bochs-display", "bochs-display", VGA_KIB, false },
	{ "ramfb", "ramfb", NULL, 0, false },
	{ "none", "", NULL, 0, false },
};

static const struct video *video_of(const struct node *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(videos); i++)
		if (node_is(dev, "model/@type", videos[i].model))
			return &videos[i];
	return NULL;
}

static bool is_primary(const struct node *dev)
{
	return node_child(node_parent(dev), "video") == dev;
}

/* The device's QOM name, or "" for none. */
static char *driver_of(const struct plan *p, const struct node *dev)
{
	const struct video *v = video_of(dev);
	const char *gl = node_yes(dev, "model/acceleration/@accel3d") ? "-gl" : "";
	const char *base = is_primary(dev) ? v->primary : v->secondary;
	bool microvm = str_starts(node_get_or(p->domain, "os/type/@machine", ""), "microvm");

	if (!str_eq(v->model, "virtio"))
		return xstrdup(base);
	if (node_is(dev, "driver/@name", "vhostuser"))
		return xstrdup(is_primary(dev) && !microvm ? "vhost-user-vga" : "vhost-user-gpu-pci");
	if (microvm)
		return xasprintf("virtio-gpu%s-device", gl);
	return is_primary(dev) ? xasprintf("virtio-vga%s", gl) : xasprintf("virtio-gpu%s-pci", gl);
}

/* ---- completion ---- */

static uint64_t power_of_two(uint64_t v)
{
	uint64_t p = 1;

	while (p < v)
		p <<= 1;
	return p;
}

static void complete_qxl(struct node *dev)
{
	static const struct {
		const char *path;
		unsigned dflt;
	} sizes[] = { { "model/@ram", QXL_KIB }, { "model/@vram", QXL_KIB }, { "model/@vgamem", VGA_KIB } };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		node_setf(dev, sizes[i].path, "%llu",
			  (unsigned long long)power_of_two(node_u64(dev, sizes[i].path, sizes[i].dflt)));
	if (node_has(dev, "model/@vram64"))
		node_setf(dev, "model/@vram64", "%llu",
			  (unsigned long long)power_of_two(node_u64(dev, "model/@vram64", 0)));
}

static const char *default_model(const struct complete *c)
{
	if (c->family == MACHINE_MICROVM || c->family == MACHINE_OTHER)
		return "virtio";
	return !c->caps || qemu_has(c->caps, "cirrus-vga") ? "cirrus" : "vga";
}

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	struct plan p = { .domain = c->domain };
	const struct video *v;
	autofree char *driver = NULL;

	if (!node_has(dev, "model/@type"))
		node_set(dev, "model/@type", default_model(c));
	v = video_of(dev);
	if (!v)
		return error_set(err, ENOTSUP, "line %ld: <video>: QEMU has no model '%s'", node_line(dev),
				 node_get(dev, "model/@type"));
	if (!is_primary(dev) && !v->secondary)
		return error_set(
			err, ENOTSUP,
			"line %ld: <video>: '%s' can only be the first card: use qxl, virtio or bochs for others",
			node_line(dev), v->model);
	if (node_u64(dev, "model/@heads", 1) > 1 && !v->heads)
		return error_set(err, ENOTSUP, "line %ld: <video>: '%s' has one head: use qxl or virtio",
				 node_line(dev), v->model);
	driver = driver_of(&p, dev);
	if (!*driver)
		return 0;
	if (str_eq(v->model, "qxl"))
		complete_qxl(dev);
	else if (v->vram && !node_has(dev, "model/@vram"))
		node_setf(dev, "model/@vram", "%u", v->vram);
	if (!node_has(dev, "model/@heads") && !str_eq(v->model, "ramfb"))
		node_set(dev, "model/@heads", "1");
	return qemu_need(c, dev, driver, err);
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	const char *model = node_get_or(dev, "model/@type", "");

	if (str_eq(model, "none") || str_eq(model, "ramfb"))
		return NULL;
	if (str_eq(model, "virtio"))
		return qemu_want_virtio(c, NULL);
	return str_eq(model, "bochs") ? qemu_want_virtio(c, NULL) : qemu_want_pci();
}

/* ---- plan ---- */

static void add_memory(const struct node *dev, const struct video *v, json_t *props)
{
	uint64_t vram = node_u64(dev, "model/@vram", 0);

	if (str_eq(v->model, "qxl")) {
		props_int(props, "ram_size", node_u64(dev, "model/@ram", QXL_KIB) * 1024);
		props_int(props, "vram_size", vram * 1024);
		props_int(props, "vram64_size_mb", node_u64(dev, "model/@vram64", 0) / 1024);
		props_int(props, "vgamem_mb", node_u64(dev, "model/@vgamem", VGA_KIB) / 1024);
	} else if (str_eq(v->model, "vga") || str_eq(v->model, "vmvga")) {
		props_int(props, "vgamem_mb", vram / 1024);
	} else if (str_eq(v->model, "bochs")) {
		props_int(props, "vgamem", vram * 1024);
	}
}

/* The socket of the process that draws (refuse.c: nobody starts it yet). */
static void plan_process(struct plan *p, const struct node *dev)
{
	autofree char *path = xasprintf("%s/%s.sock", p->run_dir, qemu_alias(dev));
	autofree char *what = xasprintf("video '%s'", qemu_alias(dev));
	autofree char *id = xasprintf("chr-vu-%s", qemu_alias(dev));
	json_t *data = json_object();

	qemu_plan_socket(p, data, path, false, true, what);
	plan_item(p, ITEM_CHARDEV,
		  json_pack("{s:s, s:{s:s, s:o}}", "id", id, "backend", "type", "socket", "data", data));
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	const struct video *v = video_of(dev);
	autofree char *driver = v ? driver_of(p, dev) : NULL;
	json_t *props;
	int r;

	if (!v || !*driver)
		return 0;
	if (node_is(dev, "driver/@name", "vhostuser"))
		plan_process(p, dev);
	r = qemu_device_props(p, &qemu_video_kind, dev, driver, &props, err);
	if (r < 0)
		return r;
	if (v->heads)
		props_int(props, "max_outputs", node_u64(dev, "model/@heads", 1));
	add_memory(dev, v, props);
	if (node_is(dev, "driver/@name", "vhostuser"))
		props_strf(props, "chardev", "chr-vu-%s", qemu_alias(dev));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	E("driver/@name"),
	QEMU_VIRTIO_ROWS,
	E("model/@type"),
	E("model/@ram"),
	E("model/@vram"),
	E("model/@vram64"),
	E("model/@vgamem"),
	E("model/@heads"),
	E("model/@primary"),
	{ "model/@blob", .arg = "blob" },
	{ "model/@edid", .arg = "edid" },
	E("model/acceleration/@accel2d"),
	E("model/acceleration/@accel3d"),
	E("model/acceleration/@rendernode"),
	{ "model/resolution/@x", .arg = "xres" },
	{ "model/resolution/@y", .arg = "yres" },
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_video_kind = {
	.schema = &video_schema,
	.rows = rows,
	.device = "video",
	.alias = "video",
	.complete = complete,
	.address = address,
	.plan = plan,
};
