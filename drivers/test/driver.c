/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hypervisor in memory, for tests: domains of type 'test'.  It has every slot and every row; what fails, is slow or hangs is written in a
 * script (script.h).  Its guests live on after kill -9 of domfs in the sense that adopt finds what was kept in the run directory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "test.h"

static const char *const types[] = { "test", NULL };

static int probe(struct driver_info *out, struct error *err)
{
	int r = guest_step(NULL, "probe", NULL, err);

	if (r < 0)
		return r;
	out->version = xstrdup("1");
	out->state =
		xstrdup(script_exists() ? "usable" : "not usable: it makes domains only in tests (DOMFS_TEST_SCRIPT)");
	out->capabilities = xstrdup("every row: kept in memory\n");
	return 0;
}

static char *fresh(const char *name unused)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return xasprintf("<domain type='test'>\n"
			 "  <name>@NAME@</name>\n"
			 "  <memory unit='MiB'>1024</memory>\n"
			 "  <currentMemory unit='MiB'>1024</currentMemory>\n"
			 "  <vcpu current='1'>%ld</vcpu>\n"
			 "  <os>\n"
			 "    <type arch='x86_64'>hvm</type>\n"
			 "  </os>\n"
			 "  <devices>\n"
			 "    <serial type='pty'/>\n"
			 "    <console type='pty'/>\n"
			 "  </devices>\n"
			 "</domain>\n",
			 cpus < 4 ? 4 : cpus);
}

static int command(const struct doc *full, const char *name, struct buf *out, struct error *err unused)
{
	buf_printf(out, "test-hypervisor\n--name %s\n--cpus %s\n--memory %" PRIu64 "\n", name,
		   node_get_or(doc_root(full), "vcpu", "1"), node_size(doc_root(full), "memory", 0));
	return 0;
}

static void log_put(struct domain *d, const char *text)
{
	autofree char *path = xasprintf("%s/log", domain_run_dir(d));
	FILE *f = fopen(path, "ae");

	if (!f)
		return;
	fprintf(f, "%s\n", text);
	fclose(f);
}

static int start(struct domain *d, const struct start_opts *o, struct error *err)
{
	struct guest *g = guest_new(d);
	int r;

	domain_set_priv(d, g);
	g->refs++;
	log_put(d, "the test hypervisor starts");
	r = guest_step(g, "start", domain_name(d), err);
	if (r == 0 && g->dead)
		r = error_set(err, ENOTCONN, "the guest ended while it was started");
	if (r < 0) {
		guest_die(g, NULL, NULL);
	} else {
		g->paused = o && o->paused;
		guest_learn_devices(g);
		domain_keep(d, "alive", "1");
		domain_keep(d, "paused", g->paused ? "1" : NULL);
	}
	guest_unref(g);
	return r;
}

static int adopt(struct domain *d, struct error *err)
{
	struct news n = { .kind = NEWS_RUNNING, .why = "found" };
	struct guest *g;
	int r = guest_step(NULL, "adopt", domain_name(d), err);

	if (r < 0)
		return r;
	if (!domain_kept(d, "alive"))
		return error_set(err, ESRCH, "domfs ended while it was starting this guest: start it again");
	if (script_says("gone", domain_name(d), NULL))
		return error_set(err, ESRCH, "the guest ended while domfs was not running");
	g = guest_new(d);
	domain_set_priv(d, g);
	guest_learn_devices(g);
	g->paused = domain_kept(d, "paused") != NULL;
	if (g->paused) {
		n.kind = NEWS_PAUSED;
		n.why = "user";
	}
	domain_news(d, &n);
	return 0;
}

static int stop(struct domain *d, enum stop_how how unused, struct error *err)
{
	struct guest *g = guest_of(d);
	int r;

	if (!g)
		return 0;
	g->refs++;
	r = guest_step(g, "stop", domain_name(d), err);
	if (r == 0)
		guest_die(g, "destroyed", NULL);
	guest_unref(g);
	return r == -ENOTCONN ? 0 : r;
}

/* The guest of a slot, referenced, after its script; NULL with *r. */
static struct guest *enter(struct domain *d, const char *slot, int *r, struct error *err)
{
	struct guest *g = guest_of(d);

	if (!g) {
		*r = error_set(err, ENOTCONN, "the guest does not run");
		return NULL;
	}
	g->refs++;
	*r = guest_step(g, slot, domain_name(d), err);
	if (*r == 0 && g->dead)
		*r = error_set(err, ENOTCONN, "the guest ended");
	if (*r == 0)
		return g;
	guest_unref(g);
	return NULL;
}

static int pause_slot(struct domain *d, bool on, struct error *err)
{
	struct news n = { .kind = on ? NEWS_PAUSED : NEWS_RUNNING, .why = on ? "user" : "resumed" };
	int r;
	autoguest struct guest *g = enter(d, "pause", &r, err);

	if (!g)
		return r;
	g->paused = on;
	domain_keep(d, "paused", on ? "1" : NULL);
	domain_news(d, &n);
	return 0;
}

/* A guest obeys at once; one whose power button does nothing is scripted as "fail press". */
static void power_off(void *arg)
{
	autoguest struct guest *g = arg;

	guest_die(g, "shutdown", NULL);
}

static int press(struct domain *d, enum button which, struct error *err)
{
	static const char *const events[] = {
		[BUTTON_REBOOT] = "reboot", [BUTTON_RESET] = "reset", [BUTTON_NMI] = "nmi"
	};
	struct news n = { .kind = NEWS_EVENT };
	int r;
	autoguest struct guest *g = enter(d, "press", &r, err);

	if (!g)
		return r;
	if (which == BUTTON_POWER) {
		g->refs++;
		loop_soon(power_off, g);
		return 0;
	}
	n.why = events[which];
	domain_news(d, &n);
	return 0;
}

static int alias_index(const struct guest *g, const char *alias)
{
	for (size_t i = 0; alias && i < g->aliases.n; i++)
		if (!strcmp(g->aliases.at[i], alias))
			return i;
	return -1;
}

static int attach(struct domain *d, struct node *dev, struct error *err)
{
	autofree char *alias = xstrdup(node_get(dev, "alias/@name"));
	int r;
	autoguest struct guest *g = enter(d, "attach", &r, err);

	if (!g)
		return r;
	if (!alias || alias_index(g, alias) >= 0)
		return error_set(err, EEXIST, "the guest has a device '%s'", alias ? alias : "");
	vec_add(&g->aliases, take(&alias));
	return 0;
}

static int detach(struct domain *d, struct node *dev, struct error *err)
{
	autofree char *alias = xstrdup(node_get(dev, "alias/@name"));
	int i, r;
	autoguest struct guest *g = enter(d, "detach", &r, err);

	if (!g)
		return r;
	i = alias_index(g, alias);
	if (i < 0)
		return error_set(err, ENODEV, "the guest has no device '%s'", alias ? alias : "");
	free(g->aliases.at[i]);
	vec_remove(&g->aliases, i);
	return 0;
}

static int set(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err)
{
	uint64_t max = node_u64(dev, "vcpu", 1), v = 0;
	int r;
	autoguest struct guest *g = enter(d, "set", &r, err);

	if (!g)
		return r;
	if (strcmp(row->path, "vcpu/@current"))
		return 0;
	r = u64_parse(text, 1, 65535, &v, err);
	if (r == 0 && v > max)
		r = error_set(err, ERANGE, "%" PRIu64 " vCPUs are more than the guest's %" PRIu64, v, max);
	return r;
}

/* Counters that grow with the time since the start. */
static int stats(struct domain *d, unsigned groups, struct stats *out, struct error *err)
{
	bool asks = groups & (STATS_MEMORY | STATS_BLOCK); /* only these ask the hypervisor */
	struct guest *g = guest_of(d);
	struct node *root, *n;
	uint64_t age;
	int r = g && asks ? guest_step(g, "stats", domain_name(d), err) : 0;

	if (r < 0)
		return r;
	g = guest_of(d);
	root = domain_live(d);
	if (!g || !root)
		return error_set(err, ENOTCONN, "the guest does not run");
	age = now_realtime_ns() - g->started_ns;
	if (groups & STATS_CPU) {
		stats_put(out, STATS_CPU, "", "time_ns", age / 10);
		stats_put(out, STATS_CPU, "", "user_ns", age / 20);
	}
	for (uint64_t i = 0; groups & STATS_VCPU && i < node_u64(root, "vcpu/@current", 1); i++) {
		autofree char *number = xasprintf("%" PRIu64, i);
		stats_put(out, STATS_VCPU, number, "time_ns", age / 10);
	}
	if (groups & STATS_MEMORY)
		stats_put(out, STATS_MEMORY, "", "actual_bytes", node_size(root, "currentMemory", 0));
	for (n = node_first(root, "devices/disk"); groups & STATS_BLOCK && n; n = node_next(n, "disk"))
		stats_put(out, STATS_BLOCK, node_get_or(n, "target/@dev", ""), "read_bytes", age / 1000);
	for (n = node_first(root, "devices/interface"); groups & STATS_NET && n; n = node_next(n, "interface")) {
		const char *alias = node_get_or(n, "alias/@name", "");
		stats_put(out, STATS_NET, str_starts(alias, "ua-") ? alias + 3 : alias, "rx_bytes", age / 1000);
	}
	return 0;
}

static void forget(struct domain *d)
{
	struct guest *g = guest_of(d);

	if (g)
		guest_die(g, NULL, NULL);
}

static int console(struct domain *d, struct error *err)
{
	int fd, r;
	autoguest struct guest *g = enter(d, "console", &r, err);

	if (!g)
		return r;
	fd = guest_console(g, err);
	if (fd >= 0)
		guest_say(g, "test console: what you write comes back\r\n");
	return fd;
}

/* One black pixel. */
static int screenshot(struct domain *d, struct buf *png, struct error *err)
{
	static const unsigned char pixel[] = {
		0x89, 'P',  'N',  'G',	'\r', '\n', 0x1a, '\n', 0,    0,    0,	  13,  'I',  'H',  'D',	 'R',  0,
		0,    0,    1,	  0,	0,    0,    1,	  8,	0,    0,    0,	  0,   0x3a, 0x7e, 0x9b, 0x55, 0,
		0,    0,    10,	  'I',	'D',  'A',  'T',  0x78, 0x9c, 0x63, 0x60, 0,   0,    0,	   2,	 0,    1,
		0x48, 0xaf, 0xa4, 0x71, 0,    0,    0,	  0,	'I',  'E',  'N',  'D', 0xae, 0x42, 0x60, 0x82,
	};
	int r;
	autoguest struct guest *g = enter(d, "screenshot", &r, err);

	if (!g)
		return r;
	buf_add(png, pixel, sizeof(pixel));
	return 0;
}

static const struct guest_ops guest_ops = { .console = console, .screenshot = screenshot };

const struct driver test_driver = {
	.name = "test",
	.types = types,
	.probe = probe,
	.complete = test_complete,
	.fresh = fresh,
	.command = command,
	.start = start,
	.adopt = adopt,
	.stop = stop,
	.pause = pause_slot,
	.press = press,
	.attach = attach,
	.detach = detach,
	.set = set,
	.stats = stats,
	.forget = forget,
	.guest = &guest_ops,
};
