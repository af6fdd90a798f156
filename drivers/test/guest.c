/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest in memory: a console that echoes, a list of what is plugged, and a death by script. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS 20

static TAILQ_HEAD(, guest) guests = TAILQ_HEAD_INITIALIZER(guests);
static struct loop_timer *poll_timer;

/* Deaths that a script orders happen also when nobody calls. */
static void poll_script(void *arg unused)
{
	struct guest *g, *next;
	int64_t written = 0;

	poll_timer = NULL;
	for (g = TAILQ_FIRST(&guests); g; g = next) {
		next = TAILQ_NEXT(g, link);
		if (script_says("crash", domain_name(g->d), &written) && written >= g->started_ns)
			guest_die(g, "crashed", "the script says so");
	}
	if (!TAILQ_EMPTY(&guests) && script_exists())
		poll_timer = loop_timer(POLL_MS, poll_script, NULL);
}

struct guest *guest_new(struct domain *d)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->d = d;
	g->refs = 1;
	g->console = -1;
	g->started_ns = now_realtime_ns();
	TAILQ_INIT(&g->q);
	TAILQ_INSERT_TAIL(&guests, g, link);
	if (!poll_timer && script_exists())
		poll_timer = loop_timer(POLL_MS, poll_script, NULL);
	return g;
}

struct guest *guest_of(const struct domain *d)
{
	return domain_priv(d);
}

void guest_unref(struct guest *g)
{
	if (!g || --g->refs > 0)
		return;
	vec_clear(&g->aliases, free);
	buf_clear(&g->unsaid);
	free(g);
}

void guest_unref_p(struct guest **g)
{
	guest_unref(*g);
}

void guest_learn_devices(struct guest *g)
{
	struct node *n = node_child(node_child(domain_live(g->d), "devices"), NULL);

	for (; n; n = node_next(n, NULL))
		if (node_has(n, "alias/@name"))
			vec_add(&g->aliases, xstrdup(node_get(n, "alias/@name")));
}

static void console_close(struct guest *g)
{
	loop_unwatch(take(&g->watch));
	base_close_p(&g->console);
	g->console = -1;
	buf_clear(&g->unsaid);
}

void guest_die(struct guest *g, const char *why, const char *detail)
{
	struct news n = { .kind = NEWS_GONE, .why = why, .detail = detail };

	if (g->dead)
		return;
	g->dead = true;
	TAILQ_REMOVE(&guests, g, link);
	if (TAILQ_EMPTY(&guests))
		loop_untimer(take(&poll_timer));
	console_close(g);
	domain_set_priv(g->d, NULL);
	task_wake_all(&g->q);
	if (why)
		domain_news(g->d, &n);
	guest_unref(g); /* the domain's own */
}

/* ---- console ---- */

static void flush(struct guest *g)
{
	while (g->unsaid.n) {
		ssize_t n = write(g->console, g->unsaid.p, g->unsaid.n);
		if (n <= 0)
			break;
		buf_cut(&g->unsaid, 0, n);
	}
	loop_watch_events(g->watch, g->unsaid.n ? LOOP_WRITE : LOOP_READ);
}

static void hear(void *arg, int events)
{
	struct guest *g = arg;
	char part[4096];
	ssize_t n;

	if (events & LOOP_WRITE) {
		flush(g);
		return;
	}
	n = read(g->console, part, sizeof(part));
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		console_close(g);
		return;
	}
	buf_add(&g->unsaid, part, n);
	flush(g);
}

void guest_say(struct guest *g, const char *text)
{
	if (g->console < 0)
		return;
	buf_puts(&g->unsaid, text);
	flush(g);
}

int guest_console(struct guest *g, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return error_set(err, errno, "socketpair: %s", strerror(errno));
	console_close(g);
	g->console = fds[0];
	g->watch = loop_watch(fds[0], LOOP_READ, hear, g);
	return fds[1];
}

/* ---- the script ---- */

static int wait_step(struct guest *g, const struct script_step *s, struct error *err)
{
	struct waitq nobody = TAILQ_HEAD_INITIALIZER(nobody);
	int64_t ms = s->hang ? config.hypervisor_timeout_ms : s->delay_ms;
	bool dead;
	int r;

	if (g)
		g->refs++;
	r = task_wait(g ? &g->q : &nobody, ms);
	dead = g && g->dead;
	guest_unref(g);
	if (dead)
		return error_set(err, ENOTCONN, "the guest ended");
	if (r == -ECANCELED)
		return error_set(err, ECANCELED, "interrupted");
	if (s->hang)
		return error_set(err, ETIMEDOUT, "the hypervisor has not answered within %lld ms", (long long)ms);
	return 0;
}

int guest_step(struct guest *g, const char *slot, const char *name, struct error *err)
{
	struct script_step s;
	int64_t written = 0;
	int r = 0;

	if (g && script_says("crash", name, &written) && written >= g->started_ns) {
		guest_die(g, "crashed", "the script says so");
		return error_set(err, ENOTCONN, "the guest ended");
	}
	script_look(slot, name, &s);
	if (s.hang || s.delay_ms)
		r = wait_step(g, &s, err);
	if (r == 0 && s.fail)
		r = error_set(err, s.fail, "%s", s.message);
	script_step_clear(&s);
	return r;
}
