/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mount options: a row each. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/units.h"
#include "mount.h"
#include "node.h"
#include "remote/remote.h"

struct option {
	const char *name;
	int (*set)(struct mount_options *o, const char *value, struct error *err);
	bool valued;
	enum { ANY, ENGINE, MOUNT } of; /* what it is an option of */
};

static void fuse_add(struct mount_options *o, const char *text)
{
	char *old = o->fuse;

	o->fuse = xasprintf("%s%s%s", old ? old : "", old ? "," : "", text);
	free(old);
}

static int set_guest_uids(struct mount_options *o unused, const char *value, struct error *err)
{
	unsigned first, last;
	char end;

	if (sscanf(value, "%u-%u%c", &first, &last, &end) != 2 || !first || first > last)
		return error_set(err, EINVAL, "guest_uids='%s': expected FIRST-LAST, above 0", value);
	config.guest_uid_first = first;
	config.guest_uid_last = last;
	return 0;
}

static int set_guest_user(struct mount_options *o unused, const char *value, struct error *err)
{
	const struct passwd *pw = getpwnam(value);

	if (!pw)
		return error_set(err, EINVAL, "guest_user='%s': there is no such user", value);
	config.guest_user_fixed = true;
	config.guest_user = pw->pw_uid;
	config.guest_group = pw->pw_gid;
	return 0;
}

static int set_kvm(struct mount_options *o unused, const char *value, struct error *err)
{
	if (strcmp(value, "force") && strcmp(value, "auto"))
		return error_set(err, EINVAL, "kvm='%s': expected one of auto force", value);
	config.force_kvm = !strcmp(value, "force");
	return 0;
}

static int set_timeout(struct mount_options *o unused, const char *value, struct error *err)
{
	uint64_t ms;
	int r = u64_parse(str_of(value), 1, 3600000, &ms, err);

	if (r < 0)
		return error_in(err, r, "timeout");
	config.hypervisor_timeout_ms = ms;
	return 0;
}

static int set_host_timeout(struct mount_options *o unused, const char *value, struct error *err)
{
	uint64_t ms;
	int r = u64_parse(str_of(value), 300, 3600000, &ms, err);

	if (r < 0)
		return error_in(err, r, "host_timeout");
	remote_silence_ms = ms;
	return 0;
}

static int set_list_all(struct mount_options *o unused, const char *value unused, struct error *err unused)
{
	tree_list_all = true;
	return 0;
}

static int set_allow_other(struct mount_options *o, const char *value unused, struct error *err unused)
{
	o->allow_other = true;
	if (!config.root)
		fuse_add(o, "allow_other");
	return 0; /* root always allows others: the modes decide */
}

static int set_nothing(struct mount_options *o unused, const char *value unused, struct error *err unused)
{
	return 0;
}

static int set_listen(struct mount_options *o, const char *value, struct error *err unused)
{
	vec_add(&o->listen, xstrdup(value));
	return 0;
}

static int set_tls_dir(struct mount_options *o, const char *value, struct error *err)
{
	if (value[0] != '/')
		return error_set(err, EINVAL, "tls_dir='%s': expected the full path of a directory", value);
	free(o->tls_dir);
	o->tls_dir = xstrdup(value);
	return 0;
}

static int set_ro(struct mount_options *o, const char *value unused, struct error *err unused)
{
	o->read_only = true;
	fuse_add(o, "ro");
	return 0;
}

static const struct option option_rows[] = {
	{ "allow_other", set_allow_other, false, MOUNT },
	{ "guest_uids", set_guest_uids, true, ENGINE },
	{ "guest_user", set_guest_user, true, ENGINE },
	{ "host_timeout", set_host_timeout, true, ANY },
	{ "kvm", set_kvm, true, ENGINE },
	{ "list_all", set_list_all, false, ENGINE },
	{ "listen", set_listen, true, ENGINE },
	{ "timeout", set_timeout, true, ENGINE },
	{ "tls_dir", set_tls_dir, true, ENGINE },
	{ "ro", set_ro, false, MOUNT },
	{ "rw", set_nothing, false, ANY }, /* these are so anyway */
	{ "defaults", set_nothing, false, ANY },
	{ "nosuid", set_nothing, false, ANY },
	{ "nodev", set_nothing, false, ANY },
	{ "noexec", set_nothing, false, ANY },
	{ "default_permissions", set_nothing, false, ANY },
};

static int set_one(struct mount_options *o, char *text, struct error *err)
{
	autobuf struct buf known = { 0 };
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option *row = &option_rows[i];

		if (strcmp(row->name, text))
			continue;
		if (row->valued != !!value)
			return error_set(err, EINVAL, "option '%s' %s", text,
					 value ? "takes no value" : "needs a value");
		if (row->of == ENGINE && !o->engine_option)
			o->engine_option = row->name;
		if (row->of == MOUNT && !o->mount_option)
			o->mount_option = row->name;
		return row->set(o, value, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
		buf_printf(&known, " %s%s", option_rows[i].name, option_rows[i].valued ? "=" : "");
	return error_set(err, EINVAL, "unknown option '%s': expected one of%s", text, buf_text(&known));
}

int mount_option_text(struct mount_options *o, const char *text, struct error *err)
{
	autofree char *copy = xstrdup(text);

	for (char *save, *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		int r = set_one(o, one, err);

		if (r < 0)
			return r;
	}
	return 0;
}

void mount_options_defaults(struct mount_options *o)
{
	memset(o, 0, sizeof(*o));
	fuse_add(o, "default_permissions,fsname=domfs,subtype=domfs,nosuid,nodev");
	if (config.root)
		fuse_add(o, "allow_other");
}

/* As libfuse takes the name of what is mounted. */
static char *fsname(const char *uri)
{
	autofree char *plain = xstrndup(uri, strcspn(uri, "?"));

	return xstrdup(strpbrk(plain, ",\\ ") ? "domfs" : plain);
}

void mount_options_client(struct mount_options *o, const char *uri)
{
	autofree char *name = fsname(uri);
	char *old = take(&o->source);

	o->source = xstrdup(uri);
	free(old);
	free(take(&o->fuse));
	fuse_add(o, "subtype=domfs,nosuid,nodev,fsname=");
	old = take(&o->fuse);
	o->fuse = xasprintf("%s%s%s%s", old, name, o->allow_other ? ",allow_other,default_permissions" : "",
			    o->read_only ? ",ro" : "");
	free(old);
}

static bool listens_tls(const struct mount_options *o)
{
	for (size_t i = 0; i < o->listen.n; i++)
		if (str_starts(o->listen.at[i], "tls://"))
			return true;
	return false;
}

int mount_options_check(const struct mount_options *o, struct error *err)
{
	if (!o->mountpoint && o->mount_option)
		return error_set(err, EINVAL, "option '%s' is for a mount: domfs serve has none", o->mount_option);
	if (o->source && o->engine_option)
		return error_set(err, EINVAL, "option '%s' is for the domfs of that host: give it there",
				 o->engine_option);
	if (o->tls_dir && !listens_tls(o))
		return error_set(err, EINVAL, "option 'tls_dir' is for listen=tls://ADDRESS:PORT, which is not given");
	return 0;
}

void mount_options_free(struct mount_options *o)
{
	free(take(&o->source));
	free(take(&o->mountpoint));
	free(take(&o->fuse));
	free(take(&o->tls_dir));
	vec_clear(&o->listen, free);
}
