/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine-level parts of the driver: what stands above the devices.  None of it waits. */
#ifndef DOMFS_QEMU_DOMAIN_H
#define DOMFS_QEMU_DOMAIN_H

#include "qemu.h"

/* machine.c */
int qemu_complete_machine(struct complete *c, struct error *err);
int qemu_plan_machine(struct plan *p, struct error *err); /* -machine, -accel */
/* cpu.c */
int qemu_complete_cpu(struct complete *c, struct error *err);
int qemu_plan_cpu(struct plan *p, struct error *err); /* -cpu */
const char *qemu_cpu_type(const struct node *root);   /* the model as QEMU names it */
/* vcpus.c */
int qemu_complete_vcpus(struct complete *c, struct error *err);
int qemu_plan_smp(struct plan *p);
void qemu_plan_vcpus(struct plan *p); /* those that are devices */
/* memory.c */
int qemu_complete_memory(struct complete *c, struct error *err);
int qemu_plan_memory(struct plan *p, struct error *err); /* -m and its backend */
bool qemu_main_backend(const struct plan *p);		 /* is the main memory an object of ours, named pc.ram? */
/* The backend object ID of SIZE bytes for guest node CELL (NULL: there are no nodes); memory devices may use it as well. */
json_t *qemu_memory_backend(struct plan *p, const char *id, uint64_t size, const struct node *cell);
uint64_t qemu_cell_bytes(const struct node *cell); /* whole MiB */
/* numa.c; CELL is a guest node's number, -1 where there are none */
int qemu_check_numa(struct complete *c, struct error *err);
int qemu_plan_numa(struct plan *p);
bool qemu_has_hmat(const struct node *root);
bool qemu_in_set(const char *set, int64_t number); /* "0-3,^2" */
bool qemu_has_host_nodes(const struct node *root, int64_t cell);
void qemu_add_host_nodes(const struct plan *p, json_t *backend,
			 int64_t cell);				       /* "host-nodes" and "policy" by <numatune> */
int qemu_check_host_nodes(const struct node *root, struct error *err); /* does this host have them? */
/* iothreads.c */
void qemu_complete_iothreads(struct node *root);
int qemu_check_iothreads(const struct node *root, struct error *err);
bool qemu_has_iothread(const struct node *root, uint64_t id);
void qemu_plan_iothreads(struct plan *p);
/* features.c */
int qemu_complete_features(struct complete *c, struct error *err);
/* clock.c */
int qemu_check_clock(struct complete *c, struct error *err);
int qemu_plan_clock(struct plan *p, struct error *err); /* -rtc, -global */
/* os.c: boot order, kernel, ACPI tables */
int qemu_plan_boot(struct plan *p, struct error *err);
int qemu_check_os(struct complete *c, struct error *err);
/* firmware.c */
int qemu_complete_firmware(struct complete *c, struct error *err);
int qemu_plan_firmware(struct plan *p, struct error *err); /* pflash nodes, -bios */
/* nvram.c */
char *qemu_default_nvram(const struct node *root); /* caller frees */
bool qemu_nvram_is_ours(const struct node *root, const char *path);
int qemu_prepare_nvram(struct domain *d, struct error *err); /* makes the file from its template.  Task */
/* smbios.c */
int qemu_plan_smbios(struct plan *p, struct error *err);
int qemu_check_smbios(struct complete *c, struct error *err);

/* tuning.c */
int qemu_check_tuning(struct complete *c, struct error *err);
int qemu_tuning_refusal(const struct node *root, struct error *err); /* what can be defined but not started yet */

/* Boot order of a disk or NIC without a <boot order> of its own, out of <os><boot dev>: 0 when it has none. */
unsigned qemu_boot_index(const struct plan *p, const struct node *dev);

/* PATH's value in the words of -machine and the like: adds ",KEY=on|off" when the definition has it. */
void qemu_add_onoff(struct buf *out, const struct node *base, const char *path, const char *key);

/* The words of a plan for people: quoted for a shell, an option a line.  Caller frees. */
char *plan_text(const struct plan *p);
/* What `domfs check` and driver.h want. */
char *qemu_fresh(const char *name);
int qemu_command(const struct doc *full, const char *name, struct buf *out, struct error *err);

#endif
