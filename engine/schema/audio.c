/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <audio>: what on the host the guest's sound cards play through. */
#include "../schema.h"
#include "sound.h"

static const char *const types[] = { "none", "alsa",  "coreaudio", "jack", "oss",      "pulseaudio",
				     "sdl",  "spice", "file",	   "dbus", "pipewire", NULL };
static const char *const drivers[] = { "alsa", "arts", "esd", "pulseaudio", "dsp", "oss", "pipewire", NULL };
static const char *const formats[] = { "u8", "s8", "u16", "s16", "u32", "s32", "f32", NULL };

static int stream_check(const struct node *n, struct error *err)
{
	bool fixed = node_yes(n, "@fixedSettings");

	if (node_first(n, "settings") && !fixed)
		return error_set(err, EINVAL, "line %ld: <settings> of <%s> needs fixedSettings='yes'", node_line(n),
				 node_name(n));
	if (fixed && node_has(n, "@mixingEngine") && !node_yes(n, "@mixingEngine"))
		return error_set(err, EINVAL, "line %ld: <%s fixedSettings='yes'> needs mixingEngine='yes'",
				 node_line(n), node_name(n));
	return 0;
}

const struct schema audio_stream_schema = {
	.element = "input",
	.check = stream_check,
	.props =
		(const struct prop[]){
			{ "@mixingEngine", T_ENUM, .words = words_yes_no, .doc = "the hypervisor mixes and converts" },
			{ "@fixedSettings", T_ENUM, .words = words_yes_no,
			  .doc = "the format below, whatever the guest chose" },
			{ "@voices", T_U64, .min = 1, .doc = "streams at once" },
			{ "@bufferLength", T_U64, .min = 1, .doc = "length of the buffer, us" },
			{ "@dev", T_STRING, .doc = "device (alsa, oss)" },
			{ "@bufferCount", T_U64, .min = 1, .doc = "number of buffers (coreaudio, oss, sdl)" },
			{ "@tryPoll", T_ENUM, .words = words_yes_no, .doc = "try to poll (oss)" },
			{ "@name", T_STRING, .doc = "source or sink (pulseaudio, pipewire)" },
			{ "@streamName", T_STRING, .doc = "name shown (pulseaudio, pipewire)" },
			{ "@latency", T_U64, .min = 1, .doc = "latency wanted, us (pulseaudio, pipewire)" },
			{ "@serverName", T_STRING, .doc = "server (jack)" },
			{ "@clientName", T_STRING, .doc = "client name (jack)" },
			{ "@connectPorts", T_STRING, .doc = "ports to connect to, a regular expression (jack)" },
			{ "@exactName", T_ENUM, .words = words_yes_no,
			  .doc = "fail when the client name is taken (jack)" },
			{ "settings/@frequency", T_U64, .min = 1, .doc = "samples a second" },
			{ "settings/@channels", T_U64, .min = 1, .doc = "channels" },
			{ "settings/@format", T_ENUM, .words = formats, .doc = "sample format" },
			{ 0 } },
};

static int audio_check(const struct node *n, struct error *err)
{
	for (const struct node *o = node_child(node_parent(n), "audio"); o && o != n; o = node_next(o, "audio"))
		if (node_u64(o, "@id", 0) == node_u64(n, "@id", 0))
			return error_set(err, EINVAL, "line %ld: <audio>: id %s is already that of line %ld",
					 node_line(n), node_get(n, "@id"), node_line(o));
	return 0;
}

const struct schema audio_schema = {
	.element = "audio",
	.check = audio_check,
	.props = (const struct prop[]){ { "@id", T_U64, .flags = P_REQUIRED, .min = 1, .doc = "its number" },
					{ "@type", T_ENUM, .words = types, .flags = P_REQUIRED, .doc = "what plays" },
					{ "@timerPeriod", T_U64, .min = 1, .doc = "timer period, us" },
					{ "@driver", T_ENUM, .words = drivers, .doc = "how SDL plays (sdl)" },
					{ "@path", T_STRING, .doc = "file that is written (file)" },
					{ "@serverName", T_STRING, .doc = "server (pulseaudio)" },
					{ "@runtimeDir", T_STRING, .doc = "directory of the socket (pipewire)" },
					{ "@tryMMap", T_ENUM, .words = words_yes_no, .doc = "try to map memory (oss)" },
					{ "@exclusive", T_ENUM, .words = words_yes_no, .doc = "for us alone (oss)" },
					{ "@dspPolicy", T_INT, .doc = "timing policy (oss)" },
					{ "input", T_SUB, .sub = &audio_stream_schema, .doc = "recording" },
					{ "output", T_SUB, .sub = &audio_stream_schema, .doc = "playing" },
					{ 0 } },
};
