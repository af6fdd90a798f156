/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ceph_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#define LIBRARY	   "librbd.so.1" /* brings librados */
#define LOAD_STACK (8u << 20)

struct ceph_api ceph;
static atomic_bool loaded;

#define CEPH_NAME(f) { #f, (void **)&ceph.f },
static const struct {
	const char *name;
	void **at;
} functions[] = { CEPH_FUNCTIONS(CEPH_NAME) };

bool ceph_loaded(void)
{
	return loaded;
}

static int load(struct error *err)
{
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!lib)
		return error_set(err, ENOENT, "%s: install librbd1", dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		*functions[i].at = dlsym(lib, functions[i].name);
		if (!*functions[i].at)
			return error_set(err, ENOTSUP, "%s has no %s: it is older than Ceph 16", LIBRARY,
					 functions[i].name);
	}
	loaded = true;
	return 0;
}

struct loading {
	struct error *err;
	int r;
};

static void *load_main(void *arg)
{
	struct loading *l = arg;

	l->r = load(l->err);
	return NULL;
}

/* Its constructors build tables of a megabyte on the stack, which workers do not have. */
static int load_with_room(struct error *err)
{
	struct loading l = { .err = err };
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, LOAD_STACK);
	r = pthread_create(&thread, &attr, load_main, &l);
	pthread_attr_destroy(&attr);
	if (r)
		return error_set(err, r, "no thread can be had: %s", strerror(r));
	pthread_join(thread, NULL);
	return l.r;
}

int ceph_load(struct error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int r;

	pthread_mutex_lock(&lock);
	r = loaded ? 0 : load_with_room(err);
	pthread_mutex_unlock(&lock);
	return r;
}
