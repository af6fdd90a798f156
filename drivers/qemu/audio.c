/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <audio>: -audiodev. */
#include "../../engine/schema/sound.h"
#include "devices.h"

/* libvirt's word and QEMU's. */
static const struct {
	const char *type, *driver;
} audios[] = {
	{ "none", "none" }, { "alsa", "alsa" },		{ "coreaudio", "coreaudio" },
	{ "jack", "jack" }, { "oss", "oss" },		{ "pulseaudio", "pa" },
	{ "sdl", "sdl" },   { "spice", "spice" },	{ "file", "wav" },
	{ "dbus", "dbus" }, { "pipewire", "pipewire" },
};

static const struct {
	const char *attr, *key;
	enum { WORD, NUMBER, FLAG } type;
} stream_rows[] = {
	{ "@mixingEngine", "mixing-engine", FLAG },
	{ "@fixedSettings", "fixed-settings", FLAG },
	{ "@voices", "voices", NUMBER },
	{ "@bufferLength", "buffer-length", NUMBER },
	{ "settings/@frequency", "frequency", NUMBER },
	{ "settings/@channels", "channels", NUMBER },
	{ "settings/@format", "format", WORD },
	{ "@dev", "dev", WORD },
	{ "@bufferCount", "buffer-count", NUMBER },
	{ "@tryPoll", "try-poll", FLAG },
	{ "@name", "name", WORD },
	{ "@streamName", "stream-name", WORD },
	{ "@latency", "latency", NUMBER },
	{ "@serverName", "server-name", WORD },
	{ "@clientName", "client-name", WORD },
	{ "@connectPorts", "connect-ports", WORD },
	{ "@exactName", "exact-name", FLAG },
};

static void add_stream(const struct node *stream, json_t *props, const char *key)
{
	json_t *o;

	if (!stream)
		return;
	o = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(stream_rows); i++) {
		const char *value = node_get(stream, stream_rows[i].attr);

		if (!value)
			continue;
		if (stream_rows[i].type == FLAG)
			props_onoff(o, stream_rows[i].key, value);
		else if (stream_rows[i].type == NUMBER)
			props_int(o, stream_rows[i].key, node_u64(stream, stream_rows[i].attr, 0));
		else
			props_str(o, stream_rows[i].key, value);
	}
	if (json_object_size(o))
		json_object_set(props, key, o);
	json_decref(o);
}

static const char *driver_of(const struct node *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(audios); i++)
		if (node_is(dev, "@type", audios[i].type))
			return audios[i].driver;
	return "none";
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *o = json_object();
	int r;

	props_strf(o, "id", "audio%s", node_get_or(dev, "@id", "1"));
	props_str(o, "driver", driver_of(dev));
	r = qemu_emit_rows(p, &qemu_audio_kind, dev, o, err);
	if (r < 0) {
		json_decref(o);
		return r;
	}
	add_stream(node_child(dev, "input"), o, "in");
	add_stream(node_child(dev, "output"), o, "out");
	plan_item(p, ITEM_AUDIODEV, o);
	return 0;
}

static const struct qemu_row rows[] = {
	E("@id"),
	E("@type"),
	{ "@timerPeriod", .arg = "timer-period" },
	E("@driver"),
	{ "@path", .arg = "path" },
	{ "@serverName", .arg = "server" },
	E("@runtimeDir"),
	{ "@tryMMap", .arg = "try-mmap" },
	{ "@exclusive", .arg = "exclusive" },
	{ "@dspPolicy", .arg = "dsp-policy" },
	{ 0 },
};
const struct qemu_kind qemu_audio_kind = { .schema = &audio_schema, .rows = rows, .device = "audio", .plan = plan };

const struct qemu_kind qemu_audio_stream_kind = {
	.schema = &audio_stream_schema,
	.rows = (const struct qemu_row[]){ E("@mixingEngine"),
					   E("@fixedSettings"),
					   E("@voices"),
					   E("@bufferLength"),
					   E("@dev"),
					   E("@bufferCount"),
					   E("@tryPoll"),
					   E("@name"),
					   E("@streamName"),
					   E("@latency"),
					   E("@serverName"),
					   E("@clientName"),
					   E("@connectPorts"),
					   E("@exactName"),
					   E("settings/@frequency"),
					   E("settings/@channels"),
					   E("settings/@format"),
					   { 0 } },
};
