/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which SCSI host a definition means: by name, by where its PCI device sits (which stays the same over reboots), or by the world wide names of a
 * Fibre Channel port, which may be a virtual one that is made for the pool.
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/units.h"
#include "scsi.h"

#define WWN_DIGITS 16

void adapter_clear(struct adapter *a)
{
	free(a->name);
	free(a->address);
	free(a->wwnn);
	free(a->wwpn);
	free(a->parent);
	free(a->parent_wwnn);
	free(a->parent_wwpn);
	free(a->parent_fabric_wwn);
	*a = (struct adapter){ 0 };
}

/* "host3", "scsi_host3", "fc_host3": 3; -1. */
static int host_number(const char *name)
{
	const char *p = str_starts(name, "scsi_host") ? name + 9
			: str_starts(name, "fc_host") ? name + 7
			: str_starts(name, "host")    ? name + 4
						      : NULL;
	uint64_t n;

	if (!p || !isdigit((unsigned char)*p) || u64_parse(str_of(p), 0, INT_MAX, &n, NULL) < 0)
		return -1;
	return (int)n;
}

/* ---- the definition ---- */

static int wwn_of(const struct node *n, const char *attr, bool needed, char **out, struct error *err)
{
	const char *text = node_get(n, attr);
	const char *digits = text && str_starts(text, "0x") ? text + 2 : text;

	if (!text)
		return needed ? error_set(err, EINVAL, "source/adapter: %s is missing: 16 hexadecimal digits", attr + 1)
			      : 0;
	if (strlen(digits) != WWN_DIGITS || strspn(digits, "0123456789abcdefABCDEF") != WWN_DIGITS)
		return error_set(err, EINVAL, "source/adapter: %s '%s' is not a world wide name: 16 hexadecimal digits",
				 attr + 1, text);
	*out = xstrdup(digits);
	for (char *c = *out; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int fc_of(const struct node *n, struct adapter *a, struct error *err)
{
	int r = wwn_of(n, "@wwnn", true, &a->wwnn, err);

	if (r == 0)
		r = wwn_of(n, "@wwpn", true, &a->wwpn, err);
	if (r == 0)
		r = wwn_of(n, "@parent_wwnn", false, &a->parent_wwnn, err);
	if (r == 0)
		r = wwn_of(n, "@parent_wwpn", false, &a->parent_wwpn, err);
	if (r == 0)
		r = wwn_of(n, "@parent_fabric_wwn", false, &a->parent_fabric_wwn, err);
	if (r < 0)
		return r;
	if (!a->parent_wwnn != !a->parent_wwpn)
		return error_set(err, EINVAL,
				 "source/adapter: parent_wwnn and parent_wwpn belong together, one is missing");
	a->parent = xstrdup(node_get(n, "@parent"));
	if (a->parent && host_number(a->parent) < 0)
		return error_set(err, EINVAL,
				 "source/adapter: the parent '%s' is not the name of a host, such as scsi_host5",
				 a->parent);
	a->keep = node_is(n, "@managed", "no");
	return 0;
}

static int number_of(const struct node *n, const char *attr, uint64_t max, unsigned *out, struct error *err)
{
	uint64_t v = 0;
	const char *text = node_get(n, attr);

	if (text && u64_parse(str_of(text), 0, max, &v, err) < 0)
		return error_in(err, -EINVAL, "source/adapter/parentaddr: %s", attr);
	*out = (unsigned)v;
	return 0;
}

static int address_of(const struct node *n, struct adapter *a, struct error *err)
{
	const struct node *at = node_child(n, "address");
	unsigned domain = 0, bus = 0, slot = 0, function = 0;
	int r = 0;

	if (!at || !node_has(n, "@unique_id"))
		return error_set(err, EINVAL,
				 "source/adapter/parentaddr needs <address> of the PCI device and unique_id, as in "
				 "/sys/class/scsi_host/hostN/unique_id");
	r = number_of(n, "@unique_id", UINT_MAX, &a->unique, err);
	if (r == 0)
		r = number_of(at, "@domain", 0xffff, &domain, err);
	if (r == 0)
		r = number_of(at, "@bus", 0xff, &bus, err);
	if (r == 0)
		r = number_of(at, "@slot", 0x1f, &slot, err);
	if (r == 0)
		r = number_of(at, "@function", 7, &function, err);
	if (r == 0)
		a->address = xasprintf("%04x:%02x:%02x.%x", domain, bus, slot, function);
	return r;
}

int adapter_of(const struct node *pool, struct adapter *a, struct error *err)
{
	const struct node *n = node_first(pool, "source/adapter"), *at = node_child(n, "parentaddr");
	const char *name = node_get(n, "@name");
	const char *type = node_get_or(n, "@type", node_has(n, "@wwnn") ? "fc_host" : "scsi_host");

	*a = (struct adapter){ 0 };
	if (!n)
		return error_set(err, EINVAL,
				 "source/adapter is missing: a pool of type scsi is that of a host, such as host3");
	if (str_eq(type, "fc_host"))
		return fc_of(n, a, err);
	if (!str_eq(type, "scsi_host"))
		return error_set(err, EINVAL, "source/adapter: type '%s': expected scsi_host or fc_host", type);
	if (name && at)
		return error_set(err, EINVAL, "source/adapter has both a name and a parentaddr: leave one out");
	if (at)
		return address_of(at, a, err);
	if (!name || host_number(name) < 0)
		return error_set(err, EINVAL, "source/adapter: the name '%s' is not that of a host, such as host3",
				 name ? name : "");
	a->name = xstrdup(name);
	return 0;
}

void adapter_show(const struct adapter *a, struct buf *out)
{
	if (a->wwnn)
		buf_printf(out, "%s:%s", a->wwnn, a->wwpn);
	else if (a->address)
		buf_printf(out, "%s %u", a->address, a->unique);
	else if (a->name)
		buf_printf(out, "host%d", host_number(a->name));
}

/* ---- the host ---- */

/* Calls FN for each host of a class until it says yes; the host's number, or -ENODEV. */
static int find_host(const char *sys, const char *class, const struct adapter *a,
		     bool (*fn)(const char *dir, const struct adapter *a))
{
	autofree char *dir = xasprintf("%s/class/%s", sys, class);
	struct vec names = { 0 };
	int found = -ENODEV;

	if (sys_names(dir, "host", &names) < 0)
		return -ENODEV;
	for (size_t i = 0; i < names.n && found < 0; i++) {
		autofree char *host = xasprintf("%s/%s", dir, (char *)names.at[i]);

		if (host_number(names.at[i]) >= 0 && fn(host, a))
			found = host_number(names.at[i]);
	}
	vec_clear(&names, free);
	return found;
}

static bool is_pci(const char *s)
{
	static const char form[] = "xxxx:xx:xx.x";

	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return true;
}

/* The last PCI device on the way to the host is the one that it belongs to, those before it are bridges. */
static bool by_address(const char *dir, const struct adapter *a)
{
	autofree char *unique = sys_text(dir, "unique_id");
	char to[PATH_MAX];
	ssize_t n = readlink(dir, to, sizeof(to) - 1);
	const char *last = NULL;

	if (n <= 0 || !unique || strtoul(unique, NULL, 10) != a->unique)
		return false;
	to[n] = 0;
	for (const char *c = to; c; c = strchr(c, '/')) {
		c += *c == '/';
		if (is_pci(c))
			last = c;
	}
	return last && !strncasecmp(last, a->address, strlen(a->address));
}

static bool wwn_is(const char *dir, const char *attr, const char *wwn)
{
	autofree char *text = sys_text(dir, attr);

	return text && !strcasecmp(str_starts(text, "0x") ? text + 2 : text, wwn);
}

static bool by_wwn(const char *dir, const struct adapter *a)
{
	return wwn_is(dir, "node_name", a->wwnn) && wwn_is(dir, "port_name", a->wwpn);
}

int adapter_host(const char *sys, const struct adapter *a, struct error *err)
{
	int host = a->wwnn	? find_host(sys, "fc_host", a, by_wwn)
		   : a->address ? find_host(sys, "scsi_host", a, by_address)
				: host_number(a->name);
	autobuf struct buf what = { 0 };

	if (host >= 0 && scsi_host_there(sys, host))
		return host;
	adapter_show(a, &what);
	return error_set(err, ENODEV, "there is no SCSI host '%s': ls %s/class/scsi_host lists those there are",
			 buf_text(&what), sys);
}

/* ---- virtual ports ---- */

static bool by_parent_wwn(const char *dir, const struct adapter *a)
{
	return wwn_is(dir, "node_name", a->parent_wwnn) && wwn_is(dir, "port_name", a->parent_wwpn);
}

static bool can_have_more(const char *dir, const struct adapter *a)
{
	autofree char *state = sys_text(dir, "port_state");
	autofree char *max = sys_text(dir, "max_npiv_vports"), *now = sys_text(dir, "npiv_vports_inuse");

	if (a->parent_fabric_wwn && !wwn_is(dir, "fabric_name", a->parent_fabric_wwn))
		return false;
	return max && now && (!state || str_eq(state, "Online")) && strtoul(now, NULL, 10) < strtoul(max, NULL, 10);
}

static int parent_of(const char *sys, const struct adapter *a, struct error *err)
{
	int host = a->parent	    ? host_number(a->parent)
		   : a->parent_wwnn ? find_host(sys, "fc_host", a, by_parent_wwn)
				    : find_host(sys, "fc_host", a, can_have_more);

	if (host >= 0 && scsi_host_there(sys, host))
		return host;
	if (a->parent || a->parent_wwnn)
		return error_set(err, ENODEV, "there is no host '%s' to make the virtual port %s:%s on",
				 a->parent ? a->parent : a->parent_wwpn, a->wwnn, a->wwpn);
	return error_set(err, ENODEV, "no Fibre Channel host%s can have another virtual port for %s:%s",
			 a->parent_fabric_wwn ? " of that fabric" : "", a->wwnn, a->wwpn);
}

/* Some drivers have it at the host, most at its Fibre Channel side. */
static int tell(const char *sys, const struct adapter *a, const char *file, struct error *err)
{
	autofree char *names = xasprintf("%s:%s", a->wwpn, a->wwnn), *fc = NULL, *scsi = NULL, *probe = NULL;
	int host = parent_of(sys, a, err);

	if (host < 0)
		return host;
	fc = xasprintf("%s/class/fc_host/host%d", sys, host);
	scsi = xasprintf("%s/class/scsi_host/host%d", sys, host);
	probe = xasprintf("%s/%s", fc, file);
	return sys_write(access(probe, F_OK) == 0 ? fc : scsi, file, names, err);
}

int vport_make(const char *sys, const struct adapter *a, struct error *err)
{
	return tell(sys, a, "vport_create", err);
}

/* Its parent is the host below which it is. */
int vport_remove(const char *sys, const struct adapter *a, struct error *err)
{
	int host = adapter_host(sys, a, err);
	autofree char *dir = NULL;
	char to[PATH_MAX];
	const char *at;
	ssize_t n;

	if (host < 0)
		return host;
	dir = xasprintf("%s/class/fc_host/host%d", sys, host);
	n = readlink(dir, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = 0;
	at = strstr(to, "/host");
	if (at && isdigit((unsigned char)at[5]) && strtol(at + 5, NULL, 10) != host) {
		autofree char *name = xasprintf("host%ld", strtol(at + 5, NULL, 10));
		struct adapter below = *a;

		below.parent = name;
		return tell(sys, &below, "vport_delete", err);
	}
	return error_set(err, EINVAL, "host%d is no virtual port: it stays", host);
}
