/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every counter as OpenMetrics text.  All running guests are asked at once; what comes from the host's kernel is always there, what only a
 * hypervisor knows is left out when it has not said it within a second.
 */
#include <inttypes.h>
#include <stdio.h>

#include "domain_impl.h"

#define ANSWER_WITHIN_MS 1000

struct gather {
	struct waitq done;
	unsigned left;
	unsigned refs; /* the one who asked, and each task */
};

struct answer {
	struct domain *domain;
	struct stats host, guest; /* from the kernel; from the hypervisor */
	struct task *task;
	struct gather *all;
	bool done, abandoned;
};

static void answer_free(struct answer *a)
{
	if (--a->all->refs == 0)
		free(a->all);
	object_unref(&a->domain->obj);
	stats_clear(&a->host);
	stats_clear(&a->guest);
	free(a);
}

static void ask(void *arg)
{
	struct answer *a = arg;
	struct stats host = { 0 }, guest = { 0 };

	(void)!domain_stats(a->domain, STATS_CPU | STATS_VCPU | STATS_NET, &host, NULL);
	if (a->abandoned) {
		stats_clear(&host);
		answer_free(a);
		return;
	}
	a->host = host;
	if (domain_stats(a->domain, STATS_MEMORY | STATS_BLOCK, &guest, NULL) < 0)
		stats_clear(&guest);
	if (a->abandoned) {
		stats_clear(&guest);
		answer_free(a);
		return;
	}
	a->guest = guest;
	a->done = true;
	a->all->left--;
	task_wake_all(&a->all->done);
}

/* ---- text ---- */

static void label(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_putc(out, '\\');
		buf_putc(out, *value);
	}
	buf_putc(out, '"');
}

static const struct {
	unsigned group;
	const char *word, *item; /* in the family's name; the label of the item */
} groups[] = {
	{ STATS_CPU, "cpu", NULL },	  { STATS_VCPU, "vcpu", "vcpu" }, { STATS_MEMORY, "memory", NULL },
	{ STATS_BLOCK, "block", "disk" }, { STATS_NET, "net", "nic" },
};

/* One family: its samples must stand together, whoever they come from. */
struct family {
	char *name;
	bool gauge;
	struct buf samples;
};

static void family_free(void *p)
{
	struct family *f = p;

	free(f->name);
	buf_clear(&f->samples);
	free(f);
}

static struct family *family_get(struct vec *families, struct hash *by_name, const char *name, bool gauge)
{
	struct family *f = hash_get(by_name, name);

	if (f)
		return f;
	f = xcalloc(1, sizeof(*f));
	f->name = xstrdup(name);
	f->gauge = gauge;
	vec_add(families, f);
	hash_put(by_name, name, f);
	return f;
}

/* Times are kept in ns and told in seconds; what does not grow by counting is a gauge. */
static void add_row(struct vec *families, struct hash *by_name, const struct domain *d, const struct stat_row *row)
{
	char name[128];
	size_t g = 0, n = strlen(row->key);
	bool ns = n > 3 && !strcmp(row->key + n - 3, "_ns");
	bool gauge = row->group == STATS_MEMORY;
	struct family *f;

	while (g + 1 < ARRAY_SIZE(groups) && groups[g].group != row->group)
		g++;
	snprintf(name, sizeof(name), "domfs_domain_%s_%.*s%s", groups[g].word, (int)(ns ? n - 3 : n), row->key,
		 ns ? "_seconds" : "");
	f = family_get(families, by_name, name, gauge);
	buf_printf(&f->samples, "%s%s{", name, gauge ? "" : "_total");
	label(&f->samples, "domain", d->obj.name);
	if (groups[g].item && row->item[0]) {
		buf_putc(&f->samples, ',');
		label(&f->samples, groups[g].item, row->item);
	}
	if (ns)
		buf_printf(&f->samples, "} %" PRIu64 ".%09" PRIu64 "\n", row->value / 1000000000,
			   row->value % 1000000000);
	else
		buf_printf(&f->samples, "} %" PRIu64 "\n", row->value);
}

static void add_rows(struct vec *families, struct hash *by_name, const struct domain *d, const struct stats *s)
{
	for (size_t i = 0; i < s->n; i++)
		add_row(families, by_name, d, &s->rows[i]);
}

static void print_states(const struct viewer *v, struct buf *out)
{
	buf_puts(out, "# TYPE domfs_domain_state stateset\n");
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial))
		for (int i = 0; domain_state_names[i] && v->sees(v->who, &d->obj); i++) {
			buf_puts(out, "domfs_domain_state{");
			label(out, "domain", d->obj.name);
			buf_printf(out, ",domfs_domain_state=\"%s\"} %d\n", domain_state_names[i],
				   d->state == (unsigned)i);
		}
}

static void print_number(const struct viewer *v, struct buf *out, const char *name, bool memory)
{
	buf_printf(out, "# TYPE %s gauge\n", name);
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		if (!v->sees(v->who, &d->obj))
			continue;
		buf_printf(out, "%s{", name);
		label(out, "domain", d->obj.name);
		buf_printf(out, "} %" PRIu64 "\n", memory ? d->memory : d->cpus);
	}
}

static void print(const struct viewer *v, struct vec *answers, struct buf *out)
{
	struct vec families = { 0 };
	struct hash *by_name = hash_new();

	print_states(v, out);
	print_number(v, out, "domfs_domain_cpus", false);
	print_number(v, out, "domfs_domain_memory_bytes", true);
	for (size_t i = 0; i < answers->n; i++) {
		struct answer *a = answers->at[i];
		add_rows(&families, by_name, a->domain, &a->host);
		if (a->done)
			add_rows(&families, by_name, a->domain, &a->guest);
	}
	for (size_t i = 0; i < families.n; i++) {
		struct family *f = families.at[i];
		buf_printf(out, "# TYPE %s %s\n", f->name, f->gauge ? "gauge" : "counter");
		buf_add(out, f->samples.p, f->samples.n);
	}
	buf_puts(out, "# EOF\n");
	vec_clear(&families, family_free);
	hash_free(by_name);
}

void domains_metrics(const struct viewer *v, struct buf *out)
{
	struct gather *all = xcalloc(1, sizeof(*all));
	int64_t until = now_monotonic_ms() + ANSWER_WITHIN_MS;
	struct vec answers = { 0 };
	int r = 0;

	may_wait();
	TAILQ_INIT(&all->done);
	all->refs = 1;
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		struct answer *a;

		if ((d->state != DOMAIN_RUNNING && d->state != DOMAIN_PAUSED) || !v->sees(v->who, &d->obj))
			continue;
		a = xcalloc(1, sizeof(*a));
		*a = (struct answer){ .domain = domain_hold(d), .all = all };
		all->refs++;
		all->left++;
		vec_add(&answers, a);
		a->task = task_start(ask, a);
	}
	while (all->left && r == 0 && now_monotonic_ms() < until)
		r = task_wait(&all->done, until - now_monotonic_ms());
	print(v, &answers, out);
	for (size_t i = 0; i < answers.n; i++) {
		struct answer *a = answers.at[i];
		if (a->done) {
			answer_free(a);
			continue;
		}
		a->abandoned = true; /* its task frees it */
		task_cancel(a->task);
	}
	vec_clear(&answers, NULL);
	if (--all->refs == 0)
		free(all);
}
