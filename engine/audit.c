/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit log: see audit.h. */
#include "audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver.h"
#include "loop.h"
#include "offload.h"
#include "units.h"

#define RING_BYTES (128u << 10)
#define RETRY_MS   2000
#define WRITE_MS   30000 /* a disk that hangs: what comes meanwhile is kept */
#define NAME_MS	   300000
#define NAMES_MAX  1024

struct ring audit_ring = { .cap = RING_BYTES };

static char *log_path;
static struct worker *worker;
static struct buf pending;
static uint64_t lost; /* lines that had no room */
static struct loop_timer *again;
static bool pumping, failing;
static unsigned hanging; /* batches that nobody waits for any more: the file is the worker's */

/* ---- the file: of the worker, or of the loop when that is not there ---- */

static int log_fd = -1;
static uint64_t log_size;

static int file_open(const char *path)
{
	struct stat st;

	if (log_fd >= 0)
		return 0;
	log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (log_fd < 0)
		return -errno;
	if (fstat(log_fd, &st) == 0 && S_ISREG(st.st_mode) && fchmod(log_fd, 0600) == 0) {
		log_size = st.st_size;
		return 0;
	}
	close(log_fd);
	log_fd = -1;
	return -EINVAL;
}

static void file_close(void)
{
	base_close_p(&log_fd);
	log_fd = -1;
}

static void rotate(const char *path)
{
	file_close();
	for (int i = AUDIT_FILES - 1; i > 0; i--) {
		autofree char *to = xasprintf("%s.%d", path, i);
		autofree char *from = i > 1 ? xasprintf("%s.%d", path, i - 1) : xstrdup(path);
		(void)!rename(from, to);
	}
}

/* All of it or nothing: no line is there in part. */
static int file_add(const char *path, const struct buf *text)
{
	size_t done = 0;
	int r = file_open(path);

	if (r == 0 && log_size && log_size + text->n > AUDIT_FILE_MAX) {
		rotate(path);
		r = file_open(path);
	}
	while (r == 0 && done < text->n) {
		ssize_t n = write(log_fd, text->p + done, text->n - done);
		if (n >= 0)
			done += n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r == 0) {
		log_size += text->n;
	} else if (log_fd >= 0) {
		(void)!ftruncate(log_fd, log_size);
		file_close();
	}
	return r;
}

/* ---- handing over ---- */

struct batch {
	char *path;
	struct buf text;
};

static void batch_free(struct batch *b)
{
	buf_clear(&b->text);
	free(b->path);
	free(b);
}

static void batch_late(void *arg)
{
	hanging--;
	batch_free(arg);
}

static int batch_write(void *arg)
{
	struct batch *b = arg;

	return file_add(b->path, &b->text);
}

static void say(struct buf *out, const struct who *who, const char *from, const char *action, const char *path,
		int result, struct str what);

/* Behind what was kept comes how much was not. */
static void tell_lost(struct buf *text)
{
	static const struct who us;
	autofree char *words = NULL;

	if (!lost)
		return;
	words = xasprintf("%" PRIu64 " lines before this one are lost", lost);
	say(text, &us, "-", "lost", ".", -ENOSPC, str_of(words));
	lost = 0;
}

static void keep(struct buf *text)
{
	if (text->n > AUDIT_PENDING_MAX) {
		for (size_t i = 0; i < text->n; i++)
			lost += text->p[i] == '\n';
		return;
	}
	buf_add(text, buf_text(&pending), pending.n);
	buf_clear(&pending);
	pending = *text;
	*text = (struct buf){ 0 };
}

static void told(int r)
{
	autoerror struct error err = { 0 };

	if (r == 0 || failing) {
		if (r == 0 && failing)
			log_line("'%s' is written again", log_path);
		failing = r < 0;
		return;
	}
	failing = true;
	error_set(&err, -r, "'%s' cannot be written: %s; what is done goes on, and its last lines are kept in memory",
		  log_path, strerror(-r));
	log_line("%s", error_text(&err));
	errors_add(NULL, "host/access/log", &err);
}

static void try_again(void *arg);

static void pump(void *arg unused)
{
	int r = 0;

	while (pending.n && r == 0) {
		struct batch *b = xcalloc(1, sizeof(*b));
		b->path = xstrdup(log_path);
		buf_add(&b->text, pending.p, pending.n);
		tell_lost(&b->text);
		buf_clear(&pending);
		hanging++;
		r = offload(worker, batch_write, b, batch_late, WRITE_MS);
		if (r != -ETIMEDOUT && r != -ECANCELED) { /* then it is still being written */
			hanging--;
			if (r < 0)
				keep(&b->text);
			batch_free(b);
		}
		told(r);
	}
	pumping = false;
	if (pending.n && log_path && !again)
		again = loop_timer(RETRY_MS, try_again, NULL);
}

static void start_pump(void *arg unused)
{
	pumping = log_path != NULL;
	if (pumping)
		task_start(pump, NULL);
}

static void try_again(void *arg unused)
{
	again = NULL;
	if (!pumping)
		start_pump(NULL);
}

/* ---- a line ---- */

const char *user_name(uid_t uid)
{
	struct name {
		int64_t at_ms;
		char text[64];
	};
	static struct hash *names;
	static struct name names_of[NAMES_MAX];
	static unsigned next;
	struct name *n = names ? hash_get_u64(names, uid + 1ull) : NULL;
	struct passwd pw, *found = NULL;
	char text[4096];

	if (n && now_monotonic_ms() - n->at_ms < NAME_MS)
		return n->text;
	if (!n && next == NAMES_MAX) { /* a stream of foreign uids: begin again */
		hash_free(take(&names));
		next = 0;
	}
	if (!names)
		names = hash_new();
	if (!n)
		n = &names_of[next++];
	n->at_ms = now_monotonic_ms();
	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 && found)
		snprintf(n->text, sizeof(n->text), "%s", pw.pw_name);
	else
		snprintf(n->text, sizeof(n->text), "%u", (unsigned)uid);
	hash_put_u64(names, uid + 1ull, n);
	return n->text;
}

static void add_word(struct buf *out, const char *text)
{
	if (!*text)
		buf_putc(out, '-');
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || *text == '%' || *text == 0x7f)
			buf_printf(out, "%%%02X", (unsigned char)*text);
		else
			buf_putc(out, *text);
	}
	buf_putc(out, ' ');
}

static void say(struct buf *out, const struct who *who, const char *from, const char *action, const char *path,
		int result, struct str what)
{
	time_iso8601(out, now_realtime_ns());
	buf_printf(out, " %u ", (unsigned)who->uid);
	add_word(out, user_name(who->uid));
	buf_printf(out, "%d ", (int)who->pid);
	add_word(out, from);
	add_word(out, action);
	add_word(out, path);
	buf_puts(out, result < 0 ? errno_name(-result) : "ok");
	if (what.n)
		buf_putc(out, ' ');
	for (size_t i = 0; i < what.n && i < AUDIT_WHAT_MAX; i++)
		buf_putc(out, (unsigned char)what.p[i] < ' ' || what.p[i] == 0x7f ? ' ' : what.p[i]);
	if (what.n > AUDIT_WHAT_MAX)
		buf_puts(out, "...");
	buf_putc(out, '\n');
}

void audit_add(const struct who *who, const char *from, const char *action, const char *path, int result,
	       struct str what)
{
	autobuf struct buf line = { 0 };

	if (!log_path)
		return;
	say(&line, who, from, action, path, result, what);
	if (pending.n + line.n > AUDIT_PENDING_MAX)
		lost++;
	else
		buf_add(&pending, line.p, line.n);
	ring_add(&audit_ring, line.p, line.n);
	if (!pumping)
		loop_soon(start_pump, NULL);
	pumping = true;
}

/* ---- life ---- */

/* The end of what earlier engines wrote. */
static void fill_ring(void)
{
	autoclose int fd = open(log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	autofree char *text = xmalloc(RING_BYTES);
	struct stat st;
	ssize_t n;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = pread(fd, text, RING_BYTES, st.st_size > RING_BYTES ? st.st_size - RING_BYTES : 0);
	p = n > 0 && st.st_size > RING_BYTES ? memchr(text, '\n', n) : NULL;
	if (p)
		p++;
	else
		p = text;
	if (n > p - text)
		ring_add(&audit_ring, p, n - (p - text));
}

void audit_open(void)
{
	log_path = xasprintf("%s/audit.log", config.state_dir);
	worker = worker_new("audit");
	fill_ring();
	told(file_open(log_path));
}

void audit_close(void)
{
	if (!log_path)
		return;
	loop_untimer(take(&again));
	worker_free(take(&worker));
	if (pending.n && !hanging) {
		tell_lost(&pending);
		told(file_add(log_path, &pending));
	}
	buf_clear(&pending);
	if (!hanging)
		file_close();
	ring_free(&audit_ring);
	free(take(&log_path));
	lost = 0;
	failing = false;
}
