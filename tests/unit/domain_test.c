/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains over the test driver: made, defined, started, changed, found again. */
#include "fixture.h"

#define XML(more)                                                                                                      \
	"<domain type='test'><name>web</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>"                            \
	"<os><type arch='x86_64'>hvm</type></os>" more "</domain>"

TEST(made_domain_is_complete_and_lasts)
{
	struct domain *d = make("web");
	char uuid[UUID_TEXT];

	memcpy(uuid, d->uuid, UUID_TEXT);
	assert_int_equal(d->state, DOMAIN_SHUTOFF);
	assert_int_equal(d->cpus, 1);
	assert_int_equal(d->memory, 1u << 30);
	ok(set(d, "cpus", "2"));
	ok(set(d, "memory", "512M"));
	assert_int_equal(d->memory, 512u << 20);
	assert_int_equal(d->memory_max, 1u << 30);
	fixture_reopen();
	d = domain_find("web");
	assert_non_null(d);
	assert_string_equal(d->uuid, uuid);
	assert_int_equal(d->cpus, 2);
	assert_int_equal(d->memory, 512u << 20);
	assert_true(d->fresh);
}

TEST(bounds_move_when_off)
{
	struct domain *d = make("web");

	ok(set(d, "cpus", "9"));
	assert_int_equal(d->cpus_max, 9);
	ok(set(d, "cpus_max", "3"));
	assert_int_equal(d->cpus, 3);
	ok(set(d, "memory", "2G"));
	assert_int_equal(d->memory_max, 2ull << 30);
	assert_int_equal(set(d, "cpus", "0"), -ERANGE);
	assert_int_equal(set(d, "cpus", "many"), -EINVAL);
	assert_int_equal(set(d, "memory", ""), -EINVAL);
	assert_int_equal(d->cpus, 3);
}

TEST(definition_is_kept_byte_for_byte)
{
	static const char text[] =
		"<!-- mine -->\n" XML("<devices>\n\t<disk type='file' device='disk'>"
				      "<source file='/a.img'/><target dev='vda' bus='virtio'/></disk></devices>");
	struct domain *d = make("web");
	uint64_t seq;

	ok(define(d, text));
	assert_false(d->fresh);
	assert_int_equal(d->config.n, strlen(text));
	assert_memory_equal(d->config.p, text, strlen(text));
	shows(domain_xml(d, VIEW_NOW, true, out), d->uuid);
	shows(domain_xml(d, VIEW_NOW, true, out), "disk-vda");
	seq = event_seq();
	ok(define(d, text)); /* nothing new: no event, no write */
	assert_int_equal(event_seq(), seq);
	ok(set(d, "cpus", "1"));
	shows(domain_config_text(d, true, out), "<!-- mine -->");
	shows(domain_config_text(d, true, out), "current='1'");
}

TEST(bad_definitions_change_nothing)
{
	struct domain *d = make("web"), *other = make("other");
	autofree char *twin = NULL;
	size_t n;

	ok(define(d, XML("")));
	n = d->config.n;
	assert_int_equal(define(d, ""), -EINVAL);
	assert_int_equal(define(d, "<domain"), -EBADMSG);
	assert_int_equal(define(d, "<network/>"), -EINVAL);
	assert_int_equal(define(d, XML("<nonsense/>")), -EINVAL);
	error_has("nonsense");
	assert_int_equal(
		define(d, "<domain type='zx81'><name>web</name><memory>1</memory><os><type>hvm</type></os></domain>"),
		-ENOTSUP);
	error_has("expected one of test");
	assert_int_equal(define(other, XML("")), 0); /* fresh from mkdir: takes the text, keeps its name */
	assert_string_equal(other->obj.name, "other");
	assert_int_equal(define(other, XML("")), -EINVAL);
	error_has("rename it with mv");
	twin = xasprintf(
		"<domain type='test'><name>other</name><uuid>%s</uuid><memory>1024</memory><os><type>hvm</type></os>"
		"</domain>",
		d->uuid);
	assert_int_equal(define(other, twin), -EEXIST);
	error_has("'web'");
	assert_int_equal(d->config.n, n);
	shows(domain_verdict(d, str_of(XML("<nonsense/>")), out, NULL), "refused");
	shows(domain_verdict(d, str_of(XML("")), out, NULL), "accepted");
}

TEST(starts_and_stops)
{
	struct domain *d = make("web");

	assert_int_equal(command(d, "explode"), -EINVAL);
	error_has("destroy");
	ok(command(d, "destroy")); /* it is so already */
	ok(command(d, "shutdown"));
	assert_int_equal(command(d, "suspend"), -EBUSY);
	ok(command(d, "start"));
	assert_int_equal(d->state, DOMAIN_RUNNING);
	assert_string_equal(d->reason, "booted");
	assert_ptr_equal(domain_find_id(d->id), d);
	assert_int_equal(access(d->run_dir, F_OK), 0);
	ok(command(d, "start"));
	ok(command(d, "paused"));
	assert_int_equal(d->state, DOMAIN_PAUSED);
	ok(command(d, "resume"));
	ok(command(d, "reboot"));
	assert_int_equal(command(d, "save"), -ENOTSUP);
	assert_int_equal(domain_drop(d, NULL), -EBUSY);
	ok(command(d, "shutoff"));
	assert_int_equal(d->state, DOMAIN_SHUTOFF);
	assert_string_equal(d->reason, "shutdown");
	assert_int_equal(access(d->run_dir, F_OK), -1);
	ok(command(d, "paused"));
	ok(command(d, "destroy"));
	assert_string_equal(d->reason, "destroyed");
	assert_int_equal(d->id, 0);
	shows(domain_log(d, out, NULL), "the test hypervisor starts");
}

TEST(failed_start_leaves_nothing_behind)
{
	struct domain *d = make("web");

	script("fail start@web EIO the machine type 'pc-9' is unknown\n");
	assert_int_equal(command(d, "start"), -EIO);
	assert_string_equal(error_text(&last), "web: start: the machine type 'pc-9' is unknown");
	assert_int_equal(d->state, DOMAIN_SHUTOFF);
	assert_string_equal(d->reason, "failed");
	assert_int_equal(d->id, 0);
	assert_int_equal(access(d->run_dir, F_OK), -1);
	script("");
	ok(command(d, "start"));
}

static void start_it(void *arg)
{
	struct error err = { 0 };

	(void)!domain_command(arg, str_of("start"), NULL, &err);
	error_clear(&err);
}

TEST(destroy_overtakes_a_hanging_start)
{
	struct domain *d = make("web");
	int64_t began;

	config.hypervisor_timeout_ms = 5000;
	script("hang start\n");
	task_start(start_it, d);
	nap(20);
	assert_int_equal(d->state, DOMAIN_STARTING);
	began = now_monotonic_ms();
	ok(command(d, "destroy"));
	assert_true(now_monotonic_ms() - began < 500);
	assert_int_equal(d->state, DOMAIN_SHUTOFF);
}

static bool sees(const struct who *who unused, const struct object *o)
{
	return strcmp(o->name, "hidden") != 0;
}

TEST(a_hanging_reader_waits_alone)
{
	const struct viewer everybody = { &root_who, sees };
	struct domain *d = make("web");
	struct stats s = { 0 };
	int64_t began;

	ok(command(d, "start"));
	script("hang stats\n");
	assert_int_equal(domain_stats(d, STATS_CPU, &s, NULL), 0);
	assert_true(s.n > 0);
	assert_int_equal(domain_stats(d, STATS_MEMORY, &s, &last), -ETIMEDOUT);
	config.hypervisor_timeout_ms = 60000;
	began = now_monotonic_ms();
	shows(domains_metrics(&everybody, out), "domfs_domain_cpu_time_seconds_total{domain=\"web\"}");
	assert_true(now_monotonic_ms() - began < 1500);
	stats_clear(&s);
	began = now_monotonic_ms();
	ok(command(d, "destroy"));
	assert_true(now_monotonic_ms() - began < 500);
}

TEST(a_guest_that_dies_is_noticed)
{
	struct domain *d = make("web");

	ok(command(d, "start"));
	script("crash web\n");
	nap(60);
	assert_int_equal(d->state, DOMAIN_CRASHED);
	assert_string_equal(d->reason, "crashed");
	assert_int_equal(access(d->run_dir, F_OK), -1);
	shows(domain_condition(d, "shutoff", out), "crashed");
}

TEST(running_changes)
{
	struct domain *d = make("web");

	ok(set(d, "memory", "512M"));
	ok(command(d, "start"));
	ok(set(d, "cpus", "3"));
	assert_int_equal(d->cpus, 3);
	assert_int_equal(d->next_cpus, 3);
	assert_int_equal(set(d, "cpus", "2000"), -ERANGE);
	error_has("cpus_max");
	ok(set(d, "memory", "1G"));
	assert_int_equal(d->memory, 1u << 30);
	assert_int_equal(set(d, "memory", "2G"), -ERANGE);
	shows(domain_pending(d, out), "");
	ok(set(d, "memory_max", "2G"));
	assert_int_equal(d->memory_max, 1u << 30);
	assert_int_equal(d->next_memory_max, 2ull << 30);
	shows(domain_pending(d, out), "memory");
	script("fail set EREMOTEIO the guest said no\n");
	assert_int_equal(set(d, "cpus", "1"), -EREMOTEIO);
	assert_int_equal(d->cpus, 3);
	assert_int_equal(d->next_cpus, 3);
	script("");
	ok(set_in(d, VIEW_CONFIG, "cpus", "1"));
	assert_int_equal(d->cpus, 3);
	ok(command(d, "destroy"));
	assert_int_equal(d->cpus, 1);
	assert_int_equal(d->memory_max, 2ull << 30);
}

TEST(disks_are_plugged_and_unplugged)
{
	struct domain *d = make("web");
	struct part *p;

	ok(command(d, "start"));
	assert_int_equal(part_make(d, PART_DISK, VIEW_NOW, "zz", &p, &last), -EINVAL);
	ok(part_make(d, PART_DISK, VIEW_NOW, "vdb", &p, &last));
	assert_string_equal(part_state(p), "staged");
	ok(part_prop_store(p, VIEW_NOW, schema_file(&disk_schema, "cache"), str_of("none"), &root_who, &last));
	assert_int_equal(disk_source_store(p, VIEW_NOW, str_of("a.img"), &root_who, &last), -EINVAL);
	script("fail attach EREMOTEIO no room\n");
	assert_int_equal(disk_source_store(p, VIEW_NOW, str_of("/a.qcow2"), &root_who, &last), -EREMOTEIO);
	assert_string_equal(part_state(p), "staged");
	script("");
	ok(disk_source_store(p, VIEW_NOW, str_of("/a.qcow2"), &root_who, &last));
	assert_string_equal(part_state(p), "attached");
	shows(domain_config_text(d, true, out), "qcow2");
	shows(domain_xml(d, VIEW_NOW, true, out), "disk-vdb");
	shows(domain_xml(d, VIEW_CONFIG, true, out), "cache='none'");
	assert_int_equal(disk_source_store(p, VIEW_NOW, str_of("/b.img"), &root_who, &last), -EBUSY);
	fixture_reopen();
	d = domain_find("web");
	p = part_find(d, PART_DISK, VIEW_NOW, "vdb");
	assert_non_null(p);
	script("fail detach EBUSY the guest refused\n");
	assert_int_equal(part_detach(p, VIEW_NOW, &last), -EBUSY);
	script("");
	ok(part_detach(p, VIEW_NOW, &last));
	assert_null(part_find(d, PART_DISK, VIEW_NOW, "vdb"));
	assert_null(part_find(d, PART_DISK, VIEW_CONFIG, "vdb"));
}

TEST(a_slow_rmdir_goes_on_by_itself)
{
	struct domain *d = make("web");
	struct part *p;
	int64_t began;

	ok(command(d, "start"));
	ok(part_make(d, PART_DISK, VIEW_NOW, "vdb", &p, &last));
	ok(disk_source_store(p, VIEW_NOW, str_of("/a.img"), &root_who, &last));
	script("delay detach 400\n");
	began = now_monotonic_ms();
	ok(part_drop(p, VIEW_NOW, &last));
	assert_true(now_monotonic_ms() - began < 300);
	assert_string_equal(part_state(p), "detaching");
	nap(400);
	assert_null(part_find(d, PART_DISK, VIEW_NOW, "vdb"));
}

TEST(nics_and_other_devices)
{
	struct domain *d = make("web");
	struct part *p;

	ok(part_make(d, PART_NIC, VIEW_NOW, "n0", &p, &last));
	ok(part_prop_store(p, VIEW_NOW, schema_file(&nic_schema, "type"), str_of("user"), &root_who, &last));
	assert_string_equal(part_state(p), "attached");
	shows(domain_xml(d, VIEW_NOW, true, out), "ua-n0");
	ok(command(d, "start"));
	ok(part_make(d, PART_DEVICE, VIEW_NOW, "dice", &p, &last));
	assert_int_equal(part_define(p, VIEW_NOW, str_of("<disk/>"), &root_who, &last), -EINVAL);
	ok(part_define(p, VIEW_NOW, str_of("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"),
		       &root_who, &last));
	shows(domain_xml(d, VIEW_NOW, true, out), "ua-dice");
	ok(part_detach(p, VIEW_NOW, &last));
	assert_null(part_find(d, PART_DEVICE, VIEW_NOW, "dice"));
}

TEST(found_again)
{
	struct domain *d = make("web"), *lost = make("lost"), *gone = make("gone");
	autofree char *file = fixture_path("state/domains/lost");
	char uuid[UUID_TEXT];
	int id;

	memcpy(uuid, lost->uuid, UUID_TEXT);
	ok(command(d, "start"));
	ok(command(lost, "start"));
	ok(command(gone, "start"));
	id = d->id;
	store_sync();
	fixture_close();
	unlink(file);
	script("gone gone\n");
	fixture_open();
	d = domain_find("web");
	assert_int_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(d->id, id);
	ok(set(d, "cpus", "2"));
	lost = domain_find_uuid(uuid);
	assert_non_null(lost);
	assert_false(lost->persistent);
	assert_int_equal(lost->state, DOMAIN_RUNNING);
	gone = domain_find("gone");
	assert_int_equal(gone->state, DOMAIN_SHUTOFF);
	assert_string_equal(gone->reason, "ended while domfs was away");
	assert_int_equal(access(gone->run_dir, F_OK), -1);
	ok(command(lost, "destroy"));
	nap(5);
	assert_null(domain_find_uuid(uuid));
}

TEST(renamed_and_removed)
{
	struct domain *d = make("web");
	struct error err = { 0 };

	make("taken");
	assert_int_equal(domain_rename(d, "taken", NULL), -EEXIST);
	assert_int_equal(domain_rename(d, "a/b", NULL), -EINVAL);
	ok(domain_rename(d, "www", &last));
	assert_null(domain_find("web"));
	fixture_reopen();
	d = domain_find("www");
	assert_non_null(d);
	assert_int_equal(domain_count(), 2);
	shows(domain_config_text(d, true, out), "<name>www</name>");
	ok(command(d, "start"));
	assert_int_equal(domain_rename(d, "xyz", &err), -EBUSY);
	error_clear(&err);
	ok(command(d, "destroy"));
	ok(domain_drop(d, &last));
	fixture_reopen();
	assert_int_equal(domain_count(), 1);
}

TEST(store_failures_change_nothing)
{
	struct domain *d = make("web"), *e = NULL;

	ok(define(d, XML("")));
	setenv("DOMFS_FAIL", "store:synced", 1);
	fixture_reopen();
	d = domain_find("web");
	assert_int_equal(set(d, "cpus", "1"), -EIO);
	assert_int_equal(d->cpus, 2);
	assert_int_equal(domain_make("x", &root_who, 0755, &e, &last), -EIO);
	assert_null(domain_find("x"));
	unsetenv("DOMFS_FAIL");
	fixture_reopen();
	assert_int_equal(domain_find("web")->cpus, 2);
	assert_int_equal(domain_count(), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(made_domain_is_complete_and_lasts),
		T(bounds_move_when_off),
		T(definition_is_kept_byte_for_byte),
		T(bad_definitions_change_nothing),
		T(starts_and_stops),
		T(failed_start_leaves_nothing_behind),
		T(destroy_overtakes_a_hanging_start),
		T(a_hanging_reader_waits_alone),
		T(a_guest_that_dies_is_noticed),
		T(running_changes),
		T(disks_are_plugged_and_unplugged),
		T(a_slow_rmdir_goes_on_by_itself),
		T(nics_and_other_devices),
		T(found_again),
		T(renamed_and_removed),
		T(store_failures_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
