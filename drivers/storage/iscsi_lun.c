/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sessions to iSCSI targets without the kernel, by libiscsi.  Its synchronous calls keep their state on the stack and can wait for ever: here
 * each call is an asynchronous one with a loop of our own around it, which ends at a deadline.  After a deadline the session is dead and
 * never served again: an answer that still comes would be put into memory that is somebody else's by then.
 */
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "engine/units.h"
#include "iscsi.h"

#define LOGOUT_MS  1000
#define MOVE_MOST  (1u << 20) /* bytes of one command, where the LUN says nothing */
#define SAME_MOST  65535u     /* blocks that are zeroed or unmapped at once, where the LUN says nothing */
#define ATTENTIONS 5	      /* what happened to a LUN (a reset, new LUNs) is told once by each command that fails */

struct lun_session {
	struct iscsi_context *iscsi;
	int64_t timeout_ms;
	bool dead;

	/* of the call that is going on */
	bool done;
	int status;
	struct scsi_task *task;
	struct vec *names; /* of discovery */
};

/* ---- one call ---- */

static void called(struct iscsi_context *iscsi unused, int status, void *data unused, void *arg)
{
	struct lun_session *s = arg;

	s->done = true;
	s->status = status;
}

static int fail(struct lun_session *s, const char *what, struct error *err)
{
	const char *why = s->iscsi ? iscsi_get_error(s->iscsi) : NULL;

	s->dead = true;
	return error_set(err, ENOTCONN, "%s: %s", what, why && *why ? why : "the connection broke");
}

/* Until the call is done: 0, or the session is dead. */
static int wait_done(struct lun_session *s, const char *what, struct error *err)
{
	int64_t end = now_monotonic_ms() + s->timeout_ms;

	while (!s->done) {
		struct pollfd fd = { .fd = iscsi_get_fd(s->iscsi), .events = (short)iscsi_which_events(s->iscsi) };
		int64_t left = end - now_monotonic_ms();
		int n;

		if (left <= 0) {
			s->dead = true;
			return error_set(err, ETIMEDOUT, "%s: the server does not answer (%lld ms waited)", what,
					 (long long)s->timeout_ms);
		}
		if (fd.fd < 0)
			return fail(s, what, err);
		n = poll(&fd, 1, (int)(left < 1000 ? left : 1000));
		if (n < 0 && errno != EINTR)
			return fail(s, what, err);
		if (iscsi_service(s->iscsi, n > 0 ? fd.revents : 0) < 0 && !s->done)
			return fail(s, what, err);
	}
	return 0;
}

static void task_drop(struct lun_session *s)
{
	if (s->task)
		scsi_free_scsi_task(s->task);
	s->task = NULL;
}

/* ---- one SCSI command: COMMAND(S, ARG) begins it; s->task is its answer until the next one ---- */

struct command {
	unsigned lun;
	int a, b; /* of INQUIRY: evpd and page */
	uint64_t block;
	void *p;
	size_t n;
	uint32_t blocks, size;
};

typedef struct scsi_task *(*begin_fn)(struct lun_session *s, const struct command *c);

static int refused(struct lun_session *s, const char *what, struct error *err)
{
	const struct scsi_sense *sense = &s->task->sense;
	const char *key;

	if (s->status != SCSI_STATUS_CHECK_CONDITION)
		return error_set(err, s->status == SCSI_STATUS_RESERVATION_CONFLICT ? EBUSY : EREMOTEIO,
				 s->status == SCSI_STATUS_RESERVATION_CONFLICT
					 ? "%s: another initiator has reserved the LUN"
					 : "%s: the LUN answers with status %d",
				 what, s->status);
	key = scsi_sense_key_str(sense->key);
	return error_set(err,
			 sense->key == SCSI_SENSE_ILLEGAL_REQUEST   ? ENOTSUP
			 : sense->key == SCSI_SENSE_DATA_PROTECTION ? EROFS
			 : sense->key == SCSI_SENSE_NOT_READY	    ? ENOMEDIUM
								    : EREMOTEIO,
			 "%s: the LUN says %s, %s", what, key ? key : "an unknown error",
			 scsi_sense_ascq_str(sense->ascq));
}

static int ask(struct lun_session *s, begin_fn begin, const struct command *c, const char *what, struct error *err)
{
	for (int i = 0;; i++) {
		int r;

		if (s->dead)
			return error_set(err, ENOTCONN, "%s: the connection broke", what);
		task_drop(s);
		s->done = false;
		s->task = begin(s, c);
		if (!s->task)
			return fail(s, what, err);
		r = wait_done(s, what, err);
		if (r < 0)
			return r;
		if (s->status == SCSI_STATUS_GOOD)
			return 0;
		if (s->status == SCSI_STATUS_CANCELLED || s->status == SCSI_STATUS_ERROR ||
		    s->status == SCSI_STATUS_TIMEOUT)
			return fail(s, what, err);
		if (i == ATTENTIONS ||
		    (s->status != SCSI_STATUS_BUSY &&
		     (s->status != SCSI_STATUS_CHECK_CONDITION || s->task->sense.key != SCSI_SENSE_UNIT_ATTENTION)))
			return refused(s, what, err);
	}
}

/* ---- sessions ---- */

static int configure(struct lun_session *s, const struct iscsi_login *l, bool discovery)
{
	autofree char *password = xstrndup(l->password.p ? l->password.p : "", l->password.n);
	int r = iscsi_set_session_type(s->iscsi, discovery ? ISCSI_SESSION_DISCOVERY : ISCSI_SESSION_NORMAL);

	iscsi_set_timeout(s->iscsi, 0); /* ours is the one that counts */
	iscsi_set_noautoreconnect(s->iscsi, 1);
	if (r == 0)
		r = iscsi_set_header_digest(s->iscsi, ISCSI_HEADER_DIGEST_NONE_CRC32C);
	if (r == 0 && !discovery)
		r = iscsi_set_targetname(s->iscsi, l->portal.iqn);
	if (r == 0 && l->portal.user)
		r = iscsi_set_initiator_username_pwd(s->iscsi, l->portal.user, password);
	explicit_bzero(password, strlen(password));
	return r;
}

int lun_open(const struct iscsi_login *l, bool discovery, int64_t timeout_ms, struct lun_session **out,
	     struct error *err)
{
	struct lun_session *s = xcalloc(1, sizeof(*s));
	autofree char *portal = iscsi_portal_text(&l->portal);
	int r = 0;

	s->timeout_ms = timeout_ms;
	s->iscsi = iscsi_create_context(l->portal.initiator);
	if (!s->iscsi)
		r = error_set(err, ENOMEM, "libiscsi makes no session for the initiator '%s'", l->portal.initiator);
	if (r == 0 && (memchr(buf_text(&l->password), 0, l->password.n) || configure(s, l, discovery) < 0))
		r = error_set(err, EINVAL, "the target's or a user's name, or the password, is too long or has a NUL");
	if (r == 0 && iscsi_full_connect_async(s->iscsi, portal, -1, called, s) != 0)
		r = error_set(err, EHOSTUNREACH, "%s: %s", portal, iscsi_get_error(s->iscsi));
	if (r == 0)
		r = wait_done(s, portal, err);
	if (r == 0 && s->status != SCSI_STATUS_GOOD) {
		const char *why = iscsi_get_error(s->iscsi);
		bool auth = why && (strstr(why, "uthoriz") || strstr(why, "uthentic"));
		s->dead = true;
		r = error_set(err, auth ? EACCES : ECONNREFUSED, "log in to %s%s%s: %s%s",
			      discovery ? "" : l->portal.iqn, discovery ? "" : " of ", portal,
			      why && *why ? why : "no connection",
			      auth ? ": check source/auth and the value of its secret" : "");
	}
	if (r == 0)
		*out = s;
	else
		lun_close(s);
	return r;
}

void lun_close(struct lun_session *s)
{
	if (!s)
		return;
	if (s->iscsi && !s->dead && iscsi_is_logged_in(s->iscsi)) {
		s->done = false;
		s->timeout_ms = LOGOUT_MS;
		if (iscsi_logout_async(s->iscsi, called, s) == 0)
			(void)!wait_done(s, "log out", NULL);
	}
	if (s->iscsi)
		iscsi_destroy_context(s->iscsi); /* calls `called` for what was still to come */
	task_drop(s);
	free(s);
}

static void discovered(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
	struct lun_session *s = arg;

	if (status == SCSI_STATUS_GOOD)
		for (struct iscsi_discovery_address *a = data; a; a = a->next)
			vec_add(s->names, xstrdup(a->target_name));
	called(iscsi, status, data, arg);
}

int lun_targets(struct lun_session *s, struct vec *names, struct error *err)
{
	int r;

	s->done = false;
	s->names = names;
	if (iscsi_discovery_async(s->iscsi, discovered, s) != 0)
		return fail(s, "ask for targets", err);
	r = wait_done(s, "ask for targets", err);
	return r == 0 && s->status != SCSI_STATUS_GOOD ? fail(s, "ask for targets", err) : r;
}

/* ---- what is there ---- */

static struct scsi_task *begin_report(struct lun_session *s, const struct command *c)
{
	return iscsi_reportluns_task(s->iscsi, 0, (int)c->n, called, s);
}

static struct scsi_task *begin_inquiry(struct lun_session *s, const struct command *c)
{
	return iscsi_inquiry_task(s->iscsi, (int)c->lun, c->a, c->b, 255, called, s);
}

static struct scsi_task *begin_capacity16(struct lun_session *s, const struct command *c)
{
	return iscsi_readcapacity16_task(s->iscsi, (int)c->lun, called, s);
}

static struct scsi_task *begin_capacity10(struct lun_session *s, const struct command *c)
{
	return iscsi_readcapacity10_task(s->iscsi, (int)c->lun, 0, 0, called, s);
}

int lun_numbers(struct lun_session *s, unsigned **numbers, size_t *n, struct error *err)
{
	struct command c = { .n = 16384 };
	const struct scsi_reportluns_list *list;
	int r = ask(s, begin_report, &c, "ask for LUNs", err), full;

	full = r == 0 ? scsi_datain_getfullsize(s->task) : 0;
	if (full > (int)c.n && full < 1 << 20) {
		c.n = (size_t)full;
		r = ask(s, begin_report, &c, "ask for LUNs", err);
	}
	if (r < 0)
		return r;
	list = scsi_datain_unmarshall(s->task);
	if (!list)
		return error_set(err, EBADMSG, "the target's list of LUNs makes no sense");
	*numbers = xcalloc(list->num + 1, sizeof(**numbers));
	*n = list->num;
	for (size_t i = 0; i < *n; i++)
		(*numbers)[i] = list->luns[i];
	return 0;
}

static int look_size(struct lun_session *s, struct lun *out, struct error *err)
{
	struct command c = { .lun = out->number };
	int r = ask(s, begin_capacity16, &c, "read its capacity", err);

	if (r == 0) {
		const struct scsi_readcapacity16 *got = scsi_datain_unmarshall(s->task);
		if (!got || got->returned_lba == UINT64_MAX)
			return error_set(err, EBADMSG, "LUN %u: its capacity makes no sense", out->number);
		out->block = got->block_length;
		out->blocks = got->returned_lba + 1;
		out->can_unmap = got->lbpme;
		out->unmapped_is_zero = got->lbprz;
	} else if (r == -ENOTSUP) {
		const struct scsi_readcapacity10 *got;
		error_clear(err);
		r = ask(s, begin_capacity10, &c, "read its capacity", err);
		got = r == 0 ? scsi_datain_unmarshall(s->task) : NULL;
		if (r == 0 && !got)
			return error_set(err, EBADMSG, "LUN %u: its capacity makes no sense", out->number);
		out->block = r == 0 ? got->block_size : 0;
		out->blocks = r == 0 ? (uint64_t)got->lba + 1 : 0;
	}
	if (r == 0 && (out->block < 512 || out->block > 65536 || (out->block & (out->block - 1)) ||
		       out->blocks > INT64_MAX / out->block))
		return error_set(err, EBADMSG, "LUN %u: %llu blocks of %u bytes make no sense", out->number,
				 (unsigned long long)out->blocks, out->block);
	return r;
}

/* How much at once, and its name: pages that a LUN need not have. */
static int look_pages(struct lun_session *s, struct lun *out, struct error *err)
{
	struct command c = { .lun = out->number, .a = 1, .b = SCSI_INQUIRY_PAGECODE_BLOCK_LIMITS };
	int r = ask(s, begin_inquiry, &c, "read its limits", err);

	out->most = MOVE_MOST / out->block;
	out->most_same = out->most_unmap = SAME_MOST;
	if (r == 0) {
		const struct scsi_inquiry_block_limits *limits = scsi_datain_unmarshall(s->task);
		if (limits && limits->max_xfer_len && limits->max_xfer_len < out->most)
			out->most = limits->max_xfer_len;
		if (limits && limits->max_ws_len && limits->max_ws_len < out->most_same)
			out->most_same = (uint32_t)limits->max_ws_len;
		if (limits && limits->max_unmap && limits->max_unmap < out->most_unmap)
			out->most_unmap = limits->max_unmap;
	}
	c.b = SCSI_INQUIRY_PAGECODE_DEVICE_IDENTIFICATION;
	if (r == 0 || !s->dead)
		r = ask(s, begin_inquiry, &c, "read its name", err);
	if (r == 0)
		out->id = scsi_id(s->task->datain.data, (size_t)s->task->datain.size);
	if (r < 0 && s->dead)
		return r;
	error_clear(err);
	return 0;
}

int lun_look(struct lun_session *s, unsigned number, struct lun *out, struct error *err)
{
	struct command c = { .lun = number };
	const struct scsi_inquiry_standard *who;
	int r = ask(s, begin_inquiry, &c, "ask what it is", err);

	*out = (struct lun){ .number = number };
	if (r < 0)
		return r;
	who = scsi_datain_unmarshall(s->task);
	if (!who)
		return error_set(err, EBADMSG, "LUN %u: what it says of itself makes no sense", number);
	out->type = who->device_type;
	if (who->qualifier != SCSI_INQUIRY_PERIPHERAL_QUALIFIER_CONNECTED ||
	    (out->type != SCSI_INQUIRY_PERIPHERAL_DEVICE_TYPE_DIRECT_ACCESS &&
	     out->type != SCSI_INQUIRY_PERIPHERAL_DEVICE_TYPE_MMC))
		return error_set(err, ENODEV, "LUN %u is no disk", number);
	r = look_size(s, out, err);
	return r == 0 ? look_pages(s, out, err) : error_in(err, r, "LUN %u", number);
}

/* ---- its blocks ---- */

/* The short forms are understood by all, CD-ROMs know no others. */
static bool is_short(const struct command *c)
{
	return c->block + c->n / c->size <= UINT32_MAX && c->n / c->size <= UINT16_MAX;
}

static struct scsi_task *begin_read(struct lun_session *s, const struct command *c)
{
	uint32_t n = (uint32_t)c->n;
	int lun = (int)c->lun, size = (int)c->size;
	struct scsi_task *t =
		is_short(c) ? iscsi_read10_task(s->iscsi, lun, (uint32_t)c->block, n, size, 0, 0, 0, 0, 0, called, s)
			    : iscsi_read16_task(s->iscsi, lun, c->block, n, size, 0, 0, 0, 0, 0, called, s);

	/* nothing was received yet: what comes goes straight there */
	if (t && scsi_task_add_data_in_buffer(t, (int)c->n, c->p) != 0)
		s->dead = true;
	return t;
}

static struct scsi_task *begin_write(struct lun_session *s, const struct command *c)
{
	uint32_t n = (uint32_t)c->n;
	int lun = (int)c->lun, size = (int)c->size;

	if (is_short(c))
		return iscsi_write10_task(s->iscsi, lun, (uint32_t)c->block, c->p, n, size, 0, 0, 0, 0, 0, called, s);
	return iscsi_write16_task(s->iscsi, lun, c->block, c->p, n, size, 0, 0, 0, 0, 0, called, s);
}

static struct scsi_task *begin_sync(struct lun_session *s, const struct command *c)
{
	return iscsi_synchronizecache16_task(s->iscsi, (int)c->lun, 0, 0, 0, 0, called, s);
}

static struct scsi_task *begin_unmap(struct lun_session *s, const struct command *c)
{
	struct unmap_list list = { .lba = c->block, .num = c->blocks };

	return iscsi_unmap_task(s->iscsi, (int)c->lun, 0, 0, &list, 1, called, s);
}

static struct scsi_task *begin_same(struct lun_session *s, const struct command *c)
{
	return iscsi_writesame16_task(s->iscsi, (int)c->lun, c->block, c->p, c->size, c->blocks, 0, c->a, 0, 0, called,
				      s);
}

int lun_read(struct lun_session *s, const struct lun *l, uint64_t block, void *p, size_t n, struct error *err)
{
	struct command c = { .lun = l->number, .block = block, .p = p, .n = n, .size = l->block };
	int r = ask(s, begin_read, &c, "read", err);

	if (r == 0 && s->task->residual_status == SCSI_RESIDUAL_UNDERFLOW && s->task->residual)
		return error_set(err, EREMOTEIO, "read: %zu bytes fewer than asked for came", s->task->residual);
	return r;
}

int lun_write(struct lun_session *s, const struct lun *l, uint64_t block, const void *p, size_t n, struct error *err)
{
	struct command c = { .lun = l->number, .block = block, .p = (void *)p, .n = n, .size = l->block };

	return ask(s, begin_write, &c, "write", err);
}

int lun_sync(struct lun_session *s, const struct lun *l, struct error *err)
{
	struct command c = { .lun = l->number };
	int r = ask(s, begin_sync, &c, "flush", err);

	if (r != -ENOTSUP)
		return r;
	error_clear(err); /* it has no cache that could be flushed */
	return 0;
}

int lun_unmap(struct lun_session *s, const struct lun *l, uint64_t block, uint32_t n, struct error *err)
{
	struct command c = { .lun = l->number, .block = block, .blocks = n };

	if (!l->can_unmap)
		return error_set(err, ENOTSUP, "LUN %u gives no space back", l->number);
	return ask(s, begin_unmap, &c, "unmap", err);
}

int lun_zero(struct lun_session *s, const struct lun *l, uint64_t block, uint32_t n, struct error *err)
{
	autofree void *zero = xcalloc(1, l->block);
	struct command c = { .lun = l->number, .block = block, .blocks = n, .size = l->block, .p = zero };

	c.a = l->can_unmap && l->unmapped_is_zero;
	return ask(s, begin_same, &c, "zero", err);
}
