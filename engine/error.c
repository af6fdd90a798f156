/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors as values: see error.h.  Keeps every text on one line, whatever a library or a user put in. */
#include "error.h"

#include <stdio.h>

void error_clear(struct error *err)
{
	if (!err)
		return;
	free(err->text);
	*err = (struct error){ 0 };
}

static char *one_line(char *text)
{
	size_t n = strlen(text);

	while (n && ((unsigned char)text[n - 1] <= ' '))
		text[--n] = '\0';
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return text;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (code <= 0)
		code = EIO; /* a caller without an errno: never a failure that looks like success */
	if (!err)
		return -code;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap); /* before the old text goes: it may be an argument */
	va_end(ap);
	free(err->text);
	err->code = code;
	err->text = one_line(text);
	return -code;
}

int error_in(struct error *err, int r, const char *fmt, ...)
{
	va_list ap;
	char *prefix, *text;

	if (r >= 0 || !err || !err->text)
		return r;
	va_start(ap, fmt);
	prefix = xvasprintf(fmt, ap);
	va_end(ap);
	text = xasprintf("%s: %s", prefix, err->text);
	free(prefix);
	free(err->text);
	err->text = one_line(text);
	return r;
}

void error_move(struct error *to, struct error *from)
{
	if (to == from)
		return;
	error_clear(to);
	if (to && from) {
		*to = *from;
		*from = (struct error){ 0 };
	}
	error_clear(from);
}

const char *error_text(const struct error *err)
{
	if (!err)
		return "unknown error";
	return err->text ? err->text : strerror(err->code);
}
