/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owner, group, mode and ACL of objects and their files.  Only what somebody set is kept: most objects have no entry at all.
 * ACLs are kept in the form in which the kernel passes them (linux/posix_acl_xattr.h: version 2, then tag, perm, id), little-endian.
 */
#include "access.h"

#include <endian.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "units.h"

#define ACL_VERSION	2
#define ACL_MAX_ENTRIES 512
#define NOGROUP		65534
#define GROUPS_KEPT	61   /* users */
#define GROUPS_MS	2000 /* who was taken out of a group still is in it for this long */

enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

struct ace { /* as the kernel has it, little-endian */
	uint16_t tag, perm;
	uint32_t id;
};

struct key {
	char *name;
	unsigned set; /* ACCESS_UID ... */
	struct rights rights;
	char *acl;
	size_t nacl;
};

struct access {
	struct key *keys;
	size_t n, cap;
};

void (*access_changed_hook)(struct object *o);
void (*access_keepers[OBJ_OTHER + 1])(struct object *o);

/* A part's rights are kept by its domain. */
static const struct object *keeper(const struct object *o)
{
	while (o->kind == OBJ_PART && o->parent)
		o = o->parent;
	return o;
}

static struct key *key_find(const struct object *o, const char *name)
{
	const struct access *a = keeper(o)->access;

	for (size_t i = 0; a && i < a->n; i++)
		if (!strcmp(a->keys[i].name, name))
			return &a->keys[i];
	return NULL;
}

static struct key *key_make(struct object *o, const char *name)
{
	struct key *k = key_find(o, name);
	struct access *a;

	o = (struct object *)keeper(o);
	if (k)
		return k;
	if (!o->access)
		o->access = xcalloc(1, sizeof(*o->access));
	a = o->access;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 4;
		a->keys = xrealloc(a->keys, a->cap * sizeof(*a->keys));
	}
	k = &a->keys[a->n++];
	*k = (struct key){ .name = xstrdup(name) };
	return k;
}

static void changed(struct object *o)
{
	object_changed(o, 1u << FACET_ACCESS);
	if (access_changed_hook)
		access_changed_hook((struct object *)keeper(o));
}

void access_get(const struct object *o, const char *key, mode_t default_mode, struct rights *out)
{
	const struct key *dir = key_find(o, "");
	const struct key *k = key[0] ? key_find(o, key) : dir;

	static uid_t our_uid = -1;
	static gid_t our_gid;

	if (our_uid == (uid_t)-1) { /* asked for each file of each listing */
		our_uid = getuid();
		our_gid = getgid();
	}
	*out = (struct rights){ .uid = our_uid, .gid = our_gid, .mode = default_mode };
	if (o->kind == OBJ_VOLUME) /* one that nobody here made is its pool's owner's */
		access_get(o->parent, "", default_mode, out);
	out->mode = default_mode;
	if (dir && (dir->set & ACCESS_UID))
		out->uid = dir->rights.uid;
	if (dir && (dir->set & ACCESS_GID))
		out->gid = dir->rights.gid;
	if (k && (k->set & ACCESS_UID))
		out->uid = k->rights.uid;
	if (k && (k->set & ACCESS_GID))
		out->gid = k->rights.gid;
	if (k && (k->set & ACCESS_MODE))
		out->mode = k->rights.mode;
}

/* ---- ACLs ---- */

static size_t acl_count(const struct key *k)
{
	return k && k->nacl >= 4 ? (k->nacl - 4) / sizeof(struct ace) : 0;
}

static struct ace acl_entry(const struct key *k, size_t i)
{
	struct ace e;

	memcpy(&e, k->acl + 4 + i * sizeof(e), sizeof(e));
	return (struct ace){ le16toh(e.tag), le16toh(e.perm), le32toh(e.id) };
}

static void acl_set_perm(struct key *k, size_t i, unsigned perm)
{
	uint16_t le = htole16(perm);

	memcpy(k->acl + 4 + i * sizeof(struct ace) + offsetof(struct ace, perm), &le, sizeof(le));
}

/* chmod of a file with an ACL: the group bits are the mask's (man 5 acl). */
static void acl_follow_mode(struct key *k)
{
	mode_t mode = k->rights.mode;
	bool mask = false;

	for (size_t i = 0; i < acl_count(k); i++)
		mask |= acl_entry(k, i).tag == TAG_MASK;
	for (size_t i = 0; i < acl_count(k); i++) {
		switch (acl_entry(k, i).tag) {
		case TAG_USER_OBJ:
			acl_set_perm(k, i, mode >> 6 & 7);
			break;
		case TAG_GROUP_OBJ:
			if (!mask)
				acl_set_perm(k, i, mode >> 3 & 7);
			break;
		case TAG_MASK:
			acl_set_perm(k, i, mode >> 3 & 7);
			break;
		case TAG_OTHER:
			acl_set_perm(k, i, mode & 7);
			break;
		}
	}
}

void access_set(struct object *o, const char *key, mode_t default_mode unused, unsigned mask, const struct rights *r)
{
	struct key *k = key_make(o, key);

	if (mask & ACCESS_UID)
		k->rights.uid = r->uid;
	if (mask & ACCESS_GID)
		k->rights.gid = r->gid;
	if (mask & ACCESS_MODE) {
		k->rights.mode = r->mode & 07777;
		acl_follow_mode(k);
	}
	k->set |= mask;
	changed(o);
}

const void *access_acl(const struct object *o, const char *key, size_t *n)
{
	const struct key *k = key_find(o, key);

	*n = k ? k->nacl : 0;
	return k ? k->acl : NULL;
}

/* The mode that an ACL stands for; *minimal: it says no more than the mode does.  -EINVAL when malformed. */
static int acl_mode(const struct key *acl, mode_t *mode, bool *minimal)
{
	unsigned seen = 0, user = 0, group = 0, mask = 0, other = 0;
	size_t named = 0;

	for (size_t i = 0; i < acl_count(acl); i++) {
		struct ace e = acl_entry(acl, i);

		if (e.perm > 7 || (seen & e.tag & ~(TAG_USER | TAG_GROUP)))
			return -EINVAL;
		seen |= e.tag;
		switch (e.tag) {
		case TAG_USER_OBJ:
			user = e.perm;
			break;
		case TAG_GROUP_OBJ:
			group = e.perm;
			break;
		case TAG_MASK:
			mask = e.perm;
			break;
		case TAG_OTHER:
			other = e.perm;
			break;
		case TAG_USER:
		case TAG_GROUP:
			named++;
			break;
		default:
			return -EINVAL;
		}
	}
	if ((seen & (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER)) != (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER))
		return -EINVAL;
	if (named && !(seen & TAG_MASK))
		return -EINVAL;
	*minimal = !(seen & (TAG_MASK | TAG_USER | TAG_GROUP));
	*mode = user << 6 | (seen & TAG_MASK ? mask : group) << 3 | other;
	return 0;
}

static int acl_put(struct key *k, const void *acl, size_t n, mode_t default_mode, struct error *err)
{
	struct key in = { .acl = (char *)acl, .nacl = n };
	bool minimal = true;
	mode_t mode = 0;
	uint32_t version;
	int r = -EINVAL;

	if (n >= 4 && (n - 4) % sizeof(struct ace) == 0 && acl_count(&in) <= ACL_MAX_ENTRIES) {
		memcpy(&version, acl, sizeof(version));
		r = le32toh(version) == ACL_VERSION ? acl_mode(&in, &mode, &minimal) : -EINVAL;
	}
	if (r < 0)
		return error_set(err, EINVAL, "the access control list is malformed");
	free(take(&k->acl));
	k->nacl = 0;
	if (!minimal) {
		k->acl = xmemdup(acl, n);
		k->nacl = n;
	}
	k->rights.mode = (k->set & ACCESS_MODE ? k->rights.mode : default_mode) & 07000;
	k->rights.mode |= mode;
	k->set |= ACCESS_MODE;
	return 0;
}

int access_set_acl(struct object *o, const char *key, mode_t default_mode, const void *acl, size_t n, struct error *err)
{
	struct key *k = key_find(o, key);
	int r = 0;

	if (n == 0 && !k)
		return 0;
	k = key_make(o, key);
	if (n == 0) {
		free(take(&k->acl));
		k->nacl = 0;
	} else {
		r = acl_put(k, acl, n, default_mode, err);
	}
	if (r == 0)
		changed(o);
	return r;
}

void access_acl_text(const void *acl, size_t n, struct buf *out)
{
	static const struct {
		unsigned tag;
		const char *word;
	} words[] = { { TAG_USER_OBJ, "u:" }, { TAG_USER, "u:" }, { TAG_GROUP_OBJ, "g:" },
		      { TAG_GROUP, "g:" },    { TAG_MASK, "m:" }, { TAG_OTHER, "o:" } };
	const struct key k = { .acl = (char *)acl, .nacl = n };

	for (size_t i = 0; i < acl_count(&k) && i < ACL_MAX_ENTRIES; i++) {
		struct ace e = acl_entry(&k, i);
		for (size_t w = 0; w < ARRAY_SIZE(words); w++)
			if (words[w].tag == e.tag)
				buf_printf(out, "%s%s", i ? "," : "", words[w].word);
		if (e.tag == TAG_USER || e.tag == TAG_GROUP)
			buf_printf(out, "%u", e.id);
		buf_printf(out, ":%c%c%c", e.perm & 4 ? 'r' : '-', e.perm & 2 ? 'w' : '-', e.perm & 1 ? 'x' : '-');
	}
}

/* ---- decisions ---- */

/* What the user database says of a user's groups: asked for each file of a listing, and it may be far away. */
struct groups {
	uid_t uid;
	int64_t at_ms; /* 0: nobody's */
	int n;
	gid_t ids[256];
};

static const struct groups *groups_of(uid_t uid)
{
	static struct groups kept[GROUPS_KEPT];
	struct groups *g = &kept[uid % GROUPS_KEPT];
	struct passwd pw, *found = NULL;
	char text[4096];

	if (g->at_ms && g->uid == uid && now_monotonic_ms() - g->at_ms < GROUPS_MS)
		return g;
	g->uid = uid;
	g->at_ms = now_monotonic_ms();
	g->n = 0;
	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) || !found)
		return g;
	g->n = ARRAY_SIZE(g->ids);
	if (getgrouplist(found->pw_name, found->pw_gid, g->ids, &g->n) < 0)
		g->n = ARRAY_SIZE(g->ids);
	return g;
}

gid_t access_group_of(uid_t uid)
{
	const struct groups *g = groups_of(uid);

	return g->n > 0 ? g->ids[0] : NOGROUP;
}

bool access_in_group(const struct who *who, gid_t gid)
{
	const struct groups *g;

	if (who->gid == gid)
		return true;
	g = groups_of(who->uid);
	for (int i = 0; i < g->n; i++)
		if (g->ids[i] == gid)
			return true;
	return false;
}

/* man 5 acl, "access check algorithm", after owner and named users: any matching group that grants is enough. */
static bool group_may(const struct key *k, const struct rights *r, const struct who *who, unsigned mask, int may,
		      bool *matched)
{
	for (size_t i = 0; i < acl_count(k); i++) {
		struct ace e = acl_entry(k, i);

		if (e.tag != TAG_GROUP_OBJ && e.tag != TAG_GROUP)
			continue;
		if (!access_in_group(who, e.tag == TAG_GROUP ? e.id : r->gid))
			continue;
		*matched = true;
		if ((e.perm & mask & may) == (unsigned)may)
			return true;
	}
	return false;
}

static bool acl_may(const struct key *k, const struct rights *r, const struct who *who, int may)
{
	unsigned mask = 7;
	bool matched = false;

	for (size_t i = 0; i < acl_count(k); i++)
		if (acl_entry(k, i).tag == TAG_MASK)
			mask = acl_entry(k, i).perm;
	for (size_t i = 0; i < acl_count(k); i++) {
		struct ace e = acl_entry(k, i);
		if (e.tag == TAG_USER && e.id == who->uid)
			return (e.perm & mask & may) == (unsigned)may;
	}
	if (group_may(k, r, who, mask, may, &matched))
		return true;
	return !matched && (r->mode & may) == (unsigned)may;
}

bool access_may(const struct object *o, const char *key, mode_t default_mode, const struct who *who, int may)
{
	const struct key *k = key_find(o, key);
	struct rights r;

	if (who->uid == 0)
		return true;
	access_get(o, key, default_mode, &r);
	if (r.uid == who->uid)
		return ((r.mode >> 6) & may) == (unsigned)may;
	if (k && k->nacl)
		return acl_may(k, &r, who, may);
	if (access_in_group(who, r.gid))
		return ((r.mode >> 3) & may) == (unsigned)may;
	return (r.mode & may) == (unsigned)may;
}

bool access_owner(const struct object *o, const struct who *who)
{
	struct rights r;

	access_get(o, "", 0755, &r);
	return who->uid == 0 || who->uid == r.uid;
}

/* ---- as text ---- */

void access_print(const struct object *o, struct buf *out)
{
	const struct access *a = o->access;

	for (size_t i = 0; a && i < a->n; i++) {
		const struct key *k = &a->keys[i];

		buf_percent(out, k->name[0] ? k->name : ".");
		if (k->set & ACCESS_UID)
			buf_printf(out, " %u", (unsigned)k->rights.uid);
		else
			buf_puts(out, " -");
		if (k->set & ACCESS_GID)
			buf_printf(out, " %u", (unsigned)k->rights.gid);
		else
			buf_puts(out, " -");
		if (k->set & ACCESS_MODE)
			buf_printf(out, " %o ", (unsigned)k->rights.mode);
		else
			buf_puts(out, " - ");
		for (size_t b = 0; b < k->nacl; b++)
			buf_printf(out, "%02x", (unsigned char)k->acl[b]);
		buf_puts(out, k->nacl ? "\n" : "-\n");
	}
}

static struct str next_word(struct str *line)
{
	struct str word = { line->p, 0 };

	while (word.n < line->n && word.p[word.n] != ' ')
		word.n++;
	line->p += word.n;
	line->n -= word.n;
	if (line->n) {
		line->p++;
		line->n--;
	}
	return word;
}

static bool parse_number(struct str word, int base, unsigned *out)
{
	autofree char *text = xstrndup(word.p, word.n);
	char *end;

	*out = strtoul(text, &end, base);
	return word.n && !*end;
}

static bool parse_acl(struct key *k, struct str hex)
{
	autofree char *bytes = xmalloc(hex.n / 2 + 1);

	for (size_t i = 0; i < hex.n / 2; i++) {
		unsigned b;

		if (!parse_number((struct str){ hex.p + 2 * i, 2 }, 16, &b))
			return false;
		bytes[i] = b;
	}
	return hex.n % 2 == 0 && acl_put(k, bytes, hex.n / 2, 0, NULL) == 0;
}

int access_parse_line(struct object *o, struct str line, struct error *err)
{
	struct str all = line, word = next_word(&line);
	autofree char *name = percent_decode(word);
	struct key *k;
	unsigned v;

	if (!name || !word.n)
		goto bad;
	k = key_make(o, strcmp(name, ".") ? name : "");
	word = next_word(&line);
	if (parse_number(word, 10, &v)) {
		k->rights.uid = v;
		k->set |= ACCESS_UID;
	}
	word = next_word(&line);
	if (parse_number(word, 10, &v)) {
		k->rights.gid = v;
		k->set |= ACCESS_GID;
	}
	word = next_word(&line);
	if (parse_number(word, 8, &v)) {
		k->rights.mode = v & 07777;
		k->set |= ACCESS_MODE;
	}
	word = next_word(&line);
	if (!word.n || (!str_is(word, "-") && !parse_acl(k, word)))
		goto bad;
	return 0;
bad:
	return error_set(err, EINVAL, "the line '%.*s' is not KEY UID GID MODE ACL", (int)all.n, all.p);
}

void access_sweep(struct object *o, bool (*keep)(void *arg, const char *key), void *arg)
{
	struct access *a = ((struct object *)keeper(o))->access;
	size_t n = a ? a->n : 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct key *k = &a->keys[i];

		if (keep(arg, k->name)) {
			a->keys[kept++] = *k;
			continue;
		}
		free(k->name);
		free(k->acl);
	}
	if (kept == n)
		return;
	a->n = kept;
	changed(o);
}

void access_free(struct access *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->keys[i].name);
		free(a->keys[i].acl);
	}
	free(a->keys);
	free(a);
}
