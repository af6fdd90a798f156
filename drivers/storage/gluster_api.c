/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gluster_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#define LIBRARY "libgfapi.so.0"

struct gluster_api gluster;
static atomic_bool loaded;

#define GLUSTER_NAME(f) { #f, (void **)&gluster.f },
static const struct {
	const char *name;
	void **at;
} functions[] = { GLUSTER_FUNCTIONS(GLUSTER_NAME) };

bool gluster_loaded(void)
{
	return loaded;
}

static int load(struct error *err)
{
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!lib)
		return error_set(err, ENOENT, "%s: install libgfapi0", dlerror());
	/* some calls got more arguments in GlusterFS 6, as versions of the same symbol */
	if (!dlvsym(lib, "glfs_pread", "GFAPI_6.0"))
		return error_set(err, ENOTSUP, "%s is older than GlusterFS 6", LIBRARY);
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		*functions[i].at = dlsym(lib, functions[i].name);
		if (!*functions[i].at)
			return error_set(err, ENOTSUP, "%s has no %s: it is older than GlusterFS 6", LIBRARY,
					 functions[i].name);
	}
	loaded = true;
	return 0;
}

int gluster_load(struct error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int r;

	pthread_mutex_lock(&lock);
	r = loaded ? 0 : load(err);
	pthread_mutex_unlock(&lock);
	return r;
}
