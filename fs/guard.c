/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

#include <stdio.h>

#include "engine/spawn.h"

#define RECORDS 128
#define LIFE_MS 60000 /* a walk comes back to a directory within this */

struct refusal {
	uint64_t dir;
	uint64_t process, started;
	int64_t at_ms;
};

static struct refusal refusals[RECORDS];

pid_t guard_process(pid_t tid)
{
	char line[256];
	pid_t pid = tid;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", tid);
	f = fopen(line, "re");
	if (!f)
		return tid;
	while (fgets(line, sizeof(line), f) && sscanf(line, "Tgid: %d", &pid) != 1)
		;
	fclose(f);
	return pid;
}

/* Who it is, also after its pid was given to another. */
static void identify(const struct who *who, uint64_t *process, uint64_t *started)
{
	*process = who->client ? who->client : (uint64_t)guard_process(who->pid);
	*started = who->client ? 0 : process_start_time(*process);
}

static struct refusal *slot_for(uint64_t dir, uint64_t process)
{
	struct refusal *oldest = &refusals[0];

	for (unsigned i = 0; i < RECORDS; i++) {
		if (refusals[i].dir == dir && refusals[i].process == process)
			return &refusals[i];
		if (refusals[i].at_ms < oldest->at_ms)
			oldest = &refusals[i];
	}
	return oldest;
}

void guard_refused(const struct place *dir, const struct who *who)
{
	int64_t now = now_monotonic_ms();
	struct place at = *dir;
	uint64_t process, started;

	identify(who, &process, &started);
	while (at.slot->number) {
		*slot_for(place_ino(&at), process) = (struct refusal){
			.dir = place_ino(&at),
			.process = process,
			.started = started,
			.at_ms = now,
		};
		if (!at.slot->name)
			at.obj = at.obj->parent ? at.obj->parent : &root_object;
		at.slot = tree_slot(at.slot->parent);
	}
}

bool guard_holds(const struct place *dir, const struct who *who)
{
	uint64_t ino = place_ino(dir), process = 0, started;
	int64_t now = now_monotonic_ms();

	for (unsigned i = 0; i < RECORDS; i++) {
		if (refusals[i].dir != ino || now - refusals[i].at_ms > LIFE_MS)
			continue;
		if (!process)
			identify(who, &process, &started);
		if (refusals[i].process == process && refusals[i].started == started)
			return true;
	}
	return false;
}
