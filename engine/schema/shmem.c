/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <shmem>: memory that guests share with each other or with the host (ivshmem). */
#include "../schema.h"
#include "../units.h"

static const char *const roles[] = { "master", "peer", NULL };
static const char *const models[] = { "ivshmem", "ivshmem-plain", "ivshmem-doorbell", NULL };

static int shmem_check(const struct node *n, struct error *err)
{
	bool server = node_has(n, "server") || node_is(n, "model/@type", "ivshmem-doorbell");
	uint64_t bytes;

	if (strchr(node_get_or(n, "@name", ""), '/'))
		return error_set(err, EINVAL, "line %ld: <shmem>: the name '%s' must have no '/'", node_line(n),
				 node_get(n, "@name"));
	if (node_has(n, "msi") && !server)
		return error_set(err, EINVAL, "line %ld: <shmem>: <msi> is possible only with a <server>",
				 node_line(node_child(n, "msi")));
	if (server && node_is(n, "model/@type", "ivshmem-plain"))
		return error_set(err, EINVAL, "line %ld: <shmem>: model ivshmem-plain has no <server>", node_line(n));
	if (server && node_has(n, "size"))
		return error_set(err, EINVAL,
				 "line %ld: <shmem>: with a <server> the size is the server's: leave <size> out",
				 node_line(node_child(n, "size")));
	if (!node_has(n, "size"))
		return 0;
	if (size_parse_unit(str_of(node_get(n, "size")), node_get(n, "size/@unit"), "bytes", &bytes, err) < 0)
		return error_in(err, -EINVAL, "line %ld: <shmem>", node_line(n));
	if (bytes < 1 << 20 || (bytes & (bytes - 1)))
		return error_set(err, EINVAL, "line %ld: <shmem>: the size must be a power of two and at least 1 MiB",
				 node_line(node_child(n, "size")));
	return 0;
}

const struct schema shmem_schema = {
	.element = "shmem",
	.check = shmem_check,
	.props =
		(const struct prop[]){
			{ "@name", T_STRING, .flags = P_REQUIRED, .doc = "name of the shared memory on the host" },
			{ "@role", T_ENUM, .words = roles, .dflt = "peer", .doc = "master: it moves with the guest" },
			{ "model/@type", T_ENUM, .words = models, .doc = "which device" },
			{ "size", T_SIZE, .doc = "size; bytes when there is no unit" },
			{ "server/@path", T_STRING, .doc = "socket of the ivshmem server" },
			{ "msi", T_FLAG, .doc = "interrupts between the peers" },
			{ "msi/@vectors", T_U64, .min = 1, .doc = "interrupt vectors" },
			{ "msi/@ioeventfd", T_ENUM, .words = words_on_off, .doc = "interrupts through eventfds" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
