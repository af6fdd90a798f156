/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of a domain without changing it: list, job, counters, screen, command line, log. */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain_impl.h"

#define LOG_MAX (1 << 20)

void domain_set_error(struct domain *d, const char *text)
{
	free(d->error_text);
	d->error_text = xstrdup(text);
	object_changed(&d->obj, 1u << FACET_ERROR);
}

int domain_condition(struct domain *d, const char *condition, struct buf *line)
{
	bool is;

	if (!strcmp(condition, "running"))
		is = d->state == DOMAIN_RUNNING;
	else if (!strcmp(condition, "paused"))
		is = d->state == DOMAIN_PAUSED;
	else if (!strcmp(condition, "shutoff"))
		is = !domain_active(d);
	else
		return -ENOENT;
	if (is)
		buf_printf(line, "%s %s", domain_state_names[d->state], d->reason);
	return is;
}

void domain_job(struct domain *d, struct buf *out)
{
	const struct job *j = d->jobs.holder;

	if (!j)
		return;
	buf_printf(out, "operation %s\nelapsed_ms %" PRId64 "\nholder_uid %u\nwaiting %u\n", j->operation,
		   now_monotonic_ms() - j->began_ms, (unsigned)j->uid, d->jobs.waiting);
}

void domains_list(const struct viewer *v, struct buf *out)
{
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		if (!v->sees(v->who, &d->obj))
			continue;
		buf_percent(out, d->obj.name);
		buf_putc(out, ' ');
		buf_puts(out, domain_state_names[d->state]);
		buf_putc(out, ' ');
		if (d->id > 0)
			buf_u64(out, d->id);
		else
			buf_putc(out, '-');
		buf_putc(out, ' ');
		buf_u64(out, d->cpus);
		buf_putc(out, ' ');
		buf_u64(out, d->memory);
		buf_putc(out, '\n');
	}
}

static int need_running(struct domain *d, struct error *err)
{
	if (d->state == DOMAIN_RUNNING || d->state == DOMAIN_PAUSED)
		return 0;
	return error_set(err, EBUSY, "it is %s: only a running guest has this", domain_state_names[d->state]);
}

/* No job is taken: readers wait for nobody but the hypervisor, and that is bounded in the driver. */
int domain_stats(struct domain *d, unsigned groups, struct stats *out, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	int r;

	may_wait();
	if (!domain_active(d)) /* no counters: an empty file, as the cgroup of nobody */
		return 0;
	if (!d->driver || !d->driver->stats)
		r = error_set(err, ENOTSUP, "the %s driver has no counters", d->driver ? d->driver->name : "missing");
	else
		r = d->driver->stats(held, groups, out, err);
	return error_in(err, r, "%s: stats", d->obj.name);
}

int domain_screenshot(struct domain *d, struct buf *png, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	int r = need_running(d, err);

	may_wait();
	if (r == 0 && (!d->driver || !d->driver->guest || !d->driver->guest->screenshot))
		r = error_set(err, ENOTSUP, "the %s driver has no screen", d->driver ? d->driver->name : "missing");
	if (r == 0)
		r = d->driver->guest->screenshot(held, png, err);
	return error_in(err, r, "%s: screenshot", d->obj.name);
}

int domain_command_line(struct domain *d, struct buf *out, struct error *err)
{
	const char *run = domain_active(d) ? domain_kept(d, "command") : NULL;
	int r;

	if (run) {
		buf_puts(out, run);
		return 0;
	}
	if (!d->driver || !d->driver->command)
		r = error_set(err, ENOTSUP, "the %s driver runs no command", d->driver ? d->driver->name : "missing");
	else
		r = d->driver->command(domain_doc(d, VIEW_NOW), d->obj.name, out, err);
	return error_in(err, r, "%s: command", d->obj.name);
}

/* Of the guest that runs, else of the last that ran since the host booted. */
int domain_log(struct domain *d, struct buf *out, struct error *err)
{
	autofree char *path = domain_active(d) ? xasprintf("%s/log", d->run_dir) : domain_log_kept(d);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	off_t from = 0;
	char part[8192];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(err, errno, "%s: cannot read '%s': %s", d->obj.name, path, strerror(errno));
	if (fstat(fd, &st) == 0 && st.st_size > LOG_MAX)
		from = st.st_size - LOG_MAX;
	while (out->n < LOG_MAX && (n = pread(fd, part, sizeof(part), from)) > 0) {
		buf_add(out, part, n);
		from += n;
	}
	return 0;
}
