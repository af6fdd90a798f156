/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row and its value: checked, shown as its file shows it, stored. */
#include "schema.h"
#include "units.h"

#define MAX_CPU 16383 /* libvirt's VIR_DOMAIN_CPUMASK_LEN, less one */

static int check_number(const struct prop *row, struct str text, struct error *err)
{
	uint64_t v, most = row->type == T_INT ? INT64_MAX : UINT64_MAX;

	if (row->type == T_INT && text.n && text.p[0] == '-') {
		text.p++;
		text.n--;
	}
	return u64_parse(text, row->type == T_U64 ? row->min : 0, row->max ? row->max : most, &v, err);
}

static int check_word(const struct prop *row, struct str text, struct error *err)
{
	autofree char *word = xstrndup(text.p ? text.p : "", text.n);
	autofree char *all = NULL;

	if (word_index(row->words, word) >= 0)
		return 0;
	all = words_joined(row->words);
	return error_set(err, EINVAL, "'%s' is not one of %s", word, all);
}

/* One of "3", "0-3", "^2". */
static bool is_cpu_range(struct str item)
{
	const char *dash;
	uint64_t from, to;
	bool not = item.n && item.p[0] == '^';

	item = str_trim((struct str){ item.p + not, item.n - not });
	dash = item.n && !not ? memchr(item.p, '-', item.n) : NULL;
	if (!dash)
		return u64_parse(item, 0, MAX_CPU, &from, NULL) == 0;
	return u64_parse(str_trim((struct str){ item.p, (size_t)(dash - item.p) }), 0, MAX_CPU, &from, NULL) == 0 &&
	       u64_parse(str_trim((struct str){ dash + 1, (size_t)(item.p + item.n - dash - 1) }), from, MAX_CPU, &to,
			 NULL) == 0;
}

static int check_cpuset(struct str text, struct error *err)
{
	struct str left = text;

	for (;;) {
		const char *comma = left.n ? memchr(left.p, ',', left.n) : NULL;
		size_t n = comma ? (size_t)(comma - left.p) : left.n;
		if (!is_cpu_range(str_trim((struct str){ left.p, n })))
			return error_set(err, EINVAL,
					 "'%.*s' is not a set of CPUs: write numbers and ranges, as in 0-3,^2,7",
					 (int)text.n, text.n ? text.p : "");
		if (!comma)
			return 0;
		left.p += n + 1;
		left.n -= n + 1;
	}
}

static int check_mac(struct str text, struct error *err)
{
	autofree char *copy = xstrndup(text.p ? text.p : "", text.n);
	uint8_t mac[6];

	if (mac_parse(copy, mac))
		return 0;
	return error_set(err, EINVAL, "'%s' is not a MAC address: write it as in 52:54:00:12:34:56", copy);
}

static int check_mode(struct str text, struct error *err)
{
	bool good = text.n > 0 && text.n <= 5;

	for (size_t i = 0; good && i < text.n; i++)
		good = text.p[i] >= '0' && text.p[i] <= '7' && (text.n < 5 || i || text.p[i] == '0');
	if (good)
		return 0;
	return error_set(err, EINVAL, "'%.*s' is not a mode: write permission bits in octal, as in 0640",
			 (int)(text.n < 40 ? text.n : 40), text.n ? text.p : "");
}

/* What XML cannot hold would spoil the document for good. */
static int check_characters(struct str text, struct error *err)
{
	if (!str_is_text(text))
		return error_set(err, EINVAL, "the text is not UTF-8");
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' && text.p[i] != '\t' && text.p[i] != '\n' && text.p[i] != '\r')
			return error_set(err, EINVAL, "the text has a control character (0x%02x) in it",
					 (unsigned char)text.p[i]);
	return 0;
}

int prop_check(const struct prop *row, struct str text, struct error *err)
{
	char uuid[UUID_TEXT];
	uint64_t size;
	bool flag;

	switch (row->type) {
	case T_ENUM:
		return check_word(row, text, err);
	case T_U64:
	case T_INT:
		return check_number(row, text, err);
	case T_SIZE:
	case T_BYTES:
		return size_parse(text, &size, err);
	case T_FLAG:
		return text.n ? bool_parse(text, &flag, err) : 0;
	case T_UUID:
		return uuid_parse(text, uuid, err);
	case T_MAC:
		return check_mac(text, err);
	case T_CPUSET:
		return check_cpuset(text, err);
	case T_MODE:
		return check_mode(text, err);
	case T_STRING:
		return check_characters(text, err);
	case T_SUB:
	case T_LIST:
	case T_ANY:
		break;
	}
	return 0;
}

void prop_show(const struct prop *row, const struct node *base, struct buf *out)
{
	const char *text;
	uint64_t size = 0;

	if (row->type == T_FLAG) {
		buf_putc(out, node_first(base, row->path) ? '1' : '0');
		return;
	}
	if (prop_is_size(row) && node_first(base, row->path)) {
		(void)!size_parse_unit(str_of(node_get(base, row->path)),
				       node_get(node_first(base, row->path), "@unit"), prop_unit(row), &size, NULL);
		buf_u64(out, size);
		return;
	}
	text = node_get(base, row->path);
	if (!text)
		text = row->dflt;
	if (text)
		buf_puts(out, text);
}

int prop_store(const struct prop *row, struct node *base, struct str text, struct error *err)
{
	autofree char *copy = NULL;
	uint64_t size;
	bool flag = false;
	int r;

	text = str_trim(text);
	if (text.n == 0 && row->type != T_FLAG) {
		if (row->flags & P_REQUIRED)
			return error_set(err, EINVAL, "a value is needed");
		node_set(base, row->path, NULL);
		return 0;
	}
	r = prop_check(row, text, err);
	if (r < 0)
		return r;
	if (prop_is_size(row)) {
		r = size_parse(text, &size, err);
		if (r == 0)
			node_set_size(base, row->path, size);
		return r;
	}
	if (row->type == T_FLAG) {
		if (text.n)
			(void)!bool_parse(text, &flag, NULL);
		if (flag)
			node_make(base, row->path);
		else
			node_set(base, row->path, NULL);
		return 0;
	}
	copy = xstrndup(text.p, text.n);
	node_set(base, row->path, copy);
	return 0;
}
