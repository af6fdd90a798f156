/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <graphics>: how the screen is reached.  Listens on loopback unless the definition says otherwise.  A password is never on the command line:
 * it is set through the monitor before the vCPUs run; until then nobody gets in.
 */
#include "graphics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../engine/schema/graphics.h"
#include "devices.h"
#include "live.h"

#define LOOPBACK "127.0.0.1"
/* Where VNC displays begin, and libvirt's end of what is given out. */
#define PORT_FIRST 5900
#define PORT_LAST  65535

static bool is_type(const struct node *g, const char *type)
{
	return node_is(g, "@type", type);
}

static bool has_port(const struct node *g)
{
	return is_type(g, "vnc") || is_type(g, "spice");
}

/* ---- completion ---- */

/* One <listen>, whatever way the definition says it. */
static void complete_listen(struct node *g)
{
	struct node *l = node_child(g, "listen");
	const char *socket = node_get(g, "@socket"), *address = node_get(g, "@listen");
	bool ports = node_has(g, "@port") || node_has(g, "@tlsPort") || node_yes(g, "@autoport");

	if (!l) {
		l = node_add(g, "listen");
		if (socket)
			node_set(l, "@type", "socket");
		else if (is_type(g, "spice") && !ports && !address)
			node_set(l, "@type", "none"); /* reached by descriptors only */
		else
			node_set(l, "@type", "address");
	}
	if (node_is(l, "@type", "socket") && socket && !node_has(l, "@socket"))
		node_set(l, "@socket", socket);
	if (node_is(l, "@type", "socket") && is_type(g, "vnc"))
		node_set(g, "@socket", node_get(l, "@socket"));
	if (node_is(l, "@type", "address") && address && !node_has(l, "@address"))
		node_set(l, "@address", address);
	if (node_is(l, "@type", "address") && node_has(l, "@address"))
		node_set(g, "@listen", node_get(l, "@address"));
	else
		node_set(g, "@listen", NULL);
}

static void complete_port(struct node *g)
{
	const struct node *l = node_child(g, "listen");
	bool fixed = node_has(g, "@port") && !node_is(g, "@port", "-1") && !node_is(g, "@port", "0");

	if (node_is(l, "@type", "socket") || node_is(l, "@type", "none")) {
		node_set(g, "@port", NULL);
		node_set(g, "@tlsPort", NULL);
		node_set(g, "@autoport", NULL);
	} else if (is_type(g, "vnc") && (!fixed || node_yes(g, "@autoport"))) {
		node_set(g, "@port", "-1");
		node_set(g, "@autoport", "yes");
	} else if (is_type(g, "spice") && (node_yes(g, "@autoport") || (!fixed && !node_has(g, "@tlsPort")))) {
		node_set(g, "@port", NULL);
		node_set(g, "@tlsPort", NULL);
		node_set(g, "@autoport", "yes");
	} else {
		node_set(g, "@autoport", "no");
	}
}

/* egl-headless draws for another one; two that draw by OpenGL cannot be. */
static int check_together(const struct complete *c, const struct node *g, struct error *err)
{
	bool remote = false, gl = false;

	for (const struct node *n = node_first(c->domain, "devices/graphics"); n; n = node_next(n, "graphics")) {
		remote |= has_port(n) || is_type(n, "dbus");
		gl |= n != g && node_yes(n, "gl/@enable");
		if (n == g)
			continue;
		if (is_type(n, node_get_or(g, "@type", "")))
			return error_set(err, ENOTSUP, "line %ld: <graphics type='%s'>: QEMU has one of each type",
					 node_line(g), node_get(g, "@type"));
		if (is_type(g, "egl-headless") && is_type(n, "sdl"))
			return error_set(
				err, ENOTSUP,
				"line %ld: <graphics type='egl-headless'> goes with vnc or spice, not with sdl",
				node_line(g));
	}
	if (is_type(g, "egl-headless") && gl)
		return error_set(
			err, ENOTSUP,
			"line %ld: <graphics type='egl-headless'> and <gl enable='yes'/>: QEMU has one OpenGL display",
			node_line(g));
	return 0;
}

static int complete(struct complete *c, struct node *g, struct error *err)
{
	int r = check_together(c, g, err);

	if (r < 0 || !has_port(g))
		return r;
	complete_listen(g);
	complete_port(g);
	if (is_type(g, "spice") && node_yes(g, "gl/@enable") && !node_is(g, "listen/@type", "none") &&
	    !node_is(g, "listen/@type", "socket"))
		return error_set(
			err, ENOTSUP,
			"line %ld: <graphics type='spice'>: <gl enable='yes'/> is local only: use <listen type='none'/>",
			node_line(g));
	return 0;
}

/* ---- plan ---- */

/* A comma is doubled in QEMU's words. */
static void add_word(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",%s=", key);
	for (; *value; value++) {
		buf_putc(out, *value);
		if (*value == ',')
			buf_putc(out, ',');
	}
}

static void add_flag(struct buf *out, const char *key, bool on)
{
	add_word(out, key, on ? "on" : "off");
}

static const char *address_of(const struct node *g)
{
	const char *address = node_get(g, "listen/@address");

	return address && *address ? address : LOOPBACK;
}

/* Where a socket listens: the definition's path, or one in the guest's own directory. */
static const char *socket_of(struct plan *p, const struct node *g)
{
	const char *path = node_get(g, "listen/@socket");
	autofree char *own = xasprintf("%s/%s.sock", p->run_dir, node_get_or(g, "@type", ""));

	return plan_file(p, FILE_RUN_DIR, path && *path ? path : own, 0, "graphics '%s'", node_get_or(g, "@type", ""));
}

static void keymap(struct plan *p, const struct node *g)
{
	if (node_has(g, "@keymap"))
		plan_option(p, "-k", "%s", node_get(g, "@keymap"));
}

static void vnc_place(struct plan *p, const struct node *g, struct buf *out)
{
	const char *address = address_of(g);
	uint64_t port = node_is(g, "@port", "-1") ? PORT_FIRST : node_u64(g, "@port", PORT_FIRST);

	if (node_is(g, "listen/@type", "none")) {
		buf_puts(out, "none");
	} else if (node_is(g, "listen/@type", "socket")) {
		const char *path = socket_of(p, g);

		buf_puts(out, "vnc=unix:");
		for (; *path; path++)
			buf_printf(out, *path == ',' ? ",," : "%c", *path);
	} else {
		bool v6 = strchr(address, ':') != NULL;

		buf_printf(out, "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "", (unsigned)(port - PORT_FIRST));
	}
}

static int plan_vnc(struct plan *p, const struct node *g)
{
	autobuf struct buf out = { 0 };
	autofree char *audio = qemu_audiodev(p, g);

	vnc_place(p, g, &out);
	if (node_has(g, "@websocket"))
		buf_printf(&out, ",websocket=%s", node_is(g, "@websocket", "-1") ? "on" : node_get(g, "@websocket"));
	add_word(&out, "share", node_get(g, "@sharePolicy"));
	if (node_has(g, "@passwd"))
		buf_puts(&out, ",password=on");
	if (node_has(g, "@powerControl"))
		add_flag(&out, "power-control", node_yes(g, "@powerControl"));
	add_word(&out, "audiodev", audio);
	plan_option(p, "-vnc", "%s", buf_text(&out));
	keymap(p, g);
	return 0;
}

static const char *spice_mode(const char *mode)
{
	return str_eq(mode, "secure") ? "tls-channel" : str_eq(mode, "insecure") ? "plaintext-channel" : NULL;
}

static void spice_place(struct plan *p, const struct node *g, struct buf *out)
{
	uint64_t port = node_u64(g, "@port", 0);

	if (node_is(g, "listen/@type", "none")) {
		buf_puts(out, "port=0");
		return;
	}
	if (node_is(g, "listen/@type", "socket")) {
		buf_puts(out, "unix=on");
		add_word(out, "addr", socket_of(p, g));
		return;
	}
	if (node_yes(g, "@autoport") && !port)
		port = PORT_FIRST + 1; /* a dry run's */
	if (port)
		buf_printf(out, "port=%u", (unsigned)port);
	if (node_u64(g, "@tlsPort", 0))
		buf_printf(out, "%stls-port=%s", out->n ? "," : "", node_get(g, "@tlsPort"));
	add_word(out, "addr", address_of(g));
	if (node_u64(g, "@tlsPort", 0))
		add_word(out, "x509-dir", "/etc/pki/qemu");
}

/* Options that are one word of the definition each. */
static const struct {
	const char *path, *key;
} spice_words[] = {
	{ "image/@compression", "image-compression" },
	{ "jpeg/@compression", "jpeg-wan-compression" },
	{ "zlib/@compression", "zlib-glz-wan-compression" },
	{ "playback/@compression", "playback-compression" },
	{ "streaming/@mode", "streaming-video" },
};

static int plan_spice(struct plan *p, const struct node *g)
{
	autobuf struct buf out = { 0 };
	const char *mode = spice_mode(node_get(g, "@defaultMode"));
	const char *mouse = node_get(g, "mouse/@mode");

	spice_place(p, g, &out);
	if (!node_has(g, "@passwd"))
		buf_puts(&out, ",disable-ticketing=on");
	if (mouse)
		add_flag(&out, "agent-mouse", str_eq(mouse, "client"));
	add_word(&out, mode ? mode : "", mode ? "default" : NULL);
	for (const struct node *c = node_child(g, "channel"); c; c = node_next(c, "channel"))
		if (spice_mode(node_get(c, "@mode")))
			add_word(&out, spice_mode(node_get(c, "@mode")), node_get(c, "@name"));
	for (size_t i = 0; i < ARRAY_SIZE(spice_words); i++)
		add_word(&out, spice_words[i].key, node_get(g, spice_words[i].path));
	if (node_is(g, "clipboard/@copypaste", "no"))
		buf_puts(&out, ",disable-copy-paste=on");
	if (node_is(g, "filetransfer/@enable", "no"))
		buf_puts(&out, ",disable-agent-file-xfer=on");
	if (node_yes(g, "gl/@enable")) {
		buf_puts(&out, ",gl=on");
		add_word(&out, "rendernode", node_get(g, "gl/@rendernode"));
	}
	buf_puts(&out, ",seamless-migration=on");
	plan_option(p, "-spice", "%s", buf_text(&out));
	keymap(p, g);
	return 0;
}

static int plan_sdl(struct plan *p, const struct node *g)
{
	autobuf struct buf out = { 0 };

	buf_puts(&out, "sdl");
	if (node_has(g, "gl/@enable"))
		add_flag(&out, "gl", node_yes(g, "gl/@enable"));
	plan_option(p, "-display", "%s", buf_text(&out));
	if (node_yes(g, "@fullscreen"))
		plan_option(p, "-full-screen", NULL);
	return 0;
}

static int plan_egl(struct plan *p, const struct node *g)
{
	autobuf struct buf out = { 0 };

	buf_puts(&out, "egl-headless");
	add_word(&out, "rendernode", node_get(g, "gl/@rendernode"));
	plan_option(p, "-display", "%s", buf_text(&out));
	return 0;
}

static int plan_dbus(struct plan *p, const struct node *g)
{
	autobuf struct buf out = { 0 };
	autofree char *own = xasprintf("unix:path=%s/dbus.sock", p->run_dir);
	autofree char *audio = node_has(g, "audio/@id") ? qemu_audiodev(p, g) : NULL;

	buf_puts(&out, "dbus");
	if (node_yes(g, "@p2p"))
		buf_puts(&out, ",p2p=on");
	else
		add_word(&out, "addr", node_get_or(g, "@address", own));
	if (node_has(g, "gl/@enable"))
		add_flag(&out, "gl", node_yes(g, "gl/@enable"));
	add_word(&out, "rendernode", node_get(g, "gl/@rendernode"));
	add_word(&out, "audiodev", audio);
	plan_option(p, "-display", "%s", buf_text(&out));
	return 0;
}

static int plan(struct plan *p, const struct node *g, struct error *err)
{
	static const struct {
		const char *type;
		int (*plan)(struct plan *p, const struct node *g);
	} all[] = { { "vnc", plan_vnc },
		    { "spice", plan_spice },
		    { "sdl", plan_sdl },
		    { "egl-headless", plan_egl },
		    { "dbus", plan_dbus } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (is_type(g, all[i].type))
			return all[i].plan(p, g);
	return error_set(err, ENOTSUP, "line %ld: <graphics type='%s'>: QEMU has no such display", node_line(g),
			 node_get(g, "@type"));
}

/* ---- a port at a start ---- */

static int try_port(int family, const struct sockaddr *addr, socklen_t n)
{
	autoclose int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* as QEMU does */
	return bind(fd, addr, n) < 0 ? -errno : 0;
}

static int port_free(const char *address, unsigned port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		return try_port(AF_INET6, (struct sockaddr *)&v6, sizeof(v6));
	if (inet_pton(AF_INET, address, &v4.sin_addr) != 1)
		v4.sin_addr.s_addr = htonl(INADDR_ANY); /* a name: free everywhere is free there */
	return try_port(AF_INET, (struct sockaddr *)&v4, sizeof(v4));
}

int qemu_graphics_prepare(struct node *g, struct error *err)
{
	/* two guests that start at once must not be told the same: neither has bound it yet */
	static unsigned last = PORT_FIRST - 1;
	autofree char *address = xstrdup(address_of(g));
	unsigned port = last;

	if (!has_port(g) || !node_yes(g, "@autoport") || !node_is(g, "listen/@type", "address"))
		return 0;
	for (unsigned tries = PORT_FIRST; tries <= PORT_LAST; tries++) {
		int r;

		port = port < PORT_LAST ? port + 1 : PORT_FIRST;
		r = port_free(address, port);
		if (r == -EADDRINUSE || r == -EACCES)
			continue;
		if (r < 0)
			return error_set(err, -r, "graphics '%s' cannot listen on '%s': %s", node_get(g, "@type"),
					 address, strerror(-r));
		last = port < PORT_FIRST + 99 ? port : PORT_FIRST - 1; /* low numbers, which people type, come back */
		node_setf(g, "@port", "%u", port);
		return 0;
	}
	return error_set(err, EADDRINUSE, "no port between %d and %d of '%s' is free for graphics '%s'", PORT_FIRST,
			 PORT_LAST, address, node_get(g, "@type"));
}

/* ---- passwords ---- */

static int set_password(struct domain *d, const char *type, const char *passwd, const char *connected,
			struct error *err)
{
	json_t *args = json_object();

	props_str(args, "protocol", type);
	props_str(args, "password", passwd);
	if (!str_eq(type, "vnc")) /* VNC has keep only */
		props_str(args, "connected", connected);
	return qmp_call(d, "set_password", args, NULL, err);
}

/* PasswdValidTo is UTC; QEMU takes seconds since 1970, "never" or "now". */
static int set_expiry(struct domain *d, const char *type, const char *until, struct error *err)
{
	json_t *args = json_object();
	struct tm tm = { 0 };

	props_str(args, "protocol", type);
	if (until && strptime(until, "%Y-%m-%dT%H:%M:%S", &tm))
		props_strf(args, "time", "%lld", (long long)timegm(&tm));
	else
		props_str(args, "time", "never");
	return qmp_call(d, "expire_password", args, NULL, err);
}

struct password {
	char *type, *passwd, *until, *connected;
};

static void password_free(void *arg)
{
	struct password *w = arg;

	free(w->type);
	free(w->passwd);
	free(w->until);
	free(w->connected);
	free(w);
}

static int apply(struct domain *d, const struct password *w, struct error *err)
{
	int r = set_password(d, w->type, w->passwd, w->connected, err);

	return r < 0 ? r : set_expiry(d, w->type, w->until, err);
}

static struct password *password_of(const struct node *g)
{
	struct password *w = xmalloc(sizeof(*w));

	*w = (struct password){ xstrdup(node_get(g, "@type")), xstrdup(node_get(g, "@passwd")),
				xstrdup(node_get(g, "@passwdValidTo")), xstrdup(node_get(g, "@connected")) };
	return w;
}

int qemu_graphics_after_start(struct domain *d, struct error *err)
{
	struct vec all = { 0 };
	int r = 0;

	for (struct node *g = node_first(domain_live(d), "devices/graphics"); g; g = node_next(g, "graphics"))
		if (has_port(g) && node_has(g, "@passwd"))
			vec_add(&all, password_of(g));
	for (size_t i = 0; r == 0 && i < all.n; i++)
		r = apply(d, all.at[i], err);
	vec_clear(&all, password_free);
	return r;
}

/* A display that was started without a password takes none later: QEMU asks for one only when it was told to at its start. */
static int set(struct domain *d, struct node *g, const struct prop *row, struct str text, struct error *err)
{
	struct password *w = password_of(g);
	char *value = xstrndup(text.p ? text.p : "", text.n);
	int r;

	if (!w->passwd || !has_port(g)) {
		password_free(w);
		free(value);
		return error_set(err, ENOTSUP,
				 "graphics '%s' was started without a password: give it one while the guest is off",
				 node_get_or(g, "@type", ""));
	}
	if (str_eq(row->path, "@passwd")) {
		free(w->passwd);
		w->passwd = take(&value);
	} else if (str_eq(row->path, "@passwdValidTo")) {
		free(w->until);
		w->until = *value ? take(&value) : NULL;
	}
	r = str_eq(row->path, "@connected") ? 0
					    : apply(d, w, err); /* @connected acts at the next change of the password */
	password_free(w);
	free(value);
	return r;
}

/* ---- rows ---- */

static const char *const types[] = { "vnc", "spice", "sdl", "dbus", "egl-headless", NULL };
static const struct qemu_row rows[] = {
	{ "@type", .elsewhere = true, .only = types },
	E("@port"),
	E("@tlsPort"),
	E("@autoport"),
	E("@websocket"),
	E("@listen"),
	E("@socket"),
	E("@passwd"),
	E("@passwdValidTo"),
	E("@connected"),
	E("@keymap"),
	E("@sharePolicy"),
	E("@powerControl"),
	E("@defaultMode"),
	E("@display"),
	E("@xauth"),
	E("@fullscreen"),
	E("@address"),
	E("@p2p"),
	E("image/@compression"),
	E("jpeg/@compression"),
	E("zlib/@compression"),
	E("playback/@compression"),
	E("streaming/@mode"),
	E("clipboard/@copypaste"),
	E("mouse/@mode"),
	E("filetransfer/@enable"),
	E("gl/@enable"),
	E("gl/@rendernode"),
	E("audio/@id"),
	{ 0 },
};
const struct qemu_kind qemu_graphics_kind = {
	.schema = &graphics_schema,
	.rows = rows,
	.device = "graphics",
	.complete = complete,
	.plan = plan,
	.set = set,
};

const struct qemu_kind qemu_graphics_listen_kind = {
	.schema = &graphics_listen_schema,
	.rows = (const struct qemu_row[]){ E("@type"), E("@address"), E("@network"), E("@socket"), { 0 } },
};
const struct qemu_kind qemu_graphics_channel_kind = {
	.schema = &graphics_channel_schema,
	.rows = (const struct qemu_row[]){ E("@name"), E("@mode"), { 0 } },
};
