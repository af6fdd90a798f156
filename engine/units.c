/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, numbers, booleans, times, uuids and MAC addresses as text.  Arithmetic is exact. */
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#define SIZE_MOST	((uint64_t)INT64_MAX)
#define FRACTION_DIGITS 18 /* 10^18 < 2^60: a fraction times an exbibyte fits 128 bits */

/* How much of a user's text a message repeats. */
#define SHOWN(s) (int)((s).n < 80 ? (s).n : 80), (s).p

struct decimal {
	uint64_t whole, part, scale; /* whole + part/scale */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes an unsigned decimal off the start of *S: 0, -EINVAL when there is none, -ERANGE. */
static int decimal_take(struct str *s, struct decimal *d)
{
	size_t i = 0;

	*d = (struct decimal){ .scale = 1 };
	for (; i < s->n && is_digit(s->p[i]); i++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, (uint64_t)(s->p[i] - '0'), &d->whole))
			return -ERANGE;
	if (!i)
		return -EINVAL;
	if (i + 1 < s->n && s->p[i] == '.' && is_digit(s->p[i + 1])) {
		i++;
		for (int n = 0; i < s->n && is_digit(s->p[i]); i++, n++) {
			if (n >= FRACTION_DIGITS)
				continue; /* far below one byte */
			d->part = d->part * 10 + (uint64_t)(s->p[i] - '0');
			d->scale *= 10;
		}
	}
	s->p += i;
	s->n -= i;
	return 0;
}

static bool same_word(struct str s, const char *word)
{
	return s.n == strlen(word) && !strncasecmp(s.p, word, s.n);
}

/* What one UNIT is in bytes, 0 when there is no such unit.  The same words as libvirt. */
static uint64_t unit_bytes(struct str unit)
{
	static const char letters[] = "kmgtpe";
	const char *letter;
	uint64_t base, bytes = 1;

	if (!unit.n || same_word(unit, "b") || same_word(unit, "byte") || same_word(unit, "bytes"))
		return 1;
	letter = memchr(letters, unit.p[0] | 0x20, sizeof(letters) - 1);
	if (!letter)
		return 0;
	unit.p++;
	unit.n--;
	if (!unit.n || same_word(unit, "ib"))
		base = 1024;
	else if (same_word(unit, "b"))
		base = 1000;
	else
		return 0;
	for (const char *l = letters; l <= letter; l++)
		bytes *= base;
	return bytes;
}

static int scale(const struct decimal *d, uint64_t unit, uint64_t *bytes)
{
	unsigned __int128 sum = (unsigned __int128)d->whole * unit + (unsigned __int128)d->part * unit / d->scale;

	if (sum > SIZE_MOST)
		return -ERANGE;
	*bytes = (uint64_t)sum;
	return 0;
}

static int too_big(struct str text, struct error *err)
{
	return error_set(err, ERANGE, "'%.*s' is too big: sizes end at %" PRIu64 " bytes", SHOWN(text), SIZE_MOST);
}

int size_parse(struct str text, uint64_t *bytes, struct error *err)
{
	struct str rest;
	struct decimal d;
	uint64_t unit;
	int r;

	text = str_trim(text);
	rest = text;
	r = decimal_take(&rest, &d);
	if (r == -ERANGE)
		return too_big(text, err);
	unit = r < 0 ? 0 : unit_bytes(str_trim(rest));
	if (!unit || (unit == 1 && d.part))
		return error_set(err, EINVAL,
				 "'%.*s' is not a size: write bytes, or a number with "
				 "K, M, G, T (1024) or KB, MB, GB (1000)",
				 SHOWN(text));
	return scale(&d, unit, bytes) < 0 ? too_big(text, err) : 0;
}

int size_parse_unit(struct str value, const char *unit, const char *deflt, uint64_t *bytes, struct error *err)
{
	struct str rest, word = str_trim(str_of(unit ? unit : deflt));
	struct decimal d;
	uint64_t one = unit_bytes(word);
	int r;

	if (!one)
		return error_set(err, EINVAL,
				 "'%.*s' is not a unit: expected one of bytes KB KiB MB MiB GB GiB "
				 "TB TiB PB PiB EB EiB",
				 SHOWN(word));
	value = str_trim(value);
	rest = value;
	r = decimal_take(&rest, &d);
	if (r == -ERANGE)
		return too_big(value, err);
	if (r < 0 || rest.n || (one == 1 && d.part))
		return error_set(err, EINVAL, "'%.*s' is not a number of %.*s", SHOWN(value), SHOWN(word));
	return scale(&d, one, bytes) < 0 ? too_big(value, err) : 0;
}

static int nibble(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int u64_parse(struct str text, uint64_t min, uint64_t max, uint64_t *value, struct error *err)
{
	struct str s = str_trim(text), digits = s;
	bool hex = s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x';
	bool over = false;
	uint64_t v = 0;

	if (hex)
		digits = (struct str){ s.p + 2, s.n - 2 };
	for (size_t i = 0; i < digits.n; i++) {
		int n = hex || is_digit(digits.p[i]) ? nibble(digits.p[i]) : -1;

		if (n < 0)
			digits.n = 0; /* ends the loop too */
		over |= __builtin_mul_overflow(v, hex ? 16u : 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(n < 0 ? 0 : n), &v);
	}
	if (!digits.n)
		return error_set(err, EINVAL, "'%.*s' is not a whole number", SHOWN(s));
	if (over || v < min || v > max)
		return error_set(err, ERANGE, "'%.*s' is out of range: expected %" PRIu64 " to %" PRIu64, SHOWN(s), min,
				 max);
	*value = v;
	return 0;
}

int bool_parse(struct str text, bool *value, struct error *err)
{
	static const char *const words[] = { "0", "no", "off", "false", "1", "yes", "on", "true" };
	struct str s = str_trim(text);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (same_word(s, words[i])) {
			*value = i >= ARRAY_SIZE(words) / 2;
			return 0;
		}
	}
	return error_set(err, EINVAL, "'%.*s' is not a switch: expected 0 or 1 (also no yes off on)", SHOWN(s));
}

void time_iso8601(struct buf *out, int64_t realtime_ns)
{
	int64_t s = realtime_ns / 1000000000, ns = realtime_ns % 1000000000;
	time_t t;
	struct tm tm;

	if (ns < 0) {
		ns += 1000000000;
		s--;
	}
	t = (time_t)s;
	gmtime_r(&t, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		   tm.tm_min, tm.tm_sec, (int)(ns / 1000));
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t now_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t now_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t now_monotonic_ms(void)
{
	return now_monotonic_ns() / 1000000;
}

static void random_bytes(uint8_t *p, size_t n)
{
	if (getrandom(p, n, 0) != (ssize_t)n) /* never short below 256 bytes */
		abort();
}

static void uuid_format(const uint8_t b[16], char out[UUID_TEXT])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[b[i] >> 4];
		*out++ = hex[b[i] & 15];
	}
	*out = '\0';
}

void uuid_random(char out[UUID_TEXT])
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40; /* RFC 4122: version 4, variant 1 */
	b[8] = (b[8] & 0x3f) | 0x80;
	uuid_format(b, out);
}

int uuid_parse(struct str text, char out[UUID_TEXT], struct error *err)
{
	struct str s = str_trim(text);
	uint8_t b[16];
	size_t i = 0, n = 0;

	/* libvirt takes dashes and blanks between any two bytes */
	while (n < 16 && i < s.n) {
		int hi, lo;

		if (s.p[i] == '-' || s.p[i] == ' ') {
			i++;
			continue;
		}
		hi = nibble(s.p[i]);
		lo = i + 1 < s.n ? nibble(s.p[i + 1]) : -1;
		if (hi < 0 || lo < 0)
			break;
		b[n++] = (uint8_t)(hi << 4 | lo);
		i += 2;
	}
	if (n < 16 || i < s.n)
		return error_set(err, EINVAL,
				 "'%.*s' is not a uuid: expected 32 hexadecimal digits, as in "
				 "c7a5fdbd-cdaf-9455-926a-d65c16db1809",
				 SHOWN(s));
	uuid_format(b, out);
	return 0;
}

bool mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t b[6];

	for (int i = 0; i < 6; i++) {
		int n = 0, v = 0;

		if (i && *text++ != ':')
			return false;
		for (; n < 2 && nibble(*text) >= 0; n++)
			v = v << 4 | nibble(*text++);
		if (!n)
			return false;
		b[i] = (uint8_t)v;
	}
	if (*text)
		return false;
	memcpy(mac, b, 6);
	return true;
}

void mac_random(char out[18])
{
	uint8_t b[3];

	random_bytes(b, sizeof(b));
	snprintf(out, 18, "52:54:00:%02x:%02x:%02x", b[0], b[1], b[2]);
}
