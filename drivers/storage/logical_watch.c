/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of volume groups by others.  LVM tells nobody, but each LV that is made, grown, renamed or removed is a device of the kernel, which
 * tells of it: then the groups that are known are asked for anew, once for all that comes together.
 */
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop.h"
#include "lvm.h"

#define KERNEL_GROUP 1	 /* of NETLINK_KOBJECT_UEVENT: as the kernel says it, before udev */
#define TOGETHER_MS  100 /* one lvcreate is several devices */

static struct vec watched; /* struct logical */
static int uevents = -1;
static struct loop_fd *watch;
static struct loop_timer *soon;

static void tell(void *arg unused)
{
	soon = NULL;
	for (size_t i = 0; i < watched.n; i++)
		pool_stale(((struct logical *)watched.at[i])->pool);
}

/* "change@/devices/virtual/block/dm-3" */
static void on_uevents(void *arg unused, int events unused)
{
	char bytes[4096];
	bool dm = false;
	ssize_t n;

	while ((n = recv(uevents, bytes, sizeof(bytes) - 1, 0)) > 0 || (n < 0 && errno == ENOBUFS)) {
		if (n > 0)
			bytes[n] = 0;
		dm |= n < 0 || strstr(bytes, "/block/dm-"); /* the buffer ran over: perhaps it was one of these */
	}
	if (dm && !soon)
		soon = loop_timer(TOGETHER_MS, tell, NULL);
}

static void listen_to_kernel(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };

	uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (uevents >= 0 && bind(uevents, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		watch = loop_watch(uevents, LOOP_READ, on_uevents, NULL);
	if (!watch) /* in a container without them: `refresh` does it */
		base_close_p(&uevents);
}

void logical_watch(struct logical *g)
{
	if (!watched.n)
		listen_to_kernel();
	vec_add(&watched, g);
}

void logical_unwatch(struct logical *g)
{
	if (!vec_drop(&watched, g) || watched.n)
		return;
	loop_untimer(take(&soon));
	loop_unwatch(take(&watch));
	base_close_p(&uevents);
	uevents = -1;
	vec_clear(&watched, NULL);
}
