/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All steps at which the process can be made to die or to fail (fault_point in driver.h), in the order in which an operation passes
 * them.  A test walks this table: DOMFS_CRASH=NAME, mount, do it, remount, look.  A name that is not here does not exist.
 */
#ifndef DOMFS_FAULTS_H
#define DOMFS_FAULTS_H

/* clang-format off */
#define FAULT_POINTS(X) \
	/* any write of the state directory, on its worker */ \
	X("store:begin") X("store:written") X("store:synced") X("store:renamed") X("store:done") \
	/* mkdir of a domain */ \
	X("make:begin") X("make:stored") X("make:done") \
	/* a write to xml, or to an attribute */ \
	X("define:begin") X("define:parsed") X("define:live") X("define:stored") X("define:done") \
	/* rename, removal */ \
	X("rename:begin") X("rename:stored") X("rename:done") \
	X("drop:begin") X("drop:stored") X("drop:done") \
	X("start:begin") X("start:dir") X("start:recorded") X("start:qemu-files") X("start:qemu-spawned") \
	X("start:qemu-monitor") X("start:qemu-cont") X("start:running") X("start:saved") X("start:done") \
	/* destroy, and the end of a guest however it came */ \
	X("stop:begin") X("stop:recorded") X("stop:gone") X("stop:dir") X("stop:done") \
	/* mkdir, rmdir, definition and value of a secret */ \
	X("secret:begin") X("secret:value") X("secret:stored") \
	/* mkdir, rows and xml of a pool; rename, removal; start and stop */ \
	X("pool-define:stored") X("pool-rename:stored") X("pool-rename:done") X("pool-drop:begin") X("pool-drop:stored") \
	X("pool-start:begin") X("pool-start:recorded") X("pool-stop:stopped") \
	/* a volume; its upload, on the thread that writes */ \
	X("volume-create:begin") X("volume-create:made") X("volume-clone:made") X("volume-rename:begin") \
	X("volume-rename:moved") X("volume-remove:begin") X("volume-remove:removed") \
	X("volume-upload:begin") X("volume-upload:made") \
	/* a device into or out of the running guest */ \
	X("plug:begin") X("plug:completed") X("plug:qemu-item") X("plug:attached") X("plug:recorded") X("plug:stored") X("plug:done") \
	X("unplug:begin") X("unplug:detached") X("unplug:recorded") X("unplug:stored") X("unplug:done")
/* clang-format on */

extern const char *const fault_names[]; /* NULL ends it */

#endif
