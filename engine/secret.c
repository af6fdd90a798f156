/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which secrets there are: made, found, removed; and their values. */
#include "secret_impl.h"

#include "driver.h"
#include "event.h"

static struct vec all; /* by serial, which only grows */
static struct hash *by_uuid, *by_usage;

static void secret_free(struct object *o)
{
	struct secret *s = secret_of(o);

	buf_wipe(&s->value);
	free((char *)s->config.p);
	free(s->usage_type);
	free(s->usage);
	free(s->error_text);
	free(s);
}

struct secret *secret_new(const char *uuid)
{
	struct secret *s = xcalloc(1, sizeof(*s));

	if (!by_uuid) {
		by_uuid = hash_new();
		by_usage = hash_new();
	}
	object_init(&s->obj, OBJ_SECRET, uuid, &root_object, secret_free);
	jobs_init(&s->jobs);
	vec_add(&all, s);
	hash_put(by_uuid, uuid, s);
	return s;
}

void secret_remove(struct secret *s)
{
	if (s->obj.gone)
		return;
	vec_drop(&all, s);
	hash_put(by_uuid, s->obj.name, NULL);
	secret_unclaim(s, s->usage_type, s->usage);
	buf_wipe(&s->value); /* whoever still holds the object has no value any more */
	s->has_value = false;
	object_gone(&s->obj);
	object_changed(&root_object, 1u << FACET_NAMES);
	object_unref(&s->obj);
	if (all.n)
		return;
	vec_clear(&all, NULL);
	hash_free(take(&by_uuid));
	hash_free(take(&by_usage));
}

struct secret *secret_hold(struct secret *s)
{
	object_ref(&s->obj);
	return s;
}

void secret_unhold_p(struct secret **s)
{
	object_unref(&(*s)->obj);
}

struct secret *secret_find(const char *uuid)
{
	char plain[UUID_TEXT];

	if (!by_uuid || !uuid || uuid_parse(str_of(uuid), plain, NULL) < 0)
		return NULL;
	return hash_get(by_uuid, plain);
}

struct secret *secret_after(uint64_t serial)
{
	for (size_t i = 0; i < all.n; i++)
		if (((struct secret *)all.at[i])->obj.serial > serial)
			return all.at[i];
	return NULL;
}

/* ---- usages ---- */

static char *usage_key(const char *type, const char *usage)
{
	return type && usage && *usage ? xasprintf("%s %s", type, usage) : NULL;
}

struct secret *secret_find_usage(const char *type, const char *usage)
{
	autofree char *key = usage_key(type, usage);
	struct secret *s = key && by_usage ? hash_get(by_usage, key) : NULL;

	/* one that is only about to get it does not have it yet */
	return s && str_eq(s->usage_type, type) && str_eq(s->usage, usage) ? s : NULL;
}

int secret_claim(struct secret *s, const char *type, const char *usage, struct error *err)
{
	autofree char *key = usage_key(type, usage);
	struct secret *other = key ? hash_get(by_usage, key) : NULL;

	if (other && other != s)
		return error_set(
			err, EEXIST,
			"the secret %s is already the one for %s '%s': remove that, or give this one another usage",
			other->obj.name, type, usage);
	if (key)
		hash_put(by_usage, key, s);
	return 0;
}

void secret_unclaim(struct secret *s, const char *type, const char *usage)
{
	autofree char *key = usage_key(type, usage);

	if (key && hash_get(by_usage, key) == s)
		hash_put(by_usage, key, NULL);
}

/* ---- made and removed ---- */

static int check_uuid(const char *uuid, struct error *err)
{
	char plain[UUID_TEXT];

	if (uuid_parse(str_of(uuid), plain, NULL) < 0)
		return error_set(err, EINVAL, "'%s' is not a uuid: mkdir secrets/$(uuidgen)", uuid);
	if (strcmp(uuid, plain))
		return error_set(err, EINVAL, "'%s': write the uuid as %s", uuid, plain);
	if (secret_find(plain))
		return error_set(err, EEXIST, "there is a secret %s already", plain);
	return 0;
}

int secret_make(const char *uuid, const struct who *who, mode_t mode, struct secret **out, struct error *err)
{
	struct rights rights = { who ? who->uid : 0, who ? who->gid : 0, mode & SECRET_DIR_MODE };
	autofree char *text = xasprintf("<secret ephemeral='no' private='no'>\n  <uuid>%s</uuid>\n</secret>\n", uuid);
	struct job job = { .uid = rights.uid };
	struct secret *s;
	int r = check_uuid(uuid, err);

	may_wait();
	if (r == 0)
		r = fault_point("secret:begin", err);
	if (r < 0)
		return r;
	s = secret_new(uuid);
	r = job_begin(&job, &s->jobs, "make", err); /* nobody else can know it yet: this is not waited for */
	access_set(&s->obj, "", SECRET_DIR_MODE, ACCESS_UID | ACCESS_GID | ACCESS_MODE, &rights);
	secret_apply(s, &(struct secret_terms){ 0 }, str_of(text));
	if (r == 0)
		r = secret_store(s, s->config, true, err);
	if (r == 0)
		secret_settle(s);
	job_end(&job);
	if (r < 0) {
		secret_remove(s);
		return error_in(err, r, "%s: make", uuid);
	}
	object_changed(&root_object, 1u << FACET_NAMES);
	event_emit("secret", uuid, "made", NULL);
	*out = s;
	return 0;
}

static int there(const struct secret *s, struct error *err)
{
	return s->obj.gone ? error_set(err, ESTALE, "the secret %s was removed", s->obj.name) : 0;
}

int secret_drop(struct secret *s, struct error *err)
{
	autosecret struct secret *held = secret_hold(s);
	autojob struct job job = { 0 };
	int r;

	may_wait();
	if (s->jobs.holder)
		r = error_set(err, EBUSY, "'%s' is going on: wait for it", s->jobs.holder->operation);
	else
		r = job_begin(&job, &held->jobs, "remove", err);
	if (r == 0)
		r = there(s, err);
	if (r == 0)
		r = fault_point("secret:begin", err);
	if (r == 0)
		r = secret_store_drop(s, err);
	if (r < 0)
		return error_in(err, r, "%s: remove", s->obj.name);
	secret_remove(s);
	event_emit("secret", s->obj.name, "removed", NULL);
	return 0;
}

/* ---- the value ---- */

void secret_take_value(struct secret *s, struct str value)
{
	buf_wipe(&s->value);
	buf_add(&s->value, value.p, value.n);
	s->has_value = value.n > 0;
}

static int set_value(struct secret *s, struct str value, struct error *err)
{
	int r = there(s, err);

	if (r == 0 && value.n > SECRET_VALUE_MAX)
		r = error_set(err, EFBIG, "%zu bytes: a value has at most %u", value.n, SECRET_VALUE_MAX);
	if (r == 0)
		r = fault_point("secret:begin", err);
	if (r == 0 && !s->ephemeral)
		r = secret_store_value(s, value, err);
	if (r < 0)
		return r;
	secret_take_value(s, value);
	object_changed(&s->obj, 1u << FACET_STATE);
	event_emit("secret", s->obj.name, value.n ? "value-set" : "value-removed", NULL);
	return 0;
}

int secret_set_value(struct secret *s, struct str value, struct error *err)
{
	autosecret struct secret *held = secret_hold(s);
	autojob struct job job = { 0 };
	int r = job_begin(&job, &held->jobs, "set value", err);

	if (r == 0)
		r = set_value(s, value, err);
	return error_in(err, r, "%s: value", s->obj.name);
}

int secret_show_value(const struct secret *s, struct buf *out, struct error *err)
{
	if (s->private_)
		return error_set(err, EACCES, "%s: value: it is private: it can be used and replaced, but not shown",
				 s->obj.name);
	buf_add(out, s->value.p, s->value.n);
	return 0;
}

void secret_set_error(struct secret *s, const char *text)
{
	free(s->error_text);
	s->error_text = xstrdup(text);
	object_changed(&s->obj, 1u << FACET_ERROR);
}
