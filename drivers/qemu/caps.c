/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU binary can do, asked of the binary itself over QMP (-machine none takes 30 ms), once per binary: the answer is kept in memory and in
 * the state directory, by path, size and time.  It must work for `domfs check` without a loop, so the little conversation is
 * a plain bounded poll.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu.h"

#define PROBE_MAX_BYTES (32u << 20)

static struct hash *known; /* binary -> struct qemu_caps; kept for the life of the process: plans point into it */

/* ---- KVM ---- */

bool qemu_kvm_usable(const char **why)
{
	static char text[256];
	autoclose int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool module = access("/sys/module/kvm_intel", F_OK) == 0 || access("/sys/module/kvm_amd", F_OK) == 0;

#ifndef __x86_64__
	module = access("/sys/module/kvm", F_OK) == 0; /* built in on the others */
#endif
	*why = text;
	if (fd < 0) {
		snprintf(text, sizeof(text), "/dev/kvm cannot be opened: %s", strerror(errno));
		return false;
	}
	if (!module && !config.force_kvm) {
		/* a paravirtual KVM (kvm_pvm) opens, runs firmware, and hangs in the guest's kernel */
		snprintf(text, sizeof(text),
			 "/dev/kvm is there but no kvm_intel or kvm_amd module is behind it%s: guests hang; "
			 "mount with -o kvm=force to use it all the same",
			 access("/sys/module/kvm_pvm", F_OK) == 0 ? " (it is the paravirtual kvm_pvm)" : "");
		return false;
	}
	snprintf(text, sizeof(text),
		 module ? "/dev/kvm opens and a hardware module is behind it" : "forced by the mount option kvm=force");
	return true;
}

/* ---- the conversation ---- */

static const char *const questions[] = { "query-version", "query-machines", "qom-list-types", "query-cpu-definitions",
					 NULL };

/* One line of at most PROBE_MAX_BYTES from FD; NULL at the end, or when TIME is over. */
static json_t *read_line(int fd, struct buf *in, int64_t deadline)
{
	for (;;) {
		char *nl = in->n ? memchr(in->p, '\n', in->n) : NULL;
		if (nl) {
			json_t *msg = json_loadb(in->p, nl - in->p, 0, NULL);
			buf_cut(in, 0, nl + 1 - in->p);
			return msg;
		}
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_monotonic_ms();
		char chunk[65536];
		if (left <= 0 || in->n > PROBE_MAX_BYTES || poll(&p, 1, (int)left) <= 0)
			return NULL;
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			return NULL;
		buf_add(in, chunk, n);
	}
}

/* The "return" of COMMAND; events in between are passed over. */
static json_t *ask(int fd, struct buf *in, const char *command, int64_t deadline)
{
	autofree char *text = xasprintf("{\"execute\":\"%s\"}\n", command);
	json_t *msg, *ret;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		return NULL;
	while ((msg = read_line(fd, in, deadline))) {
		ret = json_incref(json_object_get(msg, "return"));
		bool over = ret || json_object_get(msg, "error");
		json_decref(msg);
		if (over)
			return ret;
	}
	return NULL;
}

static json_t *converse(int fd, int64_t deadline)
{
	json_t *all = json_object(), *ret;
	struct buf in = { 0 };

	json_decref(read_line(fd, &in, deadline)); /* the greeting */
	ret = ask(fd, &in, "qmp_capabilities", deadline);
	json_decref(ret);
	for (int i = 0; ret && questions[i]; i++) {
		json_t *answer = ask(fd, &in, questions[i], deadline);
		if (answer)
			json_object_set_new(all, questions[i], answer);
		else
			ret = NULL;
	}
	buf_clear(&in);
	if (!ret) {
		json_decref(all);
		return NULL;
	}
	return all;
}

static pid_t start(const char *binary, int fd, int errors)
{
	const char *const argv[] = { binary,	   "-S",       "-no-user-config", "-nodefaults",
				     "-nographic", "-machine", "none,accel=tcg",  "-qmp",
				     "stdio",	   NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	r = posix_spawn(&pid, binary, &actions, NULL, (char *const *)argv, (char *const *)env);
	posix_spawn_file_actions_destroy(&actions);
	return r ? -r : pid;
}

static json_t *probe(const char *binary, struct error *err)
{
	int64_t timeout = config.hypervisor_timeout_ms > 0 ? config.hypervisor_timeout_ms : 5000;
	char said[512] = "";
	int pair[2], errors[2];
	json_t *all;
	pid_t pid;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0) {
		error_set(err, errno, "%s", strerror(errno));
		return NULL;
	}
	pid = start(binary, pair[1], errors[1]);
	close(pair[1]);
	close(errors[1]);
	all = pid > 0 ? converse(pair[0], now_monotonic_ms() + timeout) : NULL;
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	n = read(errors[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	close(pair[0]);
	close(errors[0]);
	if (!all && pid <= 0)
		error_set(err, -pid, "'%s' cannot be run: %s", binary, strerror(-pid));
	else if (!all)
		error_set(err, EREMOTEIO, "'%s' did not say within %lld ms what it can do%s%s", binary,
			  (long long)timeout, said[0] ? ": " : "", said);
	return all;
}

/* ---- the cache file ---- */

static char *cache_path(const char *binary, const struct stat *st)
{
	struct buf name = { 0 };

	if (!config.state_dir)
		return NULL;
	buf_printf(&name, "%s/cache/qemu-", config.state_dir);
	for (const char *p = binary; *p; p++)
		buf_putc(&name, *p == '/' ? '-' : *p);
	buf_printf(&name, "-%lld-%lld.json", (long long)st->st_size, (long long)st->st_mtime);
	return buf_take(&name);
}

static void cache_write(const char *path, json_t *all)
{
	autofree char *dir = path ? xstrndup(path, strrchr(path, '/') - path) : NULL;
	autofree char *tmp = path ? xasprintf("%s.new", path) : NULL;

	if (!path || (mkdir(dir, 0700) < 0 && errno != EEXIST))
		return; /* it is only a cache */
	if (json_dump_file(all, tmp, JSON_COMPACT) < 0 || rename(tmp, path) < 0)
		unlink(tmp);
}

/* ---- the answers ---- */

static void take_machines(struct qemu_caps *caps, json_t *list)
{
	json_t *m;
	size_t i;

	caps->machines = xcalloc(json_array_size(list) + 1, sizeof(*caps->machines));
	json_array_foreach(list, i, m)
	{
		struct qemu_machine *q = &caps->machines[caps->nmachines++];
		q->name = xstrdup(json_string_value(json_object_get(m, "name")));
		q->alias = xstrdup(json_string_value(json_object_get(m, "alias")));
		q->max_cpus = json_integer_value(json_object_get(m, "cpu-max"));
		q->hotpluggable_cpus = json_is_true(json_object_get(m, "hotpluggable-cpus"));
		q->is_default = json_is_true(json_object_get(m, "is-default"));
		q->default_cpu = xstrdup(json_string_value(json_object_get(m, "default-cpu-type")));
	}
}

static struct hash *take_names(json_t *list)
{
	struct hash *h = hash_new();
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(json_object_get(v, "name"));
		if (name)
			hash_put(h, name, h);
	}
	return h;
}

static struct qemu_caps *digest(const char *binary, json_t *all)
{
	struct qemu_caps *caps = xcalloc(1, sizeof(*caps));
	json_t *v = json_object_get(json_object_get(all, "query-version"), "qemu");
	int major = json_integer_value(json_object_get(v, "major"));
	int minor = json_integer_value(json_object_get(v, "minor"));
	int micro = json_integer_value(json_object_get(v, "micro"));
	const char *why;

	caps->binary = xstrdup(binary);
	caps->version = xasprintf("%d.%d.%d", major, minor, micro);
	caps->v = major * 1000000 + minor * 1000 + micro;
	take_machines(caps, json_object_get(all, "query-machines"));
	caps->types = take_names(json_object_get(all, "qom-list-types"));
	caps->cpu_models = take_names(json_object_get(all, "query-cpu-definitions"));
	caps->kvm_usable = qemu_kvm_usable(&why);
	caps->kvm_why = xstrdup(why);
	return caps;
}

static char *find_binary(const char *arch, const char *emulator)
{
	static const char *const places[] = { "/usr/local/bin", "/usr/bin", "/usr/libexec", NULL };

	if (emulator && *emulator)
		return xstrdup(emulator);
	for (int i = 0; places[i]; i++) {
		char *path = xasprintf("%s/qemu-system-%s", places[i], arch);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xasprintf("/usr/bin/qemu-system-%s", arch);
}

const struct qemu_caps *qemu_caps_get(const char *arch, const char *emulator, struct error *err)
{
	bool i686 = arch && (!strcmp(arch, "i686") || !strcmp(arch, "i386"));
	autofree char *binary = find_binary(!arch ? "x86_64" : i686 ? "i386" : arch, emulator);
	autofree char *path = NULL, *key = NULL;
	struct qemu_caps *caps;
	struct stat st;
	json_t *all;

	if (i686 && !emulator && access(binary, X_OK) < 0)
		return qemu_caps_get("x86_64", NULL, err);
	if (stat(binary, &st) < 0) {
		error_set(err, errno, "the emulator '%s': %s", binary, strerror(errno));
		return NULL;
	}
	key = xasprintf("%s %lld %lld", binary, (long long)st.st_size, (long long)st.st_mtime);
	if (!known)
		known = hash_new();
	caps = hash_get(known, key);
	if (caps)
		return caps;
	path = cache_path(binary, &st);
	all = path ? json_load_file(path, 0, NULL) : NULL;
	if (!all) {
		all = probe(binary, err);
		if (!all)
			return NULL;
		cache_write(path, all);
	}
	caps = digest(binary, all);
	json_decref(all);
	hash_put(known, key, caps);
	return caps;
}

bool qemu_has(const struct qemu_caps *caps, const char *qom_type)
{
	return hash_get(caps->types, qom_type) != NULL;
}

const struct qemu_machine *qemu_machine_find(const struct qemu_caps *caps, const char *name_or_alias)
{
	for (size_t i = 0; i < caps->nmachines; i++)
		if (str_eq(caps->machines[i].name, name_or_alias) || str_eq(caps->machines[i].alias, name_or_alias))
			return &caps->machines[i];
	return NULL;
}
