/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool of task stacks: see stack.h.  Knows nothing of tasks. */
#include "stack.h"

#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) 0
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#endif

#define PARKED_MOST 64 /* more are unmapped */
#define PARKED_WARM 8  /* the first of these keep their pages, the rest give them back */

static void *parked[PARKED_MOST];
static unsigned nparked;

static size_t guard_size(void)
{
	static size_t page;

	if (!page)
		page = (size_t)sysconf(_SC_PAGESIZE);
	return page;
}

static void *map_stack(void)
{
	size_t guard = guard_size();
	char *p = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (p == MAP_FAILED || mprotect(p, guard, PROT_NONE) < 0)
		abort(); /* as xmalloc: there is no memory */
	(void)VALGRIND_STACK_REGISTER(p + guard, p + guard + STACK_SIZE);
	return p + guard;
}

void *stack_get(void)
{
	return nparked ? parked[--nparked] : map_stack();
}

void stack_put(void *bottom)
{
	ASAN_UNPOISON_MEMORY_REGION(bottom, STACK_SIZE); /* the dead frames' redzones */
	if (nparked == PARKED_MOST) {
		munmap((char *)bottom - guard_size(), guard_size() + STACK_SIZE);
		return;
	}
	if (nparked >= PARKED_WARM)
		madvise(bottom, STACK_SIZE, MADV_DONTNEED);
	parked[nparked++] = bottom;
}
