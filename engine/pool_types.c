/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which types of storage pools are usable on this host: looked at in the background, at start and when somebody looks again. */
#include "pool_types.h"

#include "task.h"
#include "units.h"

#define FRESH_MS 10000

struct type_state {
	char *text; /* owned; NULL: not looked at yet */
	int64_t at_ms;
	bool looking;
};

static struct type_state *states;

static unsigned count(void)
{
	unsigned n = 0;

	while (pool_drivers[n])
		n++;
	return n;
}

static void look(void *arg)
{
	unsigned i = (uintptr_t)arg;
	autoerror struct error err = { 0 };
	struct buf text = { 0 };
	int r = pool_drivers[i]->probe ? pool_drivers[i]->probe(&text, &err) : 0;

	if (r < 0 && !text.n)
		buf_printf(&text, "not usable: %s", error_text(&err));
	if (!text.n)
		buf_puts(&text, "usable");
	while (text.n && text.p[text.n - 1] == '\n')
		buf_cut(&text, text.n - 1, 1);
	if (!states) { /* it was closed meanwhile */
		buf_clear(&text);
		return;
	}
	free(states[i].text);
	states[i].text = buf_take(&text);
	states[i].at_ms = now_monotonic_ms();
	states[i].looking = false;
}

static void look_soon(unsigned i)
{
	if (states[i].looking)
		return;
	states[i].looking = true;
	task_start(look, (void *)(uintptr_t)i);
}

void pool_types_open(void)
{
	states = xcalloc(count() + 1, sizeof(*states));
	for (unsigned i = 0; pool_drivers[i]; i++)
		look_soon(i);
}

void pool_types_close(void)
{
	for (unsigned i = 0; states && pool_drivers[i]; i++)
		free(states[i].text);
	free(take(&states));
}

const char *pool_type_state(const struct pool_driver *drv)
{
	unsigned i = 0;

	while (pool_drivers[i] && pool_drivers[i] != drv)
		i++;
	if (!states || !pool_drivers[i])
		return "being looked at";
	if (!states[i].looking && now_monotonic_ms() - states[i].at_ms > FRESH_MS)
		look_soon(i);
	return states[i].text ? states[i].text : "being looked at";
}

static void print_enum(struct buf *out, const char *name, const char *const *words)
{
	buf_printf(out, "      <enum name='%s'>\n", name);
	for (int i = 0; words[i]; i++)
		buf_printf(out, "        <value>%s</value>\n", words[i]);
	buf_puts(out, "      </enum>\n");
}

static void print_options(struct buf *out, const char *element, const char *name, const char *const *words)
{
	if (!words || !words[0])
		return;
	buf_printf(out, "    <%s>\n      <defaultFormat type='%s'/>\n", element, words[0]);
	print_enum(out, name, words);
	buf_printf(out, "    </%s>\n", element);
}

void pool_types_capabilities(struct buf *out)
{
	buf_puts(out, "<storagepoolCapabilities>\n");
	for (unsigned i = 0; pool_drivers[i]; i++) {
		const struct pool_driver *drv = pool_drivers[i];
		buf_printf(out, "  <pool type='%s' supported='%s'>\n", drv->type,
			   str_starts(pool_type_state(drv), "usable") ? "yes" : "no");
		print_options(out, "poolOptions", "sourceFormatType", drv->source_formats);
		print_options(out, "volOptions", "targetFormatType", drv->volume_formats);
		buf_puts(out, "  </pool>\n");
	}
	buf_puts(out, "</storagepoolCapabilities>\n");
}

int pool_types_discover(struct str text, struct buf *xml, struct error *err)
{
	autofree char *copy = NULL;
	const struct pool_driver *drv;
	char *type, *save = NULL;
	struct str spec = { 0 };

	text = str_trim(text);
	copy = xstrndup(text.p, text.n);
	type = strtok_r(copy, " \t\n", &save);
	if (!type)
		return error_set(err, EINVAL, "expected TYPE, or TYPE HOST[:PORT], or TYPE and a <source> element");
	spec = str_trim(str_of(save));
	drv = pool_driver_of(type);
	if (!drv)
		return error_set(err, EINVAL, "'%s' is no type of pool that is served here: see host/storage", type);
	if (!drv->discover)
		return error_set(err, ENOTSUP, "sources of type %s cannot be asked for", type);
	return error_in(err, drv->discover(spec, xml, err), "%s", type);
}
