/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets that QEMU needs: a secret object each.  At start its file is a sealed one in memory that QEMU inherits, so that neither the command
 * line nor the environment has the value; over QMP it travels in object-add, on a socket that only domfs and that QEMU have.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qemu.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64(struct str in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	char *out = xmalloc((in.n + 2) / 3 * 4 + 1), *o = out;

	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		unsigned v = p[i] << 16 | (left > 1 ? p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*o++ = left > 2 ? digits[v & 63] : '=';
	}
	*o = 0;
	return out;
}

static json_t *object_of(const char *id)
{
	json_t *props = json_object();

	props_str(props, "qom-type", "secret");
	props_str(props, "id", id);
	return props;
}

/* FD becomes the plan's. */
static void from_descriptor(struct plan *p, const char *id, int fd, const char *what)
{
	const char *path = plan_file(p, FILE_BY_NAME, what, O_RDONLY, "%s", what);
	json_t *props = object_of(id);

	((struct plan_file *)p->files.at[p->files.n - 1])->fd = fd;
	props_str(props, "file", path);
	plan_item(p, ITEM_OBJECT, props);
}

static void in_command(struct plan *p, const char *id, struct str value)
{
	autofree char *text = base64(value);
	json_t *props = object_of(id);

	props_str(props, "data", text);
	props_str(props, "format", "base64");
	plan_item(p, ITEM_OBJECT, props);
	explicit_bzero(text, strlen(text));
}

/* A plan that shows or undoes: the object's name is all that counts. */
static bool without_value(struct plan *p, const char *id, const char *what)
{
	if (!p->dry && !p->undo)
		return false;
	from_descriptor(p, id, -1, what);
	return true;
}

int plan_secret(struct plan *p, const char *id, const struct node *n, const char *type, const struct who *owner,
		struct error *err)
{
	autofree char *what = xasprintf("secret '%s'", node_get_or(n, "@uuid", node_get_or(n, "@usage", "")));
	struct secret *s;
	int fd;

	if (without_value(p, id, what))
		return 0;
	s = secret_of_node(n, type, owner, err);
	if (!s)
		return err && err->code ? -err->code : -ENOENT;
	if (p->hotplug) {
		in_command(p, id, (struct str){ s->value.p, s->value.n });
		return 0;
	}
	fd = secret_fd(s, false, err);
	if (fd < 0)
		return fd;
	from_descriptor(p, id, fd, what);
	return 0;
}

static int memory_of(struct str value, struct error *err)
{
	autoclose int fd = memfd_create("value", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0 || pwrite(fd, value.p, value.n, 0) != (ssize_t)value.n)
		return error_set(err, ENOMEM, "no memory for a secret value");
	r = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	if (r < 0)
		return error_set(err, errno, "a secret value cannot be sealed: %s", strerror(errno));
	r = fd;
	fd = -1;
	return r;
}

int plan_secret_text(struct plan *p, const char *id, struct str value, const char *what, struct error *err)
{
	int fd;

	if (without_value(p, id, what))
		return 0;
	if (p->hotplug) {
		in_command(p, id, value);
		return 0;
	}
	fd = memory_of(value, err);
	if (fd < 0)
		return fd;
	from_descriptor(p, id, fd, what);
	return 0;
}
