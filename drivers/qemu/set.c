/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of rows in the running guest: the domain's own (vCPUs, balloon) here, a device's by its kind. */
#include "launch.h"
#include "live.h"

/* Linux moves the balloon by up to 256 pages at a time, many times a second; one that stands still this long will not move. */
#define BALLOON_STILL_MS 8000
#define BALLOON_LOOK_MS	 50
#define CPU_WAIT_MS	 15000

/* ---- vCPUs ---- */

static bool is_present(json_t *slot)
{
	return json_object_get(slot, "qom-path") != NULL;
}

/* Order of plugging: by socket, die, core, thread as QEMU's own default numbering has it; the list comes from QEMU in reverse. */
static int64_t slot_key(json_t *slot)
{
	static const char *const keys[] = { "node-id", "socket-id", "die-id", "cluster-id", "core-id", "thread-id" };
	json_t *props = json_object_get(slot, "props");
	int64_t key = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		key = key * 1024 + json_integer_value(json_object_get(props, keys[i]));
	return key;
}

/* The free slot with the lowest key, or the plugged one with the highest. */
static json_t *pick(json_t *slots, bool present)
{
	json_t *slot, *best = NULL;
	size_t i;

	json_array_foreach(slots, i, slot)
	{
		if (is_present(slot) != present)
			continue;
		if (!best || (present ? slot_key(slot) > slot_key(best) : slot_key(slot) < slot_key(best)))
			best = slot;
	}
	return best;
}

static uint64_t present_cpus(json_t *slots)
{
	uint64_t n = 0;
	json_t *slot;
	size_t i;

	json_array_foreach(slots, i, slot) if (is_present(slot)) n +=
		json_integer_value(json_object_get(slot, "vcpus-count"));
	return n;
}

static int plug_cpu(struct domain *d, json_t *slot, uint64_t number, struct error *err)
{
	json_t *props = json_deep_copy(json_object_get(slot, "props"));
	autofree char *id = xasprintf("vcpu%llu", (unsigned long long)number);

	json_object_set(props, "driver", json_object_get(slot, "type"));
	props_str(props, "id", id);
	return qmp_call(d, "device_add", props, NULL, err);
}

/* Is the slot with KEY free (again)?  1, 0, negative error. */
static int slot_is_free(struct domain *d, int64_t key, struct error *err)
{
	json_t *slots = NULL, *slot;
	int r = qmp_call(d, "query-hotpluggable-cpus", NULL, &slots, err);
	size_t i;

	json_array_foreach(slots, i, slot) if (slot_key(slot) == key) r = !is_present(slot);
	json_decref(slots);
	return r;
}

/* One that was there at the start has no id but a path, which device_del takes as well.  QEMU under TCG does not tell DEVICE_DELETED of a
 * vCPU (7.2: only of its APIC), so the slot is looked at. */
static int unplug_cpu(struct vm *vm, json_t *slot, struct error *err)
{
	const char *path = json_string_value(json_object_get(slot, "qom-path"));
	const char *id = str_starts(path, "/machine/peripheral/") ? strrchr(path, '/') + 1 : path;
	int64_t key = slot_key(slot), until = now_monotonic_ms() + CPU_WAIT_MS;
	int r = qmp_call(vm->d, "device_del", json_pack("{s:s}", "id", id), NULL, err);

	while (r == 0) {
		r = slot_is_free(vm->d, key, err);
		if (r != 0)
			break;
		if (now_monotonic_ms() > until)
			return error_set(
				err, ETIMEDOUT,
				"the guest has not let go of a vCPU within %d s: it is booting, or has no vCPU hot-plug",
				CPU_WAIT_MS / 1000);
		r = task_sleep(BALLOON_LOOK_MS);
		if (r < 0)
			return error_set(err, -r, "interrupted; the guest may still let go of a vCPU");
	}
	return r > 0 ? 0 : r;
}

/* One step towards WANT: 1 done, 0 made a step, negative error. */
static int step_cpus(struct vm *vm, uint64_t want, struct error *err)
{
	json_t *slots = NULL, *slot;
	uint64_t have;
	int r = qmp_call(vm->d, "query-hotpluggable-cpus", NULL, &slots, err);

	if (r < 0)
		return r;
	have = present_cpus(slots);
	slot = have == want ? NULL : pick(slots, have > want);
	if (have == want)
		r = 1;
	else if (!slot)
		r = error_set(err, ENOTSUP, "this machine type takes no more vCPUs while it runs: it has %llu",
			      (unsigned long long)have);
	else
		r = have < want ? plug_cpu(vm->d, slot, have, err) : unplug_cpu(vm, slot, err);
	json_decref(slots);
	return r;
}

static int set_cpus(struct domain *d, struct node *root unused, struct str text, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	struct news n = { .kind = NEWS_CPUS };
	int r = u64_parse(text, 1, 65535, &n.value, err);

	if (!vm)
		return error_set(err, ENOTCONN, "the guest does not run");
	while (r == 0)
		r = step_cpus(vm, n.value, err);
	if (r < 0)
		return r;
	vm_learn_threads(vm);
	domain_news(d, &n);
	return 0;
}

/* ---- memory ---- */

static int ask_balloon(struct domain *d, uint64_t *now, struct error *err)
{
	json_t *ret = NULL;
	int r = qmp_call(d, "query-balloon", NULL, &ret, err);

	if (r == 0)
		*now = json_integer_value(json_object_get(ret, "actual"));
	json_decref(ret);
	return r;
}

static int tell_balloon(struct domain *d, uint64_t bytes, struct error *err)
{
	return qmp_call(d, "balloon", json_pack("{s:I}", "value", (json_int_t)bytes), NULL, err);
}

/* Waits while the guest moves towards BYTES; it has BALLOON_STILL_MS for each step. */
static int follow_balloon(struct domain *d, uint64_t bytes, struct error *err)
{
	uint64_t now = 0, last = 0;
	int64_t since = now_monotonic_ms();
	int r = ask_balloon(d, &now, err);

	while (r == 0 && now != bytes) {
		if (now != last) {
			last = now;
			since = now_monotonic_ms();
		} else if (now_monotonic_ms() - since > BALLOON_STILL_MS) {
			return error_set(
				err, ETIMEDOUT,
				"the guest's balloon stays at %llu bytes: it is booting, has no balloon driver, or cannot spare "
				"the memory",
				(unsigned long long)now);
		}
		r = task_sleep(BALLOON_LOOK_MS);
		if (r < 0)
			return error_set(err, -r, "interrupted; the guest has %llu bytes", (unsigned long long)now);
		r = ask_balloon(d, &now, err);
	}
	return r;
}

static int set_memory(struct domain *d, struct node *root, struct str text, struct error *err)
{
	struct vm *vm = vm_of(d);
	uint64_t bytes, before = node_size(root, "currentMemory", 0);
	int r = size_parse(text, &bytes, err);

	if (r < 0)
		return r;
	if (vm && !vm->balloon)
		return error_set(
			err, ENOTSUP,
			"the guest has no balloon (<memballoon model='none'/>): change memory while it is off");
	r = tell_balloon(d, bytes, err);
	if (r == 0)
		r = follow_balloon(d, bytes, err);
	if (r < 0 && before) { /* a write that fails changes nothing */
		task_shield(1);
		tell_balloon(d, before, NULL);
		task_shield(-1);
	}
	return r;
}

static const struct {
	const char *path;
	int (*fn)(struct domain *d, struct node *root, struct str text, struct error *err);
} domain_rows[] = {
	{ "vcpu/@current", set_cpus },
	{ "currentMemory", set_memory },
};

int qemu_set(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err)
{
	const struct qemu_kind *kind = qemu_kind_of_element(node_name(dev));

	if (str_eq(node_name(dev), "domain")) {
		for (size_t i = 0; i < ARRAY_SIZE(domain_rows); i++)
			if (str_eq(domain_rows[i].path, row->path))
				return domain_rows[i].fn(d, dev, text, err);
	} else if (kind && kind->set) {
		return kind->set(d, dev, row, text, err);
	}
	return error_set(err, ENOTSUP, "%s of <%s> cannot change while the guest runs: shut it down first", row->path,
			 node_name(dev));
}
