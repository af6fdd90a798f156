/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How others come by a secret: by the element that names it, and its value through a descriptor. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "secret_impl.h"

/* "the secret 1234... (ceph 'client.admin')" */
static char *called(const struct secret *s)
{
	if (!s->usage)
		return xasprintf("the secret %s", s->obj.name);
	return xasprintf("the secret %s (%s '%s')", s->obj.name, s->usage_type, s->usage);
}

static struct secret *find(const struct node *n, const char *type, struct error *err)
{
	const char *uuid = node_get(n, "@uuid"), *usage = node_get(n, "@usage");
	struct secret *s = uuid ? secret_find(uuid) : secret_find_usage(type, usage);

	if (!s && uuid)
		error_set(err, ENOENT, "line %ld: <%s>: there is no secret %s: mkdir secrets/%s and write its value",
			  node_line(n), node_name(n), uuid, uuid);
	else if (!s)
		error_set(
			err, ENOENT,
			"line %ld: <%s>: there is no secret of type %s with the usage '%s': mkdir secrets/$(uuidgen) and write "
			"its type, usage and value",
			node_line(n), node_name(n), type ? type : "none", usage ? usage : "");
	return s;
}

int secret_usable(const struct secret *s, const char *type, const struct who *owner, struct error *err)
{
	autofree char *name = called(s);

	if (owner && (!access_may(&s->obj, "", SECRET_DIR_MODE, owner, 01) ||
		      !access_may(&s->obj, SECRET_VALUE_KEY, SECRET_VALUE_MODE, owner, 04)))
		return error_set(err, EACCES, "%s: user %u may not read its value: chown it to him, or setfacl", name,
				 (unsigned)owner->uid);
	if (type && s->usage_type && strcmp(s->usage_type, type))
		return error_set(err, ENOENT, "%s is of another type: expected %s", name, type);
	if (!s->has_value)
		return error_set(err, ENOENT, "%s has no value yet: write it to secrets/%s/value", name, s->obj.name);
	return 0;
}

struct secret *secret_of_node(const struct node *n, const char *type, const struct who *owner, struct error *err)
{
	struct secret *s = find(n, type, err);

	return s && secret_usable(s, type, owner, err) == 0 ? s : NULL;
}

static int put(int fd, struct str text)
{
	for (size_t done = 0; done < text.n;) {
		ssize_t n = pwrite(fd, text.p + done, text.n - done, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += n;
	}
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int secret_fd(const struct secret *s, bool base64, struct error *err)
{
	struct buf text = { 0 };
	int fd, r;

	if (!s->has_value)
		return error_set(err, ENOENT, "the secret %s has no value", s->obj.name);
	fd = memfd_create("value", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set(err, errno, "no memory for a secret's value: %s", strerror(errno));
	if (base64)
		base64_encode((struct str){ s->value.p, s->value.n }, &text);
	r = put(fd, base64 ? (struct str){ text.p, text.n } : (struct str){ s->value.p, s->value.n });
	buf_wipe(&text);
	if (r == 0)
		return fd;
	close(fd);
	return error_set(err, -r, "a secret's value cannot be handed over: %s", strerror(-r));
}
