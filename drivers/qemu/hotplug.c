/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plugging and unplugging: a device's plan sent over QMP, item by item, and the same plan in reverse when the guest has let go
 * of the device (DEVICE_DELETED) or when a step fails.
 */
#include "disk.h"
#include "files.h"
#include "launch.h"
#include "live.h"
#include "storage.h"
#include "volume.h"

/* How long `detach` waits for the guest: an ACPI unplug takes a second or two in a guest that is up; one that is still
 * booting does not answer at all. */
#define UNPLUG_WAIT_MS 15000

struct unplug {
	const char *alias;
	enum { UNPLUG_WAITS, UNPLUG_DONE, UNPLUG_REFUSED, UNPLUG_ENDED } state;
	struct waitq q;
	TAILQ_ENTRY(unplug) link;
};

static const struct {
	const char *add, *del, *id; /* the key that names it when it is removed */
} verbs[] = {
	[ITEM_OBJECT] = { "object-add", "object-del", "id" },
	[ITEM_BLOCKDEV] = { "blockdev-add", "blockdev-del", "node-name" },
	[ITEM_CHARDEV] = { "chardev-add", "chardev-remove", "id" },
	[ITEM_NETDEV] = { "netdev_add", "netdev_del", "id" },
	[ITEM_DEVICE] = { "device_add", "device_del", "id" },
};

static bool pluggable(const struct plan_item *it)
{
	return it->kind < ARRAY_SIZE(verbs) && verbs[it->kind].add;
}

static int add_item(struct domain *d, const struct plan_item *it, struct error *err)
{
	if (!pluggable(it))
		return error_set(err, ENOTSUP,
				 "this needs '%s', which QEMU takes on its command line only: change it while the "
				 "guest is off",
				 it->option ? it->option : "an option");
	return qmp_call(d, verbs[it->kind].add, json_deep_copy(it->props), NULL, err);
}

static void del_item(struct domain *d, const struct plan_item *it)
{
	const char *id;

	if (!pluggable(it))
		return;
	id = json_string_value(json_object_get(it->props, verbs[it->kind].id));
	if (id)
		(void)!qmp_call(d, verbs[it->kind].del, json_pack("{s:s}", verbs[it->kind].id, id), NULL, NULL);
}

/* Items [0, n) in reverse, the device itself excepted: it is gone already or never came. */
static void undo_items(struct domain *d, struct plan *p, size_t n)
{
	while (n-- > 0) {
		const struct plan_item *it = p->items.at[n];
		if (it->kind != ITEM_DEVICE)
			del_item(d, it);
	}
}

int qemu_plan_apply(struct domain *d, struct plan *p, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	int r;

	if (!vm)
		return error_set(err, ENOTCONN, "the guest does not run");
	r = files_open(vm, p, err);
	if (r == 0)
		r = files_claim(vm, p, err);
	if (r == 0)
		r = files_send(vm, p, err);
	for (size_t i = 0; r == 0 && i < p->items.n; i++) {
		r = add_item(d, p->items.at[i], err);
		if (r == 0)
			r = fault_point("plug:qemu-item", err);
		if (r == 0)
			continue;
		task_shield(1);
		/* a device that was added before the failing item: a second function, say */
		for (size_t k = i; k-- > 0;)
			if (((struct plan_item *)p->items.at[k])->kind == ITEM_DEVICE)
				del_item(d, p->items.at[k]);
		undo_items(d, p, i + 1);
		task_shield(-1);
	}
	if (r < 0) {
		files_forget(vm, p);
		files_unclaim(d, p);
	}
	files_close(p);
	return r;
}

void qemu_plan_undo(struct domain *d, struct plan *p)
{
	struct vm *vm = vm_of(d);

	undo_items(d, p, p->items.n);
	if (vm)
		files_forget(vm, p);
	files_unclaim(d, p);
}

struct plan *qemu_plan_live(struct vm *vm, bool undo, struct error *err)
{
	struct node *root = domain_live(vm->d);
	const struct qemu_caps *caps =
		qemu_caps_get(node_get(root, "os/type/@arch"), node_get(root, "devices/emulator"), err);
	autofree char *dir = vm_guest_dir(vm->d);
	struct plan *p;

	if (!caps)
		return NULL;
	p = plan_new(root, caps, dir, false);
	p->hotplug = true;
	p->undo = undo;
	p->next_file = vm->next_file;
	domain_owner(vm->d, &p->owner.uid, &p->owner.gid);
	return p;
}

static struct plan *plan_of(struct vm *vm, const struct node *dev, struct error *err)
{
	autoplan struct plan *p = qemu_plan_live(vm, false, err);

	return p && qemu_plan_device(p, dev, err) == 0 ? take(&p) : NULL;
}

/* Of a device that the guest has. */
static struct plan *undo_plan_of(struct vm *vm, const struct node *dev, struct error *err)
{
	autodoc struct doc *opened = str_eq(node_name(dev), "disk") ? qemu_disk_opened(vm->d, dev) : NULL;
	autoplan struct plan *p = qemu_plan_live(vm, true, err);

	return p && qemu_plan_device(p, opened ? doc_root(opened) : dev, err) == 0 ? take(&p) : NULL;
}

static void forget_disk(struct domain *d, const struct node *dev)
{
	if (str_eq(node_name(dev), "disk"))
		qemu_disk_keep(d, dev, NULL);
}

/* What cannot be started cannot be plugged either. */
static int prepare_disk(struct domain *d, struct node *dev, struct doc **opened, struct error *err)
{
	int r = qemu_disk_refusal(dev, err);

	return r < 0 ? r : qemu_disk_prepare(d, dev, opened, err);
}

int qemu_attach(struct domain *d, struct node *dev, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	bool disk = str_eq(node_name(dev), "disk");
	autodoc struct doc *opened = NULL;
	autoplan struct plan *p = NULL;
	int r;

	if (!vm)
		return error_set(err, ENOTCONN, "the guest does not run");
	r = disk ? prepare_disk(d, dev, &opened, err) : 0;
	if (r < 0)
		return r;
	p = plan_of(vm, opened ? doc_root(opened) : dev, err);
	if (!p)
		return err && err->code ? -err->code : -EINVAL;
	vm->next_file = p->next_file;
	if (disk) /* before QEMU has it: so it is recorded with the claims */
		qemu_disk_keep(d, dev, opened);
	r = qemu_plan_apply(d, p, err);
	if (r < 0) {
		forget_disk(d, dev);
		return r;
	}
	files_keep_next(vm);
	/* limits are set on a device that is there (disk_live.c): a disk that cannot have its own is taken out again */
	r = disk ? qemu_disk_throttle(d, dev, err) : 0;
	if (r < 0) {
		task_shield(1);
		qemu_detach(d, dev, NULL);
		task_shield(-1);
	}
	return r;
}

static int wait_unplug(struct vm *vm, struct unplug *u, struct error *err)
{
	int r = 0;

	while (u->state == UNPLUG_WAITS && r == 0)
		r = task_wait(&u->q, UNPLUG_WAIT_MS);
	TAILQ_REMOVE(&vm->unplugs, u, link);
	if (u->state == UNPLUG_DONE)
		return 0;
	if (u->state == UNPLUG_ENDED)
		return error_set(err, ENOTCONN, "the guest ended");
	if (u->state == UNPLUG_REFUSED)
		return error_set(err, EBUSY, "the guest refused to let go of '%s': it is in use there", u->alias);
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT,
				 "the guest has not let go of '%s' within %d s: it is booting, has no hot-plug "
				 "driver, or uses it; the request stands and is told in events when it does",
				 u->alias, UNPLUG_WAIT_MS / 1000);
	return error_set(err, -r, "interrupted; the guest was asked to let go of '%s' and may still do so", u->alias);
}

/* Asks for ALIAS and waits until it is gone. */
int vm_unplug(struct vm *vm, const char *alias, struct error *err)
{
	autoerror struct error no = { 0 };
	struct unplug u = { .alias = alias, .q = TAILQ_HEAD_INITIALIZER(u.q) };
	int r;

	TAILQ_INSERT_TAIL(&vm->unplugs, &u, link);
	r = qmp_call(vm->d, "device_del", json_pack("{s:s}", "id", alias), NULL, &no);
	if (r == -EREMOTEIO && strstr(error_text(&no), "already in the process of unplug"))
		r = 0; /* an earlier request stands: wait for it */
	if (r == -EREMOTEIO && strstr(error_text(&no), "not found"))
		u.state = UNPLUG_DONE, r = 0;
	if (r < 0) {
		TAILQ_REMOVE(&vm->unplugs, &u, link);
		error_move(err, &no);
		return r;
	}
	return wait_unplug(vm, &u, err);
}

int qemu_detach(struct domain *d, struct node *dev, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	autofree char *alias = xstrdup(qemu_alias(dev));
	autoplan struct plan *p = NULL;
	int r;

	if (!vm)
		return error_set(err, ENOTCONN, "the guest does not run");
	p = undo_plan_of(vm, dev, err);
	if (!p)
		return err && err->code ? -err->code : -EINVAL;
	r = vm_unplug(vm, alias, err);
	if (r == 0) {
		task_shield(1);
		qemu_plan_undo(d, p);
		forget_disk(d, dev);
		task_shield(-1);
	}
	return r;
}

/* ---- what events tell ---- */

struct late_unplug {
	struct vm *vm;
	struct plan *plan;
	char *alias;
};

/* The guest let go after the one who asked had given up: its host side goes, then the engine is told. */
static void finish_late(void *arg)
{
	struct late_unplug *l = arg;
	struct news n = { .kind = NEWS_DETACHED, .item = l->alias };

	if (!l->vm->gone)
		qemu_plan_undo(l->vm->d, l->plan);
	if (!l->vm->gone)
		domain_news(l->vm->d, &n);
	plan_free(l->plan);
	vm_unref(l->vm);
	free(l->alias);
	free(l);
}

static struct node *find_alias(struct vm *vm, const char *alias)
{
	struct node *n = node_first(domain_live(vm->d), "devices");

	for (n = node_child(n, NULL); n; n = node_next(n, NULL))
		if (str_eq(qemu_alias(n), alias))
			return n;
	return NULL;
}

void vm_unplugged(struct vm *vm, const char *alias, bool refused)
{
	struct news n = { .kind = NEWS_DETACH_FAILED, .item = alias };
	struct unplug *u;
	struct node *dev;
	struct plan *p;

	TAILQ_FOREACH(u, &vm->unplugs, link) {
		if (!str_eq(u->alias, alias))
			continue;
		u->state = refused ? UNPLUG_REFUSED : UNPLUG_DONE;
		task_wake_all(&u->q);
		return;
	}
	dev = find_alias(vm, alias);
	if (!dev || !vm->started)
		return;
	p = refused ? NULL : undo_plan_of(vm, dev, NULL);
	if (!p) {
		domain_news(vm->d, &n);
		return;
	}
	struct late_unplug *l = xmalloc(sizeof(*l));
	*l = (struct late_unplug){ vm_ref(vm), p, xstrdup(alias) };
	task_start(finish_late, l);
}

void vm_unplug_end(struct vm *vm)
{
	struct unplug *u;

	TAILQ_FOREACH(u, &vm->unplugs, link) {
		u->state = UNPLUG_ENDED;
		task_wake_all(&u->q);
	}
}
