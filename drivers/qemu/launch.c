/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a complete definition to a QEMU process: what can be refused is, files are opened, the process is confined and spawned. */
#include "launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "disk.h"
#include "domain.h"
#include "files.h"
#include "graphics.h"
#include "live.h"
#include "storage.h"
#include "volume.h"

/* What QEMU itself may lock beside the guest's memory (libvirt's figure). */
#define MEMLOCK_EXTRA (1ull << 30)

/* ---- refusals and what is looked up before the plan ---- */

static int check_accelerator(struct domain *d, struct error *err)
{
	const char *why;

	if (!node_is(domain_live(d), "@type", "kvm") || qemu_kvm_usable(&why))
		return 0;
	return error_set(err, ENODEV,
			 "its type is 'kvm', and KVM does not work here: %s; type='qemu' runs it by emulation", why);
}

static int prepare_disks(struct domain *d, struct error *err)
{
	int r = 0;

	for (struct node *n = node_first(domain_live(d), "devices/disk"); r == 0 && n; n = node_next(n, "disk")) {
		autodoc struct doc *opened = NULL;

		r = qemu_disk_prepare(d, n, &opened, err);
		if (r == 0)
			qemu_disk_keep(d, n, opened);
	}
	return r;
}

static int prepare(struct domain *d, struct error *err)
{
	struct node *n;
	int r = check_accelerator(d, err);

	if (r == 0)
		r = qemu_start_refusal(domain_live(d), err);
	if (r == 0)
		r = qemu_tuning_refusal(domain_live(d), err);
	if (r == 0)
		r = qemu_prepare_nvram(d, err);
	if (r == 0)
		r = prepare_disks(d, err);
	for (n = node_first(domain_live(d), "devices/graphics"); r == 0 && n; n = node_next(n, "graphics"))
		r = qemu_graphics_prepare(n, err);
	return r;
}

/* The directory that QEMU itself may write in: its VNC and agent sockets. */
static int make_guest_dir(struct vm *vm, struct error *err)
{
	autofree char *top = xasprintf("%s/guests", config.run_dir);
	autofree char *dir = vm_guest_dir(vm->d);

	tree_remove(dir);
	if ((mkdir(top, 0711) < 0 && errno != EEXIST) || chmod(top, 0711) < 0 || mkdir(dir, 0700) < 0)
		return error_set(err, errno, "'%s': %s", dir, strerror(errno));
	if (vm->uid && chown(dir, vm->uid, vm->gid) < 0)
		return error_set(err, errno, "'%s': %s", dir, strerror(errno));
	return 0;
}

static struct plan *make_plan(struct vm *vm, struct error *err)
{
	autodoc struct doc *opened = qemu_live_opened(vm->d); /* the plan looks at it only while it is made */
	struct node *root = opened ? doc_root(opened) : domain_live(vm->d);
	const struct qemu_caps *caps =
		qemu_caps_get(node_get(root, "os/type/@arch"), node_get(root, "devices/emulator"), err);
	autofree char *dir = vm_guest_dir(vm->d);
	autoplan struct plan *p = NULL;

	if (!caps)
		return NULL;
	p = plan_new(root, caps, dir, false);
	p->next_file = vm->next_file;
	domain_owner(vm->d, &p->owner.uid, &p->owner.gid);
	if (qemu_plan_domain(p, err) < 0)
		return NULL;
	vm->next_file = p->next_file;
	return take(&p);
}

/* The monitor's socket lies in domfs's own directory, not in the guest's. */
static void adjust_files(struct vm *vm, struct plan *p)
{
	for (size_t i = 0; i < p->files.n; i++) {
		struct plan_file *f = p->files.at[i];
		if (!str_ends(f->path, "/qmp") || f->how != FILE_LISTEN)
			continue;
		free(f->path);
		f->path = vm_monitor_path(vm->d);
		f->ours = true;
	}
}

/* ---- the process ---- */

/* Who may open /dev/kvm: its group. */
static int kvm_group(struct domain *d, gid_t *gid)
{
	struct stat st;

	if (!node_is(domain_live(d), "@type", "kvm") || stat("/dev/kvm", &st) < 0)
		return 0;
	*gid = st.st_gid;
	return 1;
}

static uint64_t memlock(struct node *root)
{
	return node_has(root, "memoryBacking/locked") ? node_size(root, "memory", 0) + MEMLOCK_EXTRA : 0;
}

static int open_log(struct vm *vm, struct error *err)
{
	autofree char *path = vm_log_path(vm->d);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	return fd < 0 ? error_set(err, errno, "'%s': %s", path, strerror(errno)) : fd;
}

static void add_environment(struct vm *vm, struct vec *env)
{
	struct node *root = domain_live(vm->d);
	autofree char *dir = vm_guest_dir(vm->d);

	vec_add(env, xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	vec_add(env, xstrdup("LC_ALL=C"));
	vec_add(env, xasprintf("HOME=%s", dir));
	vec_add(env, xasprintf("XDG_DATA_HOME=%s", dir));
	vec_add(env, xasprintf("XDG_CACHE_HOME=%s", dir));
	vec_add(env, xasprintf("XDG_CONFIG_HOME=%s", dir));
	vec_add(env, xasprintf("XDG_RUNTIME_DIR=%s", dir));
	if (node_is(root, "clock/@offset", "timezone"))
		vec_add(env, xasprintf("TZ=%s", node_get_or(root, "clock/@timezone", "UTC")));
	for (struct node *e = node_first(root, "qemu:commandline/qemu:env"); e; e = node_next(e, "qemu:env"))
		vec_add(env, xasprintf("%s=%s", node_get_or(e, "@name", ""), node_get_or(e, "@value", "")));
	vec_add(env, NULL);
}

/* The descriptors that the command line names by number. */
static struct spawn_fd *child_fds(const struct plan *p, int log, int *n)
{
	struct spawn_fd *fds = xcalloc(p->files.n + 2, sizeof(*fds));

	fds[0] = (struct spawn_fd){ log, 1 };
	fds[1] = (struct spawn_fd){ log, 2 };
	*n = 2;
	for (size_t i = 0; i < p->files.n; i++) {
		const struct plan_file *f = p->files.at[i];
		if (f->fd >= 0)
			fds[(*n)++] = (struct spawn_fd){ f->fd, f->number };
	}
	return fds;
}

static int spawn_qemu(struct vm *vm, struct plan *p, int log, int pidfile, struct error *err)
{
	struct vec argv = { 0 }, env = { 0 };
	gid_t kvm = 0;
	int nfds;
	autofree struct spawn_fd *fds = child_fds(p, log, &nfds);
	struct spawn s = {
		.fds = fds,
		.nfds = nfds,
		.session = true,
		.no_new_privs = true,
		.no_core = true,
		.change_user = vm->uid != 0,
		.uid = vm->uid,
		.gid = vm->gid,
		.groups = &kvm,
		.ngroups = kvm_group(vm->d, &kvm),
		.max_memlock = memlock(domain_live(vm->d)),
		.pidfile_fd = pidfile,
	};
	pid_t pid;

	vec_add(&argv, xstrdup(p->caps->binary));
	plan_argv(p, &argv);
	vec_add(&argv, NULL);
	add_environment(vm, &env);
	s.argv = (const char *const *)argv.at;
	s.env = (const char *const *)env.at;
	pid = spawn_start(&s, err);
	vec_clear(&argv, free);
	vec_clear(&env, free);
	return pid;
}

static int start_process(struct vm *vm, struct plan *p, struct error *err)
{
	autofree char *monitor = vm_monitor_path(vm->d);
	autofree char *pid_path = xasprintf("%s/pid", domain_run_dir(vm->d));
	autoclose int log = open_log(vm, err);
	autoclose int pidfile = open(pid_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r, fd;

	if (log < 0)
		return log;
	if (pidfile < 0)
		return error_set(err, errno, "'%s': %s", pid_path, strerror(errno));
	fd = unix_connect(monitor, err); /* waits in the backlog until QEMU accepts */
	if (fd < 0)
		return fd;
	r = spawn_qemu(vm, p, log, pidfile, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	vm_monitor(vm, fd);
	r = vm_watch(vm, r, err);
	return r < 0 ? r : fault_point("start:qemu-spawned", err);
}

static void keep_numbers(struct vm *vm)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", vm->uid);
	domain_keep(vm->d, "uid", text);
	files_keep_next(vm);
}

int launch(struct vm *vm, struct error *err)
{
	autoplan struct plan *p = NULL;
	int r = prepare(vm->d, err);

	if (r == 0)
		r = make_guest_dir(vm, err);
	if (r < 0)
		return r;
	p = make_plan(vm, err);
	if (!p)
		return err && err->code ? -err->code : -EINVAL;
	adjust_files(vm, p);
	r = files_open(vm, p, err);
	if (r == 0)
		r = files_claim(vm, p, err);
	if (r == 0)
		r = fault_point("start:qemu-files", err);
	if (r == 0) {
		autofree char *command = plan_text(p);
		domain_keep(vm->d, "command", command);
		keep_numbers(vm);
		r = domain_save_run(vm->d, err); /* the uid: adopt must not give it to another guest */
	}
	if (r == 0)
		r = start_process(vm, p, err);
	files_close(p); /* the child has its own; ours would keep the monitor's listener alive */
	return r;
}

/* ---- before the vCPUs run ---- */

/* A guest's reset ends it when the definition says so: QEMU then tells of a shutdown (events.c). */
static int set_reboot_action(struct vm *vm, struct error *err)
{
	if (!node_is(domain_live(vm->d), "on_reboot", "destroy"))
		return 0;
	return qmp_call(vm->d, "set-action", json_pack("{s:s}", "reboot", "shutdown"), NULL, err);
}

/* A guest that is to have less than its maximum gives the rest back when its balloon driver comes up. */
static int set_balloon(struct vm *vm, struct error *err)
{
	struct node *root = domain_live(vm->d);
	uint64_t now = node_size(root, "currentMemory", 0);

	if (!vm->balloon || !now || now >= node_size(root, "memory", 0))
		return 0;
	return qmp_call(vm->d, "balloon", json_pack("{s:I}", "value", (json_int_t)now), NULL, err);
}

int launch_after_start(struct vm *vm, struct error *err)
{
	int r = set_reboot_action(vm, err);

	if (r == 0)
		r = set_balloon(vm, err);
	if (r == 0)
		r = qemu_disks_after_start(vm->d, err);
	if (r == 0)
		r = qemu_devices_after_start(vm->d, err);
	return r < 0 ? r : qemu_pin(vm, err);
}
