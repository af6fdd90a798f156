/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "far_job.h"

int far_ended(struct far_job *j, int r, struct error *err)
{
	if (r >= 0 || r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	r = j->why.code ? -j->why.code : r;
	error_move(err, &j->why);
	if (err && !err->code)
		error_set(err, -r, "%s", strerror(-r));
	j->kind->free(j);
	return r;
}

int far_run(struct pool *p, struct far_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	return far_ended(j, pool_offload(p, fn, j, j->kind->free, timeout_ms, err), err);
}

int far_run_on(struct worker *w, struct far_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	const struct far_kind *kind = j->kind;
	int r = offload(w, fn, j, kind->free, timeout_ms);

	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "%s", kind->silent);
	return r == -ECANCELED ? error_set(err, ECANCELED, "interrupted") : far_ended(j, r, err);
}

int far_pieces(struct far_job *j, int (*fn)(void *job), void (*progress)(void *arg, uint64_t done, uint64_t total),
	       void *arg, struct error *err)
{
	struct worker *w = worker_new(j->kind->thread);
	int r;

	for (;;) {
		r = far_run_on(w, j, fn, POOL_LONG_MS, err);
		if (r < 0)
			break;
		if (!j->n) {
			j->kind->free(j);
			break;
		}
		j->off += j->n;
		if (progress)
			progress(arg, j->off, j->size);
	}
	worker_free(w);
	return r < 0 ? r : 0;
}

/* The bulk closes on the same thread, so only after that. */
int far_commit(struct bulk *k, int (*fn)(void *job), struct error *err)
{
	struct far_job *j = k->priv;
	int r = offload(k->worker, fn, j, NULL, POOL_WORK_MS);

	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "%s", j->kind->silent);
	if (r < 0)
		error_move(err, &j->why);
	return r;
}

bool far_piece(struct far_job *j, uint64_t most)
{
	j->n = j->off < j->size ? j->size - j->off : 0;
	if (j->n > most)
		j->n = most;
	return j->n;
}

void far_end(const char *name, void (*end)(void *arg), void *arg)
{
	struct worker *w = worker_new(name);

	if (worker_post(w, end, arg) < 0)
		end(arg);
	worker_free(w);
}
