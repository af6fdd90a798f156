/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domains/NAME/ */
#include "tree.h"

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_state_names[domain_of(at->obj)->state]);
}

static int state_store(const struct place *at, struct str word, struct error *err)
{
	return domain_command(domain_of(at->obj), word, at->who, err);
}

static int reason_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_of(at->obj)->reason);
}

static int uuid_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_of(at->obj)->uuid);
}

/* Empty while it is off. */
static int show_number(struct buf *out, int64_t n)
{
	if (n > 0)
		buf_u64(out, n);
	buf_putc(out, '\n');
	return 0;
}

static int id_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_number(out, domain_of(at->obj)->id);
}

static int pid_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_number(out, domain_of(at->obj)->pid);
}

static int type_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_of(at->obj)->type);
}

static int persistent_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_of(at->obj)->persistent ? "1" : "0");
}

static int autostart_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, domain_of(at->obj)->autostart ? "1" : "0");
}

static int autostart_store(const struct place *at, struct str text, struct error *err)
{
	bool on;
	int r = bool_parse(text, &on, err);

	if (r < 0)
		return error_in(err, r, "%s: autostart", at->obj->name);
	return domain_set_autostart(domain_of(at->obj), on, err);
}

static int xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	domain_xml(domain_of(at->obj), at->slot->view, sees_secrets(at, at->obj), out);
	return 0;
}

static int xml_store(const struct place *at, struct str text, struct error *err)
{
	return domain_define(domain_of(at->obj), at->slot->view, text, at->who, err);
}

static int config_xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	domain_config_text(domain_of(at->obj), sees_secrets(at, at->obj), out);
	return 0;
}

static int check_store(const struct place *at, struct str text, struct error *err)
{
	struct buf verdict = { 0 };

	return verdict_keep(at->obj, &verdict, domain_verdict(domain_of(at->obj), text, &verdict, err));
}

static int pending_show(const struct place *at, struct buf *out, struct error *err unused)
{
	domain_pending(domain_of(at->obj), out);
	return 0;
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = domain_of(at->obj)->error_text;

	return text ? show_line(out, text) : 0;
}

static int job_show(const struct place *at, struct buf *out, struct error *err unused)
{
	domain_job(domain_of(at->obj), out);
	return 0;
}

static int job_store(const struct place *at, struct str word, struct error *err)
{
	if (!str_is(word, "abort"))
		return error_set(err, EINVAL, "'%.*s': expected abort", (int)word.n, word.p);
	if (!job_abort(&domain_of(at->obj)->jobs))
		return error_set(err, EINVAL, "%s: nothing is going on", at->obj->name);
	return 0;
}

static int log_show(const struct place *at, struct buf *out, struct error *err)
{
	return domain_log(domain_of(at->obj), out, err);
}

static int command_show(const struct place *at, struct buf *out, struct error *err)
{
	return domain_command_line(domain_of(at->obj), out, err);
}

/* Only of a guest that runs, where the driver can. */
static bool has_screen(const struct place *at)
{
	const struct domain *d = domain_of(at->obj);

	return d->id > 0 && d->driver && d->driver->guest && d->driver->guest->screenshot;
}

static int screenshot_show(const struct place *at, struct buf *out, struct error *err)
{
	return domain_screenshot(domain_of(at->obj), out, err);
}

static int row_show(const struct place *at, struct buf *out, struct error *err)
{
	int r = domain_prop_show(domain_of(at->obj), at->slot->view, at->slot->prop, out, err);

	if (r >= 0 && (!out->n || out->p[out->n - 1] != '\n'))
		buf_putc(out, '\n');
	return r;
}

static int row_store(const struct place *at, struct str text, struct error *err)
{
	return domain_prop_store(domain_of(at->obj), at->slot->view, at->slot->prop, text, at->who, err);
}

static const struct entry domain_entries[] = {
	VALUE("state", 0644, state_show, state_store, .facets = F_STATE, .cached = true,
	      .doc = "running paused shutoff crashed ...; write start shutdown destroy reboot reset suspend resume nmi"),
	VALUE("reason", 0444, reason_show, NULL, .facets = F_STATE, .cached = true, .doc = "why it is in that state"),
	VALUE("uuid", 0444, uuid_show, NULL, .cached = true, .doc = "its uuid"),
	VALUE("id", 0444, id_show, NULL, .facets = F_STATE, .cached = true,
	      .doc = "the number of this run; empty while it is off"),
	VALUE("pid", 0444, pid_show, NULL, .facets = F_STATE, .cached = true,
	      .doc = "the hypervisor's process; empty while it is off"),
	VALUE("type", 0444, type_show, NULL, .cached = true,
	      .doc = "the kind of hypervisor, as the definition names it"),
	VALUE("persistent", 0444, persistent_show, NULL, .cached = true,
	      .doc = "1: it is defined; 0: it is gone once it is off"),
	VALUE("autostart", 0644, autostart_show, autostart_store, .facets = F_CONFIG | F_DOC,
	      .doc = "1: started when domfs starts"),
	DOC("xml", 0644, xml_show, xml_store, .doc = "the definition in force; write a whole document to define"),
	DOC("check", 0644, verdict_show, check_store, .fresh = LIVE, .fresh_doc = true,
	    .doc = "write a definition, read the verdict; changes nothing"),
	PROPS(&domain_schema, row_show, row_store),
	VALUE("pending", 0444, pending_show, NULL, .facets = F_DOC | F_CONFIG | F_STATE,
	      .doc = "what differs between the running definition and the next start's"),
	VALUE("job", 0644, job_show, job_store, .fresh = LIVE, .facets = F_JOB,
	      .doc = "what is going on and how far; write abort"),
	VALUE("error", 0444, error_show, NULL, .facets = F_ERROR, .doc = "the last failure in words"),
	VALUE("command", 0444, command_show, NULL, .fresh = LIVE,
	      .doc = "the hypervisor's command line, as it was run or would be"),
	VALUE("log", 0440, log_show, NULL, .fresh = LIVE, .grows = true, .facets = F_LOG,
	      .doc = "what the hypervisor printed"),
	STREAM("console.log", 0440, &console_log_stream, .facets = F_LOG, .doc = "what the serial console has said"),
	STREAM("console", 0660, &console_stream, .hidden = true, .facets = F_LOG,
	       .doc = "the serial console, to read and write"),
	VALUE("screenshot.png", 0440, screenshot_show, NULL, .fresh = WAITS, .fleeting = true, .exists = has_screen,
	      .doc = "the screen now, of a guest that runs"),
	DIR("wait", 0755, &wait_dir, .doc = "files whose reading blocks until it is so"),
	DIR("stats", 0755, &stats_dir, .doc = "counters, flat keyed"),
	DIR("vcpus", 0755, &vcpus_dir, .facets = F_NAMES | F_DOC | F_STATE, .doc = "the virtual CPUs"),
	DIR("disks", 0755, &disks_dir, .facets = F_NAMES | F_DOC, .doc = "the disks, by target"),
	DIR("nics", 0755, &nics_dir, .facets = F_NAMES | F_DOC, .doc = "the network interfaces"),
	DIR("devices", 0755, &devices_dir, .facets = F_NAMES | F_DOC, .doc = "every other device, by alias"),
	DIR("config", 0755, &config_dir, .view = VIEW_CONFIG, .doc = "the definition for the next start"),
	{ 0 },
};

const struct dir_type domain_dir = { .entries = domain_entries };

static const struct entry config_entries[] = {
	DOC("xml", 0644, config_xml_show, xml_store, .doc = "what was defined, byte for byte"),
	PROPS(&domain_schema, row_show, row_store),
	DIR("disks", 0755, &disks_dir, .facets = F_NAMES | F_CONFIG, .doc = "the disks of the next start"),
	DIR("nics", 0755, &nics_dir, .facets = F_NAMES | F_CONFIG, .doc = "the network interfaces of the next start"),
	DIR("devices", 0755, &devices_dir, .facets = F_NAMES | F_CONFIG, .doc = "every other device of the next start"),
	{ 0 },
};

const struct dir_type config_dir = { .entries = config_entries };

static const struct entry wait_entries[] = {
	STREAM("running", 0444, &wait_stream, .hidden = true, .facets = F_STATE, .doc = "blocks until it runs"),
	STREAM("paused", 0444, &wait_stream, .hidden = true, .facets = F_STATE, .doc = "blocks until it is paused"),
	STREAM("shutoff", 0444, &wait_stream, .hidden = true, .facets = F_STATE, .doc = "blocks until it is off"),
	STREAM("job", 0444, &wait_stream, .hidden = true, .facets = F_JOB, .doc = "blocks until nothing is going on"),
	{ 0 },
};

const struct dir_type wait_dir = { .entries = wait_entries };

static int cpu_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_CPU, NULL, out, err);
}

static int vcpus_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_VCPU, NULL, out, err);
}

static int memory_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_MEMORY, NULL, out, err);
}

static int block_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_BLOCK, NULL, out, err);
}

static int net_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_NET, NULL, out, err);
}

static const struct entry stats_entries[] = {
	VALUE("cpu", 0444, cpu_show, NULL, .fresh = LIVE, .doc = "CPU time of the guest's process"),
	VALUE("vcpus", 0444, vcpus_show, NULL, .fresh = LIVE, .doc = "CPU time of each virtual CPU"),
	VALUE("memory", 0444, memory_show, NULL, .fresh = WAITS, .doc = "balloon and memory statistics of the guest"),
	VALUE("block", 0444, block_show, NULL, .fresh = WAITS, .doc = "requests and bytes of each disk"),
	VALUE("net", 0444, net_show, NULL, .fresh = LIVE, .doc = "packets and bytes of each network interface"),
	{ 0 },
};

const struct dir_type stats_dir = { .entries = stats_entries };
