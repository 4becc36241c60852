/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QEMU guest as the epoch loop sees it: stopped, copied, resumed. A checkpoint is either the
 * whole migration stream in a file, or a snapshot inside a qcow2 image.
 */
#ifndef QEMU_VM_H
#define QEMU_VM_H

#include "background.h"
#include "qmp.h"
#include "store.h"

struct vm {
	struct qmp qmp;
	struct background *background;
	int64_t timeout_ns;	/* for a checkpoint */
	struct store store;
	const char *node;	/* of the image that takes snapshots; NULL: files */
	uint64_t tidied;	/* snapshots of epochs before this one are deleted */

	/* What events have said */
	char migration[32];
	char job[32];
	bool shut_down;
};

/* Connect to QEMU and have it ready. 0 or a negative errno, and it has said why. */
int vm_open(struct vm *vm, const char *path);
void vm_close(struct vm *vm);

/* The operations of struct epochs_ops */
int vm_suspend(struct vm *vm, uint64_t epoch);
int vm_checkpoint(struct vm *vm, uint64_t epoch);
int vm_resume(struct vm *vm, uint64_t epoch);
int vm_wait(struct vm *vm, int64_t until_ns);

#endif
