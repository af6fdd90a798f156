/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starts the engine and the front end in order, serves until the mount is gone or a signal comes, and closes all of it in the opposite order.
 * Guests go on.  A client of another engine has only the front end and a connection.
 */
#include "serve.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/access_map.h"
#include "engine/audit.h"
#include "engine/loop.h"
#include "engine/offload.h"
#include "engine/pool.h"
#include "engine/secret.h"
#include "engine/store.h"
#include "fuse.h"
#include "hosts.h"
#include "listen.h"
#include "remote/front.h"
#include "stream.h"
#include "tls_server.h"
#include "views.h"

#define DRAIN_STEP_MS 10
#define DRAIN_MS      2000  /* how long tasks and requests that are being cancelled may take to end */
#define SETTLE_MS     3000  /* how long threads may take for what they still do: in a dead storage it is for ever */
#define FILES_WANTED  65536 /* descriptors */
#define CONNECT_MS    30000 /* how long another engine may take to answer before the mount fails */

static const struct mount_options *options;
static void (*tell_ready)(void);
static struct error failure; /* of a client that did not get connected */
static unsigned drained_ms;
static bool ending;

static void drain(void *arg unused)
{
	if ((calls_going() || task_count()) && drained_ms < DRAIN_MS) {
		calls_cancel();
		drained_ms += DRAIN_STEP_MS;
		loop_timer(DRAIN_STEP_MS, drain, NULL);
		return;
	}
	front_unmount();
	loop_stop();
}

static void end(void)
{
	if (ending)
		return;
	ending = true;
	listen_close();
	pools_flush();
	hosts_stop();
	remote_free(remote_root); /* serve() has a reference of its own */
	notify_end_waits(ECONNABORTED);
	drain(NULL);
}

static void on_signal(void *arg unused, int signo)
{
	log_line("signal %d: ending; guests go on", signo);
	end();
}

static void on_ready(void)
{
	if (!ending) /* else it is mounted only for the moment until it has ended */
		tell_ready();
}

static struct front_options front_options(void)
{
	return (struct front_options){
		.mountpoint = options->mountpoint,
		.fuse_options = options->fuse,
		.theirs = options->source && !options->allow_other,
		.ready = on_ready,
		.ended = end,
	};
}

/* ---- an engine ---- */

/* False when a task did not end in time and is still inside the engine: the process's end frees the rest. */
static bool engine_close(void)
{
	unsigned left = task_count();

	if (left) {
		log_line("%u tasks did not end in time", left);
		store_close();
		return false;
	}
	hosts_close();
	pools_close();
	domains_close();
	secrets_close();
	driver_objects_close();
	pool_type_objects_close();
	drivers_close();
	views_close();
	access_map_close();
	audit_close();
	store_close();
	return true;
}

static int engine_open(struct error *err)
{
	int r;

	object_changed(&root_object, ~0u);
	driver_objects_open();
	pool_type_objects_open();
	drivers_probe();
	audit_open();
	views_open();
	r = access_map_open(err);
	if (r == 0)
		r = secrets_open(err);
	if (r == 0)
		r = domains_open(err);
	if (r >= 0)
		r = pools_open(err);
	return r < 0 ? r : hosts_open(err);
}

/* Others find this engine by its socket. */
static int listen_all(struct error *err)
{
	autofree char *path = listen_socket_path();
	autofree char *where = xasprintf("unix:%s", path);
	int r = listen_inherited(err);

	if (r == 0 && !listen_has(path))
		r = listen_add(where, NULL, err);
	for (size_t i = 0; i < options->listen.n && r == 0; i++)
		r = listen_add(options->listen.at[i], options->tls_dir, err);
	return r;
}

static int open_engine(struct error *err)
{
	struct front_options front = front_options();
	int r = engine_open(err);

	if (r >= 0 && options->mountpoint)
		r = front_open(&front, err);
	if (r >= 0)
		r = listen_all(err);
	if (r >= 0 && !options->mountpoint)
		tell_ready();
	return r;
}

/* ---- a client ---- */

static void connect_and_mount(void *arg unused)
{
	autoerror struct error err = { 0 };
	struct front_options front = front_options();
	int r = remote_ready(remote_root, CONNECT_MS, &err);

	if (r == 0 && !ending)
		r = front_open(&front, &err);
	if (r == 0 || ending)
		return;
	error_move(&failure, &err);
	end();
}

static void open_client(const char *uri)
{
	remote_root = remote_new(uri);
	remote_root->refs++;
	remote_map(remote_root);
	remote_start(remote_root);
	task_start(connect_and_mount, NULL);
}

static void close_client(void)
{
	struct remote *r = take(&remote_root);

	if (!r)
		return;
	remote_free(r);
	remote_unref(r);
}

/* Another domfs has the state directory: then this mount shows that one's tree. */
static int join_engine(struct error *why)
{
	autofree char *path = listen_socket_path();
	autofree char *uri = xasprintf("unix:%s", path);

	if (!options->mountpoint)
		return -EBUSY;
	if (options->engine_option)
		return error_in(why, -EBUSY, "option '%s' is for an engine of this mount's own",
				options->engine_option);
	error_clear(why);
	log_line("another domfs serves this host: its tree is mounted");
	mount_options_client((struct mount_options *)options, uri);
	open_client(uri);
	return 0;
}

static int open_local(struct error *err)
{
	int r = store_open(config.state_dir, config.run_dir, err);

	if (r == -EBUSY)
		return join_engine(err);
	return r < 0 ? r : open_engine(err);
}

/* Guests and clients each have some: as many as we may have, where a shell says 1024. */
static void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= FILES_WANTED)
		return;
	l.rlim_cur = l.rlim_max < FILES_WANTED ? l.rlim_max : FILES_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

int serve(const struct mount_options *o, void (*ready)(void), struct error *err)
{
	bool closed;
	int r = 0;

	options = o;
	tell_ready = ready;
	raise_files();
	loop_init();
	signal(SIGPIPE, SIG_IGN);
	loop_signal(SIGTERM, on_signal, NULL);
	loop_signal(SIGINT, on_signal, NULL);
	loop_signal(SIGHUP, on_signal, NULL);
	tree_open(&root_entry);
	streams_open();
	if (o->source)
		open_client(o->source);
	else
		r = open_local(err);
	if (r < 0)
		end(); /* what has begun already ends as it would later */
	loop_run();
	listen_close();
	front_close();
	close_client();
	tls_drain();
	closed = engine_close();
	if (workers_settle(SETTLE_MS) && closed) {
		tree_close();
		loop_close();
	}
	if (failure.code) {
		r = -failure.code;
		error_move(err, &failure);
	}
	return r;
}
