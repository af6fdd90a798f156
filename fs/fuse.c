/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The session: libfuse's low-level API on our loop. */
#include "fuse.h"

#include "remote/front.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>

#include "engine/loop.h"

#define BURST 64 /* requests handled before others on the loop get their turn */
/* How long the next request of a client at work is waited for before the loop sleeps.  Waking from there costs more than this where client and
 * server are on different cores: open+read+close 107 us without, 33 us with it. */
#define LINGER_NS      30000
#define SPARE_REQUESTS 4 /* of 1 MiB: as many as large writes are on their way to their files at a time, mostly */

struct fuse_session *front_session;
static struct front_options options;
static struct loop_fd *watch;
static struct fuse_buf request;
static char *spare_requests[SPARE_REQUESTS];
static unsigned nspare_requests;

struct who who_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct who){ .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid };
}

static void say_ready(void *arg unused)
{
	options.ready();
}

static void ll_init(void *arg unused, struct fuse_conn_info *conn)
{
	/* The kernel's own guess (AUTO) asks for attributes with the first part only: `ls -l` of 10,000 would look up the rest one by one. */
	conn->want &= ~FUSE_CAP_READDIRPLUS_AUTO;
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_PARALLEL_DIROPS);
	/* with ACLs the kernel checks modes, too */
	conn->want &= ~FUSE_CAP_POSIX_ACL;
	if (!options.theirs)
		conn->want |= conn->capable & FUSE_CAP_POSIX_ACL;
	/* Splicing was measured for files of bytes: pages passed on cost what copying them costs. */
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want &= ~FUSE_CAP_AUTO_INVAL_DATA;
	conn->max_background = 64;
	loop_soon(say_ready, NULL);
}

static const struct fuse_lowlevel_ops ops = {
	.init = ll_init,
	.lookup = ll_lookup,
	.getattr = ll_getattr,
	.setattr = ll_setattr,
	.readlink = ll_readlink,
	.mknod = ll_mknod,
	.mkdir = ll_mkdir,
	.unlink = ll_unlink,
	.rmdir = ll_rmdir,
	.symlink = ll_symlink,
	.rename = ll_rename,
	.link = ll_link,
	.open = ll_open,
	.read = ll_read,
	.write = ll_write,
	.flush = ll_flush,
	.release = ll_release,
	.fsync = ll_fsync,
	.opendir = ll_opendir,
	.readdir = ll_readdir,
	.readdirplus = ll_readdirplus,
	.statfs = ll_statfs,
	.setxattr = ll_setxattr,
	.getxattr = ll_getxattr,
	.listxattr = ll_listxattr,
	.removexattr = ll_removexattr,
	.create = ll_create,
	.poll = ll_poll,
	.lseek = ll_lseek,
	.fallocate = ll_fallocate,
	.copy_file_range = ll_copy_file_range,
};

static void session_ended(void)
{
	loop_unwatch(take(&watch));
	options.ended();
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

char *front_take_request(void)
{
	char *mem = request.mem;

	request.mem = nspare_requests ? spare_requests[--nspare_requests] : NULL; /* NULL: libfuse makes one */
	return mem;
}

void front_give_request(char *mem)
{
	if (mem && nspare_requests < SPARE_REQUESTS)
		spare_requests[nspare_requests++] = mem;
	else
		free(mem);
}

/* The next request: its length, -EAGAIN when there is none soon. */
static int receive(struct fuse_session *se)
{
	int64_t until = 0;
	int n;

	while ((n = fuse_session_receive_buf(se, &request)) == -EAGAIN) {
		int64_t now = now_ns();

		if (!until)
			until = now + LINGER_NS;
		else if (now >= until)
			break;
		sched_yield(); /* the client may be on this core */
	}
	return n;
}

static void on_request(void *arg unused, int events unused)
{
	struct fuse_session *se = front_session;

	for (int i = 0; i < BURST && !fuse_session_exited(se); i++) {
		int n = receive(se);

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			session_ended();
			return;
		}
		fuse_session_process_buf(se, &request);
	}
	if (fuse_session_exited(se))
		session_ended();
}

static int session_new(struct error *err)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	fuse_opt_add_arg(&args, "domfs");
	fuse_opt_add_arg(&args, "-o");
	fuse_opt_add_arg(&args, options.fuse_options);
	front_session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&args);
	return front_session ? 0 : error_set(err, EINVAL, "libfuse refuses the options '%s'", options.fuse_options);
}

/* New kernels can be told to abort the whole connection when one request takes long: a reader of wait/ does. */
static void warn_of_timeout(void)
{
	autobuf struct buf text = { 0 };
	unsigned long s;

	if (show_file("/proc/sys/fs/fuse/default_request_timeout", &text, NULL) < 0)
		return;
	s = strtoul(buf_text(&text), NULL, 10);
	if (s)
		log_line(
			"fs.fuse.default_request_timeout is %lu: a reader that waits longer ends the mount; set it to 0",
			s);
}

int front_open(const struct front_options *o, struct error *err)
{
	int r;

	options = *o;
	warn_of_timeout();
	r = session_new(err);
	if (r < 0)
		return r;
	if (fuse_session_mount(front_session, options.mountpoint) < 0) {
		fuse_session_destroy(take(&front_session));
		return error_set(err, EIO, "cannot mount on '%s'", options.mountpoint);
	}
	fcntl(fuse_session_fd(front_session), F_SETFL, O_NONBLOCK);
	notify_open();
	remote_front_open();
	watch = loop_watch(fuse_session_fd(front_session), LOOP_READ, on_request, NULL);
	return 0;
}

void front_unmount(void)
{
	if (!front_session)
		return;
	loop_unwatch(take(&watch));
	notify_end_waits(ECONNABORTED);
	fuse_session_unmount(front_session); /* notices when that was done from outside */
}

void front_close(void)
{
	front_unmount();
	front_bytes_close();
	handles_close();
	scratches_close();
	notify_close();
	if (front_session)
		fuse_session_destroy(take(&front_session));
	free(request.mem);
	request = (struct fuse_buf){ 0 };
	while (nspare_requests)
		free(spare_requests[--nspare_requests]);
}
