/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command lines of open-iscsi's iscsiadm, what it says, and the one file of its that is written here: it takes a password only as an
 * argument, which everybody can read in /proc, so that is put into the record of the node (mode 0600) directly.
 */
#include <ctype.h>
#include <stdio.h>

#include "iscsi.h"

#define ARGS_MOST 16

/* What stands for the portal's parts in a command line. */
#define TARGET	  "\1"
#define PORTAL	  "\2"
#define IFACE	  "\3"
#define INITIATOR "\4"
#define SID	  "\5"

#define NODE "--targetname", TARGET, "--portal", PORTAL, "--interface", IFACE

static const char *const steps[ISCSI_STEPS][ARGS_MOST] = {
	[ISCSI_DISCOVER] = { "--mode", "discovery", "--type", "sendtargets", "--portal", PORTAL, "--op",
			     "nonpersistent" },
	[ISCSI_IFACE_NEW] = { "--mode", "iface", "--interface", IFACE, "--op", "new" },
	[ISCSI_IFACE_NAME] = { "--mode", "iface", "--interface", IFACE, "--op", "update", "--name",
			       "iface.initiatorname", "--value", INITIATOR },
	[ISCSI_IFACE_DELETE] = { "--mode", "iface", "--interface", IFACE, "--op", "delete" },
	[ISCSI_NODE_NEW] = { "--mode", "node", NODE, "--op", "new" },
	[ISCSI_LOGIN] = { "--mode", "node", NODE, "--login" },
	[ISCSI_NODE_DELETE] = { "--mode", "node", NODE, "--op", "delete" },
	[ISCSI_LOGOUT] = { "--mode", "session", "--sid", SID, "--logout" },
};

char **iscsi_argv(enum iscsi_step step, const struct iscsi_portal *p, const char *iface, int sid)
{
	char **argv = xcalloc(ARGS_MOST + 2, sizeof(*argv));
	int n = 0;

	argv[n++] = xstrdup("iscsiadm");
	for (const char *const *a = steps[step]; *a; a++)
		argv[n++] = !strcmp(*a, TARGET)	     ? xstrdup(p->iqn)
			    : !strcmp(*a, PORTAL)    ? iscsi_portal_text(p)
			    : !strcmp(*a, IFACE)     ? xstrdup(iface)
			    : !strcmp(*a, INITIATOR) ? xstrdup(p->initiator)
			    : !strcmp(*a, SID)	     ? xasprintf("%d", sid)
						     : xstrdup(*a);
	return argv;
}

/* ---- what it says ---- */

static bool next_line(struct str *text, struct str *line)
{
	const char *nl = memchr(text->p, '\n', text->n);
	size_t n = nl ? (size_t)(nl - text->p) : text->n;

	if (!text->n)
		return false;
	*line = str_trim((struct str){ text->p, n });
	text->p += n + !!nl;
	text->n -= n + !!nl;
	return true;
}

void iscsi_targets_parse(struct str text, const struct iscsi_portal *p, struct node *sources)
{
	struct str line;

	while (next_line(&text, &line)) {
		const char *blank = memchr(line.p, ' ', line.n);
		struct str name;
		autofree char *iqn = NULL;

		if (!blank)
			continue;
		name = str_trim((struct str){ blank, (size_t)(line.p + line.n - blank) });
		iqn = xstrndup(name.p, name.n);
		if (str_is_text(name) && strlen(iqn) == name.n)
			iscsi_source_add(sources, p, iqn);
	}
}

char *iscsi_reason(struct str words)
{
	static const char mark[] = "reported error (";
	struct str line;

	while (next_line(&words, &line)) {
		const char *at = memmem(line.p, line.n, mark, sizeof(mark) - 1), *end = line.p + line.n, *dash;

		if (!at)
			continue;
		at += sizeof(mark) - 1;
		dash = memmem(at, (size_t)(end - at), " - ", 3);
		if (dash && end[-1] == ')')
			return xstrndup(dash + 3, (size_t)(end - 1 - (dash + 3)));
	}
	return NULL;
}

/* ---- the record of a node ---- */

static bool line_is(struct str line, const char *name)
{
	size_t n = strlen(name);

	return line.n > n && !memcmp(line.p, name, n) && (line.p[n] == ' ' || line.p[n] == '=');
}

bool iscsi_record_is_of(struct str record, const char *iface)
{
	struct str line;

	while (next_line(&record, &line)) {
		const char *eq = memchr(line.p, '=', line.n);

		if (line_is(line, "iface.iscsi_ifacename") && eq)
			return str_is(str_trim((struct str){ eq + 1, (size_t)(line.p + line.n - eq - 1) }), iface);
	}
	return false;
}

/* One line of the file; blanks at its ends would be lost there. */
static int check_value(const char *what, struct str s, struct error *err)
{
	if (!s.n || s.n > 255)
		return error_set(err, EINVAL, "%s has %zu bytes: CHAP takes 1 to 255", what, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (iscntrl((unsigned char)s.p[i]))
			return error_set(
				err, EINVAL,
				"%s has a control character, which open-iscsi cannot store: was it written with "
				"a newline at its end?",
				what);
	if (str_trim(s).n != s.n)
		return error_set(err, EINVAL, "%s begins or ends with a blank, which open-iscsi cannot store", what);
	return 0;
}

static const char *const ours[] = { "node.startup", "node.conn[0].startup", "node.session.initial_login_retry_max",
				    "node.conn[0].timeo.login_timeout", NULL };
static const char *const chap[] = { "node.session.auth.authmethod", "node.session.auth.username",
				    "node.session.auth.password", NULL };

static bool line_in(struct str line, const char *const *names)
{
	for (; *names; names++)
		if (line_is(line, *names))
			return true;
	return false;
}

int iscsi_record(struct str record, const char *user, struct str password, struct buf *out, struct error *err)
{
	static const char end[] = "# END RECORD";
	struct str line;

	if (user && (check_value("source/auth/@username", str_of(user), err) < 0 ||
		     check_value("the secret's value", password, err) < 0))
		return -EINVAL;
	while (next_line(&record, &line) && (line.n < sizeof(end) - 1 || memcmp(line.p, end, sizeof(end) - 1) != 0)) {
		if (line_in(line, ours) || (user && line_in(line, chap)))
			continue;
		buf_add(out, line.p, line.n);
		buf_putc(out, '\n');
	}
	/* 3 x 15 s: the login ends with a reason before our patience does */
	buf_puts(out, "node.startup = manual\nnode.conn[0].startup = manual\n"
		      "node.session.initial_login_retry_max = 2\nnode.conn[0].timeo.login_timeout = 15\n");
	if (user) {
		buf_printf(out,
			   "node.session.auth.authmethod = CHAP\nnode.session.auth.username = %s\n"
			   "node.session.auth.password = ",
			   user);
		buf_add(out, password.p, password.n);
		buf_putc(out, '\n');
	}
	buf_printf(out, "%s\n", end);
	return 0;
}
