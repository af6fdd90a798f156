/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a guest's UEFI variables: made from its template at the first start.  One that the definition names is made with the rights of the
 * domain's owner; the default one lies in the state directory and is ours.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

#define NVRAM_TIMEOUT_MS 15000

struct nvram_job {
	char *path;
	int template;
	bool make_dir;
	struct error err;
};

char *qemu_default_nvram(const struct node *root)
{
	return xasprintf("%s/nvram/%s_VARS.fd", config.state_dir ? config.state_dir : "/var/lib/domfs",
			 node_get_or(root, "uuid", "new"));
}

bool qemu_nvram_is_ours(const struct node *root, const char *path)
{
	autofree char *ours = qemu_default_nvram(root);

	return str_eq(path, ours);
}

static void job_free(void *arg)
{
	struct nvram_job *j = arg;

	base_close_p(&j->template);
	error_clear(&j->err);
	free(j->path);
	free(j);
}

static int copy(int from, int to)
{
	off_t at = 0;
	ssize_t n;

	while ((n = sendfile(to, from, &at, 1 << 24)) > 0)
		continue;
	return n < 0 || fsync(to) < 0 ? -errno : 0;
}

/* On the worker.  Written beside and moved there, so that a half-written one is never used. */
static int make_file(void *arg)
{
	struct nvram_job *j = arg;
	autofree char *dir = xstrndup(j->path, strrchr(j->path, '/') - j->path);
	autofree char *tmp = xasprintf("%s.new", j->path);
	autoclose int fd = -1;
	int r;

	if (j->make_dir && mkdir(dir, 0700) < 0 && errno != EEXIST) {
		error_set(&j->err, errno, "'%s' cannot be made: %s", dir, strerror(errno));
		return 0;
	}
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : copy(j->template, fd);
	if (r == 0 && link(tmp, j->path) < 0 && errno != EEXIST)
		r = -errno;
	if (fd >= 0)
		unlink(tmp);
	if (r < 0)
		error_set(&j->err, -r, "'%s' cannot be made: %s", j->path, strerror(-r));
	return 0;
}

static int check_there(void *arg)
{
	struct nvram_job *j = arg;

	if (access(j->path, F_OK) < 0)
		error_set(&j->err, errno, "'%s': %s", j->path, strerror(errno));
	return 0;
}

static int run(struct domain *d, bool ours, int (*fn)(void *arg), struct nvram_job *j, struct error *err)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int r;

	if (!ours)
		domain_owner(d, &uid, &gid);
	r = offload_as(domain_worker(d), uid, gid, fn, j, job_free, NVRAM_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	if (j->err.code) {
		r = -j->err.code;
		error_move(err, &j->err);
	}
	job_free(j);
	return r;
}

static struct nvram_job *job_new(const char *path)
{
	struct nvram_job *j = xcalloc(1, sizeof(*j));

	j->path = xstrdup(path);
	j->template = -1;
	return j;
}

int qemu_prepare_nvram(struct domain *d, struct error *err)
{
	const struct node *os = node_first(domain_live(d), "os");
	autofree char *path = xstrdup(node_get_or(os, "nvram/source/@file", node_get_or(os, "nvram", "")));
	autofree char *template = xstrdup(node_get(os, "nvram/@template"));
	autoerror struct error missing = { 0 };
	struct nvram_job *j;
	uid_t uid;
	gid_t gid;
	bool ours = qemu_nvram_is_ours(domain_live(d), path);

	if (path[0] != '/' || !node_is(os, "loader/@type", "pflash") ||
	    run(d, ours, check_there, job_new(path), &missing) == 0)
		return 0;
	if (missing.code != ENOENT)
		return error_set(err, missing.code, "UEFI variables: %s", missing.text);
	if (!template)
		return error_set(err, ENOENT,
				 "UEFI variables: '%s' is not there, and <nvram> has no template='...' to make it from",
				 path);
	j = job_new(path);
	j->make_dir = ours;
	domain_owner(d, &uid, &gid);
	j->template = open_as(domain_worker(d), uid, gid, template, O_RDONLY, NVRAM_TIMEOUT_MS, err);
	if (j->template <0) {
		int r = j->template;
		job_free(j);
		return error_in(err, r, "the template of its UEFI variables");
	}
	return error_in(err, run(d, ours, make_file, j, err), "UEFI variables");
}
