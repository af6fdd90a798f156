/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of ssh-agent(1).  libssh2 has one, which waits for ever for an agent that does not answer. */
#include "ssh_library.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/units.h"

#define ANSWER_MOST (256u << 10)
#define KEYS_MOST   64

enum { ASK_LIST = 11, LIST = 12, ASK_SIGN = 13, SIGNED = 14 };

static void put_string(struct buf *b, struct str s)
{
	uint32_t n = htonl((uint32_t)s.n);

	buf_add(b, &n, 4);
	buf_add(b, s.p, s.n);
}

static bool take_u32(struct str *from, uint32_t *v)
{
	if (from->n < 4)
		return false;
	memcpy(v, from->p, 4);
	*v = ntohl(*v);
	from->p += 4;
	from->n -= 4;
	return true;
}

bool ssh_take_string(struct str *from, struct str *out)
{
	uint32_t n;

	if (!take_u32(from, &n) || n > from->n)
		return false;
	*out = (struct str){ from->p, n };
	from->p += n;
	from->n -= n;
	return true;
}

int ssh_agent_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (!path || strlen(path) >= sizeof(a.sun_path))
		return -1;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	base_close_p(&fd);
	return -1;
}

/* N bytes in or out. */
static bool move(int fd, int64_t until_ms, char *p, size_t n, bool out)
{
	while (n) {
		struct pollfd f = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		int64_t left = until_ms - now_monotonic_ms();
		ssize_t k = out ? write(fd, p, n) : read(fd, p, n);
		if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (k > 0) {
			p += k;
			n -= k;
		} else if (left <= 0 || (poll(&f, 1, (int)left) < 0 && errno != EINTR)) {
			return false;
		}
	}
	return true;
}

static bool ask(int fd, int64_t until_ms, const struct buf *request, struct buf *answer, uint8_t want)
{
	autobuf struct buf framed = { 0 };
	autofree char *bytes = NULL;
	uint32_t n;

	put_string(&framed, (struct str){ request->p, request->n });
	if (!move(fd, until_ms, framed.p, framed.n, true) || !move(fd, until_ms, (char *)&n, 4, false))
		return false;
	n = ntohl(n);
	if (!n || n > ANSWER_MOST)
		return false;
	bytes = xmalloc(n);
	if (!move(fd, until_ms, bytes, n, false) || (uint8_t)bytes[0] != want)
		return false;
	buf_add(answer, bytes + 1, n - 1);
	return true;
}

bool ssh_agent_list(int fd, int64_t until_ms, struct vec *keys)
{
	autobuf struct buf request = { 0 }, answer = { 0 };
	struct str rest, blob, comment, type, inner;
	uint32_t n;

	buf_putc(&request, ASK_LIST);
	if (!ask(fd, until_ms, &request, &answer, LIST))
		return false;
	rest = (struct str){ answer.p, answer.n };
	if (!take_u32(&rest, &n))
		return false;
	for (; n && keys->n < KEYS_MOST && ssh_take_string(&rest, &blob) && ssh_take_string(&rest, &comment); n--) {
		struct ssh_key *k = xcalloc(1, sizeof(*k));
		inner = blob;
		if (ssh_take_string(&inner, &type) && type.n < sizeof(k->type))
			memcpy(k->type, type.p, type.n);
		buf_add(&k->blob, blob.p, blob.n);
		k->name = xstrndup(comment.p, comment.n);
		k->in_agent = true;
		vec_add(keys, k);
	}
	return true;
}

bool ssh_agent_sign(int fd, int64_t until_ms, const struct buf *blob, struct str data, struct buf *signature)
{
	autobuf struct buf request = { 0 }, answer = { 0 };
	struct str rest, whole, type, bare;
	uint32_t flags = 0;

	buf_putc(&request, ASK_SIGN);
	put_string(&request, (struct str){ blob->p, blob->n });
	put_string(&request, data);
	buf_add(&request, &flags, 4);
	if (!ask(fd, until_ms, &request, &answer, SIGNED))
		return false;
	rest = (struct str){ answer.p, answer.n };
	if (!ssh_take_string(&rest, &whole) || !ssh_take_string(&whole, &type) || !ssh_take_string(&whole, &bare))
		return false;
	buf_add(signature, bare.p, bare.n);
	return true;
}
