/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest sees of an image: qemu-storage-daemon opens it, from descriptors, and serves it over NBD on a socket that has no name any more when it
 * starts; libnbd is the other end, on the bulk's thread.  Nothing is probed: each layer has its format.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libnbd.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/spawn.h"
#include "storage.h"

#define FIRST_FD   10 /* of the layers, in the program */
#define SECRET_FD  4
#define LISTEN_FD  3
#define CHUNK_MAX  (32u << 20) /* NBD's own limit of one request (protocol.md) */
#define CONNECT_MS 20000

struct nbd {
	struct nbd_handle *h;
	pid_t pid;
	size_t nlayers;
	int pidfd, words; /* the program; what it writes to its stderr */
	int client;	  /* our end before the handshake */
	uint64_t size;
	unsigned align; /* of what is read and written */
	bool write;
	char text[512];
};

/* ---- on the bulk's thread ---- */

static int nbd_code(void)
{
	int code = nbd_get_errno();

	return -(code > 0 ? code : EIO);
}

/* Aligned, at most CHUNK_MAX. */
static int read_part(struct nbd *d, char *p, size_t n, uint64_t off)
{
	return nbd_pread(d->h, p, n, off, 0) < 0 ? nbd_code() : 0;
}

/* Some formats (LUKS, qed, qcow, vhdx) are read and written in whole sectors only. */
static ssize_t nbd_bulk_read(struct bulk *b, char *p, size_t n, uint64_t off)
{
	struct nbd *d = b->priv;
	autofree char *room = NULL;
	size_t done = 0;
	int r;

	if (off >= d->size)
		return 0;
	if (n > d->size - off)
		n = d->size - off;
	if ((off | n) % d->align)
		room = xmalloc(CHUNK_MAX);
	while (done < n) {
		uint64_t at = off + done, from = at / d->align * d->align;
		size_t k = n - done < CHUNK_MAX - d->align ? n - done : CHUNK_MAX - d->align;
		size_t whole = (at + k - from + d->align - 1) / d->align * d->align;
		if (whole > d->size - from)
			whole = d->size - from;
		r = read_part(d, room ? room : p + done, room ? whole : k, room ? from : at);
		if (r < 0)
			return r;
		if (room)
			memcpy(p + done, room + (at - from), k);
		done += k;
	}
	return done;
}

/* One sector, of which N bytes from IN on are new. */
static int write_into(struct nbd *d, const char *p, size_t n, uint64_t off)
{
	uint64_t from = off / d->align * d->align;
	size_t whole = d->size - from < d->align ? d->size - from : d->align;
	autofree char *room = xmalloc(d->align);
	int r = read_part(d, room, whole, from);

	if (r < 0)
		return r;
	memcpy(room + (off - from), p, n);
	return nbd_pwrite(d->h, room, whole, from, 0) < 0 ? nbd_code() : 0;
}

static ssize_t nbd_bulk_write(struct bulk *b, const char *p, size_t n, uint64_t off)
{
	struct nbd *d = b->priv;
	size_t done = 0, k;
	int r;

	if (off > d->size || n > d->size - off)
		return -ENOSPC;
	for (; done < n; done += k) {
		uint64_t at = off + done;
		size_t in = at % d->align;
		k = n - done < CHUNK_MAX ? n - done : CHUNK_MAX;
		if (in || k < d->align) { /* the beginning or the end of a sector */
			if (k > d->align - in)
				k = d->align - in;
			r = write_into(d, p + done, k, at);
		} else {
			k = k / d->align * d->align;
			r = nbd_pwrite(d->h, p + done, k, at, 0) < 0 ? nbd_code() : 0;
		}
		if (r < 0)
			return r;
	}
	return done;
}

struct extents {
	uint64_t at, found; /* where the run that is being looked at begins */
	bool want_hole, done;
};

/* base:allocation: pairs of a length and flags; bit 1: it reads as zeroes (NBD protocol, "base:allocation"). */
static int on_extents(void *arg, const char *context, uint64_t off, uint32_t *entries, size_t n, int *error)
{
	struct extents *e = arg;

	(void)error;
	if (strcmp(context, "base:allocation"))
		return 0;
	e->at = off;
	for (size_t i = 0; i + 1 < n && !e->done; i += 2) {
		if (!!(entries[i + 1] & 2) == e->want_hole) {
			e->done = true;
			e->found = e->at;
		}
		e->at += entries[i];
	}
	return 0;
}

static int64_t nbd_bulk_seek(struct bulk *b, uint64_t off, int whence)
{
	struct nbd *d = b->priv;
	struct extents e = { .at = off, .want_hole = whence == SEEK_HOLE };

	if (off >= d->size)
		return -ENXIO;
	if (!nbd_can_meta_context(d->h, "base:allocation"))
		return whence == SEEK_HOLE ? (int64_t)d->size : (int64_t)off;
	while (!e.done && e.at < d->size) {
		uint64_t left = d->size - e.at, from = e.at;
		if (nbd_block_status(d->h, left < (1u << 30) ? left : 1u << 30, from,
				     (nbd_extent_callback){ .callback = on_extents, .user_data = &e }, 0) < 0)
			return nbd_code();
		if (e.at <= from && !e.done)
			return -EIO;
	}
	if (e.done)
		return e.found < off ? off : e.found;
	return whence == SEEK_HOLE ? (int64_t)d->size : -ENXIO;
}

static int nbd_bulk_truncate(struct bulk *b, uint64_t size)
{
	struct nbd *d = b->priv;

	return size == d->size ? 0 : -EPERM; /* its size is its capacity, which has a file of its own */
}

static int nbd_bulk_fallocate(struct bulk *b, int mode, uint64_t off, uint64_t n)
{
	struct nbd *d = b->priv;
	bool punch = mode & FALLOC_FL_PUNCH_HOLE;

	if (!punch && !(mode & FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	for (uint64_t done = 0; done < n;) {
		uint64_t k = n - done < (1u << 30) ? n - done : 1u << 30;
		if (nbd_zero(d->h, k, off + done, punch ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) < 0)
			return nbd_code();
		done += k;
	}
	return 0;
}

static int nbd_bulk_sync(struct bulk *b)
{
	struct nbd *d = b->priv;

	return d->write && nbd_can_flush(d->h) && nbd_flush(d->h, 0) < 0 ? nbd_code() : 0;
}

static int64_t nbd_bulk_size(struct bulk *b)
{
	return ((struct nbd *)b->priv)->size;
}

static void nbd_free(void *arg)
{
	struct nbd *d = arg;

	if (d->h)
		nbd_close(d->h);
	if (d->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, d->pidfd, SIGTERM, NULL, 0); /* it flushes, and ends */
		close(d->pidfd);
	}
	base_close_p(&d->words);
	base_close_p(&d->client);
	free(d);
}

static void nbd_bulk_close(struct bulk *b)
{
	struct nbd *d = b->priv;

	if (d->write)
		nbd_flush(d->h, 0);
	nbd_shutdown(d->h, 0);
	nbd_free(d);
}

static const struct bulk_ops nbd_ops = {
	.read = nbd_bulk_read,
	.write = nbd_bulk_write,
	.seek = nbd_bulk_seek,
	.truncate = nbd_bulk_truncate,
	.fallocate = nbd_bulk_fallocate,
	.sync = nbd_bulk_sync,
	.size = nbd_bulk_size,
	.close = nbd_bulk_close,
};

/* The last line that the program wrote. */
static void read_words(struct nbd *d)
{
	char text[4096];
	ssize_t n = read(d->words, text, sizeof(text) - 1);
	char *last;

	if (n <= 0)
		return;
	text[n] = 0;
	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	last = strrchr(text, '\n');
	snprintf(d->text, sizeof(d->text), "%.500s", last ? last + 1 : text);
}

static bool program_file(const struct nbd *d, const char *fd, struct stat *st)
{
	autofree char *path = xasprintf("/proc/%d/fd/%s", (int)d->pid, fd);

	return stat(path, st) == 0;
}

static bool is_layer(const struct nbd *d, const struct stat *st)
{
	for (size_t i = 0; i < d->nlayers; i++) {
		char fd[16];
		struct stat layer;

		snprintf(fd, sizeof(fd), "%zu", FIRST_FD + i);
		if (program_file(d, fd, &layer) && layer.st_dev == st->st_dev && layer.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* An image may name files that are no backing file (extents of a vmdk, the data file of a qcow2), and whoever writes it may do so at the last moment:
 * when it is open, and before a byte of it is passed on, the program must have nothing but what we gave it. */
static int check_files(struct nbd *d)
{
	autofree char *path = xasprintf("/proc/%d/fd", (int)d->pid);
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || atoi(e->d_name) == SECRET_FD || !program_file(d, e->d_name, &st))
			continue;
		if ((S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) && !is_layer(d, &st))
			r = -EACCES;
	}
	closedir(dir);
	if (r < 0)
		snprintf(d->text, sizeof(d->text),
			 "the image names other files, which are not opened for it: convert it (qemu-img convert)");
	return r;
}

/* The handshake: it is answered once the image is open. */
static int shake_hands(void *arg)
{
	struct nbd *d = arg;
	int64_t size;

	d->h = nbd_create();
	if (!d->h)
		return -ENOMEM;
	nbd_set_export_name(d->h, "data");
	nbd_add_meta_context(d->h, "base:allocation");
	if (nbd_connect_socket(d->h, d->client) < 0 || (size = nbd_get_size(d->h)) < 0) {
		d->client = -1; /* it took it */
		read_words(d);
		if (!d->text[0])
			snprintf(d->text, sizeof(d->text), "%s", nbd_get_error() ? nbd_get_error() : "no answer");
		return -EIO;
	}
	d->client = -1;
	d->size = size;
	size = nbd_get_block_size(d->h, LIBNBD_SIZE_MINIMUM);
	d->align = size > 0 && size <= 65536 ? size : 512;
	return check_files(d);
}

/* ---- starting it ---- */

/* A listening socket, and a connection to it that waits to be accepted; its name is gone when this returns. */
static int socket_pair(int *listener, int *client, struct error *err)
{
	static unsigned count;
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/nbd-%u", config.run_dir, ++count) >= (int)sizeof(a.sun_path))
		return error_set(err, ENAMETOOLONG, "the run directory '%s' has too long a name for a socket",
				 config.run_dir);
	unlink(a.sun_path);
	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listener < 0 || *client < 0 || bind(*listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(a.sun_path, 0600) < 0 || listen(*listener, 1) < 0 ||
	    connect(*client, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int code = errno;
		unlink(a.sun_path);
		return error_set(err, code, "a socket in '%s': %s", config.run_dir, strerror(code));
	}
	unlink(a.sun_path);
	return 0;
}

static void words_free(struct vec *argv)
{
	vec_clear(argv, free);
}

/* Deepest first: a node must be there when another names it. */
static void make_argv(struct vec *argv, const struct data_layer *layers, size_t n, bool write, bool secret)
{
	static const char *const has_backing[] = { "qcow2", "qcow", "qed", "vmdk", NULL };

	vec_add(argv, xstrdup("qemu-storage-daemon"));
	if (secret) {
		vec_add(argv, xstrdup("--object"));
		vec_add(argv, xasprintf("secret,id=secret,format=raw,file=/proc/self/fd/%d", SECRET_FD));
	}
	for (size_t i = n; i-- > 0;) {
		const struct data_layer *l = &layers[i];
		const char *access = write && i == 0 ? "read-only=off" : "read-only=on,force-share=on";
		autobuf struct buf node = { 0 };

		vec_add(argv, xstrdup("--blockdev"));
		vec_add(argv, xasprintf("driver=%s,node-name=file%zu,filename=/proc/self/fd/%zu,discard=unmap,%s",
					l->block ? "host_device" : "file", i, FIRST_FD + i, access));
		buf_printf(&node, "driver=%s,node-name=layer%zu,file=file%zu,discard=unmap,%s", l->format, i, i,
			   access);
		if (word_index(has_backing, l->format) >= 0 && i + 1 < n)
			buf_printf(&node, ",backing=layer%zu", i + 1);
		else if (word_index(has_backing, l->format) >= 0)
			buf_puts(&node, ",backing=");
		if (secret && i == 0 && !strcmp(l->format, "luks"))
			buf_puts(&node, ",key-secret=secret");
		else if (secret && i == 0)
			buf_puts(&node, ",encrypt.format=luks,encrypt.key-secret=secret");
		vec_add(argv, xstrdup("--blockdev"));
		vec_add(argv, buf_take(&node));
	}
	vec_add(argv, xstrdup("--nbd-server"));
	vec_add(argv, xasprintf("addr.type=fd,addr.str=%d,max-connections=1", LISTEN_FD));
	vec_add(argv, xstrdup("--export"));
	vec_add(argv, xasprintf("type=nbd,id=data,node-name=layer0,name=data,writable=%s", write ? "on" : "off"));
	vec_add(argv, NULL);
}

static void ended(void *arg, int status)
{
	(void)arg;
	(void)status;
}

static int start(struct nbd *d, const struct data_layer *layers, size_t n, int listener, int secret, struct error *err)
{
	struct spawn_fd *fds = xcalloc(n + 4, sizeof(*fds));
	struct vec argv = { 0 };
	struct spawn s = { .fds = fds, .session = true, .no_new_privs = true, .no_core = true, .die_with_us = true };
	struct process *p;
	int pipe_fds[2], nfds = 0;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		free(fds);
		return error_set(err, errno, "pipe: %s", strerror(errno));
	}
	make_argv(&argv, layers, n, d->write, secret >= 0);
	fds[nfds++] = (struct spawn_fd){ pipe_fds[1], 2 };
	fds[nfds++] = (struct spawn_fd){ listener, LISTEN_FD };
	if (secret >= 0)
		fds[nfds++] = (struct spawn_fd){ secret, SECRET_FD };
	for (size_t i = 0; i < n; i++)
		fds[nfds++] = (struct spawn_fd){ layers[i].fd, FIRST_FD + i };
	s.argv = (const char *const *)argv.at;
	s.nfds = nfds;
	pid = spawn_start(&s, err);
	close(pipe_fds[1]);
	d->words = pipe_fds[0];
	words_free(&argv);
	free(fds);
	if (pid < 0)
		return error_in(err, pid, "qemu-storage-daemon (package qemu-system-common)");
	d->pid = pid;
	d->nlayers = n;
	d->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (spawn_watch(pid, ended, NULL, &p, NULL) == 0)
		spawn_unwatch(p); /* it is reaped by itself */
	return 0;
}

int image_data(struct pool *p, const char *name, const struct data_layer *layers, size_t n, bool write,
	       const struct secret *secret, struct bulk **out, struct error *err)
{
	struct nbd *d = xcalloc(1, sizeof(*d));
	autoclose int listener = -1, key = -1;
	struct worker *w;
	int r = 0;

	*d = (struct nbd){ .pidfd = -1, .words = -1, .client = -1, .write = write };
	if (!n)
		r = error_set(err, ENOTSUP, "%s: what is in images of this type of pool cannot be shown", name);
	if (r == 0 && secret) {
		key = secret_fd(secret, false, err);
		r = key < 0 ? key : 0;
	}
	if (r == 0)
		r = socket_pair(&listener, &d->client, err);
	if (r == 0)
		r = start(d, layers, n, listener, key, err);
	base_close_p(&listener); /* only the program has it: when it ends, the handshake does */
	listener = -1;
	if (r < 0) {
		nbd_free(d);
		return r;
	}
	w = worker_new("nbd");
	r = offload(w, shake_hands, d, nbd_free, CONNECT_MS);
	if (r == -ETIMEDOUT || r == -ECANCELED) {
		worker_free(w);
		return r == -ETIMEDOUT ? error_set(err, r, "%s: the image was not opened in %d s", pool_name(p),
						   CONNECT_MS / 1000)
				       : r;
	}
	if (r < 0) {
		r = error_set(err, -r, "%s", d->text);
		nbd_free(d);
		worker_free(w);
		return r;
	}
	*out = xcalloc(1, sizeof(**out));
	**out = (struct bulk){ .ops = &nbd_ops, .worker = w, .fd = -1, .writable = write, .priv = d };
	return 0;
}
