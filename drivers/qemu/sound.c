/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <sound>: sound cards.  Those of Intel's HDA kind carry codecs, which are devices of their own. */
#include "../../engine/schema/sound.h"
#include "devices.h"

static const struct sound {
	const char *model, *driver;
	enum { NO_BUS, ON_PCI, ON_PCIE, ON_USB } bus;
	bool codecs;
} sounds[] = {
	{ "ich6", "intel-hda", ON_PCI, true }, { "ich9", "ich9-intel-hda", ON_PCI, true },
	{ "ac97", "AC97", ON_PCI, false },     { "es1370", "ES1370", ON_PCI, false },
	{ "sb16", "sb16", NO_BUS, false },     { "pcspk", NULL, NO_BUS, false },
	{ "usb", "usb-audio", ON_USB, false }, { "virtio", "virtio-sound-pci", ON_PCIE, false },
};

static const struct sound *sound_of(const struct node *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(sounds); i++)
		if (node_is(dev, "@model", sounds[i].model))
			return &sounds[i];
	return NULL;
}

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	const struct sound *s = sound_of(dev);

	if (!s)
		return error_set(err, ENOTSUP,
				 "line %ld: <sound>: QEMU has no model '%s': ich9, ich6, ac97 and usb are usual",
				 node_line(dev), node_get(dev, "@model"));
	return s->driver ? qemu_need(c, dev, s->driver, err) : 0;
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	const struct sound *s = sound_of(dev);

	if (!s || s->bus == NO_BUS)
		return NULL;
	return s->bus == ON_USB ? qemu_want_usb() : s->bus == ON_PCIE ? qemu_want_virtio(c, NULL) : qemu_want_pci();
}

static void plan_codec(struct plan *p, const struct node *dev, unsigned i, const char *type)
{
	autofree char *audio = qemu_audiodev(p, dev);
	json_t *o = json_object();

	props_strf(o, "driver", "hda-%s", type);
	props_strf(o, "id", "%s-codec%u", qemu_alias(dev), i);
	props_strf(o, "bus", "%s.0", qemu_alias(dev));
	props_int(o, "cad", i);
	props_str(o, "audiodev", audio);
	plan_item(p, ITEM_DEVICE, o);
}

static void plan_codecs(struct plan *p, const struct node *dev)
{
	unsigned i = 0;

	for (const struct node *c = node_child(dev, "codec"); c; c = node_next(c, "codec"))
		plan_codec(p, dev, i++, node_get_or(c, "@type", "duplex"));
	if (!i)
		plan_codec(p, dev, 0, "duplex");
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	autofree char *audio = qemu_audiodev(p, dev);
	const struct sound *s = sound_of(dev);
	json_t *props;
	int r;

	if (!s || !s->driver) /* pcspk: machine.c */
		return 0;
	r = qemu_device_props(p, &qemu_sound_kind, dev,
			      str_eq(s->model, "virtio") ? qemu_virtio_name(p, "virtio-sound", dev) : s->driver, &props,
			      err);
	if (r < 0)
		return r;
	if (!s->codecs)
		props_str(props, "audiodev", audio);
	plan_item(p, ITEM_DEVICE, props);
	if (s->codecs)
		plan_codecs(p, dev);
	return 0;
}

static const struct qemu_row rows[] = {
	E("@model"),
	{ "@multichannel", .arg = "multi" },
	{ "@streams", .arg = "streams" },
	E("audio/@id"),
	QEMU_VIRTIO_ROWS,
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_sound_kind = {
	.schema = &sound_schema,
	.rows = rows,
	.device = "sound",
	.alias = "sound",
	.complete = complete,
	.address = address,
	.plan = plan,
};

const struct qemu_kind qemu_sound_codec_kind = {
	.schema = &sound_codec_schema,
	.rows = (const struct qemu_row[]){ E("@type"), { 0 } },
};
