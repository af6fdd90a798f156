/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the state lies, mount options, and fault injection.  Set once before the loop runs. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "driver.h"
#include "event.h"
#include "faults.h"

#define HYPERVISOR_TIMEOUT_MS 5000

struct config config;

#define NAME_OF(name) name,
const char *const fault_names[] = { FAULT_POINTS(NAME_OF) NULL };

static struct fault {
	char *name; /* NULL: none is armed */
	atomic_int left;
} crash, fail;

/* NAME or NAME:N from the environment, where the names themselves have one colon. */
static void arm(struct fault *f, const char *variable)
{
	const char *text = getenv(variable);
	const char *colon = text ? strrchr(text, ':') : NULL;

	free(take(&f->name));
	atomic_store(&f->left, 1);
	if (!text || !*text)
		return;
	if (colon && colon != strchr(text, ':') && atoi(colon + 1) > 0) {
		f->name = xstrndup(text, colon - text);
		atomic_store(&f->left, atoi(colon + 1));
	} else {
		f->name = xstrdup(text);
	}
	if (word_index(fault_names, f->name) < 0)
		log_line("%s: there is no step '%s' (engine/faults.h has them)", variable, f->name);
}

/* On the loop and on the store's worker alike. */
int fault_point(const char *name, struct error *err)
{
	if (crash.name && !strcmp(crash.name, name) && atomic_fetch_sub(&crash.left, 1) == 1)
		kill(getpid(), SIGKILL);
	if (fail.name && !strcmp(fail.name, name))
		return error_set(err, EIO, "made to fail at step '%s'", name);
	return 0;
}

static char *directory(const char *variable, const char *roots, const char *xdg, const char *fallback)
{
	const char *own = getenv(variable);
	const char *base = getenv(xdg);
	const char *home = getenv("HOME");

	if (own && own[0] == '/')
		return xstrdup(own);
	if (config.root)
		return xstrdup(roots);
	if (base && base[0] == '/')
		return xasprintf("%s/domfs", base);
	if (fallback[0] != '/')
		return xasprintf("%s/%s/domfs", home ? home : "", fallback);
	return xasprintf("%s/domfs-%u", fallback, (unsigned)getuid());
}

void config_defaults(void)
{
	config_free();
	config.root = geteuid() == 0;
	config.hypervisor_timeout_ms = HYPERVISOR_TIMEOUT_MS;
	config.state_dir = directory("DOMFS_STATE_DIR", "/var/lib/domfs", "XDG_STATE_HOME", ".local/state");
	config.run_dir = directory("DOMFS_RUN_DIR", "/run/domfs", "XDG_RUNTIME_DIR", "/tmp");
	arm(&crash, "DOMFS_CRASH");
	arm(&fail, "DOMFS_FAIL");
}

void config_free(void)
{
	free(config.state_dir);
	free(config.run_dir);
	config = (struct config){ 0 };
	free(take(&crash.name));
	free(take(&fail.name));
}
