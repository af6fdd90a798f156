/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

#include <stdio.h>

#include "engine/spawn.h"

#define RECORDS 128
#define LIFE_MS 60000 /* a walk comes back to a directory within this */

struct refusal {
	uint64_t dir;
	pid_t process;
	uint64_t started;
	int64_t at_ms;
};

static struct refusal refusals[RECORDS];

/* The process of a thread: requests carry thread ids. */
static pid_t process_of(pid_t tid)
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

static struct refusal *slot_for(uint64_t dir, pid_t process)
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

void guard_refused(const struct place *dir, pid_t pid)
{
	pid_t process = process_of(pid);
	uint64_t started = process_start_time(process);
	int64_t now = now_monotonic_ms();
	struct place at = *dir;

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

bool guard_holds(const struct place *dir, pid_t pid)
{
	uint64_t ino = place_ino(dir);
	int64_t now = now_monotonic_ms();
	pid_t process = 0;

	for (unsigned i = 0; i < RECORDS; i++) {
		if (refusals[i].dir != ino || now - refusals[i].at_ms > LIFE_MS)
			continue;
		if (!process)
			process = process_of(pid);
		if (refusals[i].process == process && refusals[i].started == process_start_time(process))
			return true;
	}
	return false;
}
