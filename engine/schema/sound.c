/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <sound>: sound cards; what they play through is an <audio>. */
#include "sound.h"
#include "device_rows.h"

static const char *const models[] = {
	"ich6", "ich7", "ich9", "ac97", "es1370", "sb16", "pcspk", "usb", "virtio", NULL
};
static const char *const codecs[] = { "duplex", "micro", "output", NULL };

const struct schema sound_codec_schema = {
	.element = "codec",
	.props = (const struct prop[]){ { "@type", T_ENUM, .words = codecs, .flags = P_REQUIRED,
					  .doc = "line in and out, microphone and speaker, or speaker" },
					{ 0 } },
};

static int sound_check(const struct node *n, struct error *err)
{
	static const struct {
		const char *path, *model;
	} only[] = { { "@multichannel", "usb" }, { "@streams", "virtio" }, { "driver", "virtio" } };
	const char *model = node_get(n, "@model");

	for (size_t i = 0; i < ARRAY_SIZE(only); i++)
		if (node_has(n, only[i].path) && !str_eq(model, only[i].model))
			return error_set(err, EINVAL, "line %ld: <sound>: %s is for model='%s', not '%s'", node_line(n),
					 only[i].path, only[i].model, model);
	if (node_first(n, "codec") && !str_eq(model, "ich6") && !str_eq(model, "ich9"))
		return error_set(err, EINVAL, "line %ld: <sound>: <codec> is for the models ich6 and ich9, not '%s'",
				 node_line(n), model);
	return 0;
}

const struct schema sound_schema = {
	.element = "sound",
	.check = sound_check,
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, "model", models, .flags = P_REQUIRED, .doc = "what the guest sees" },
			{ "@multichannel", T_ENUM, .words = words_yes_no, .doc = "more than two channels (usb)" },
			{ "@streams", T_U64, .min = 1, .doc = "streams (virtio)" },
			{ "codec", T_LIST, .sub = &sound_codec_schema, .doc = "what is connected (ich6, ich9)" },
			{ "audio/@id", T_U64, .min = 1, .doc = "the <audio> that it plays through" },
			VIRTIO_ROWS,
			DEVICE_ROWS,
			{ 0 } },
};
