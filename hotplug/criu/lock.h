/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock of a directory: who has it is alone there. It is had for as long as the file is open
 * that lock_take() returns, here or in a process that was handed it.
 */
#ifndef CRIU_LOCK_H
#define CRIU_LOCK_H

/*
 * The open file; -EBUSY: somebody else has it, and still had it after that time. Uses SIGALRM if it
 * has to wait.
 */
int lock_take(int dir_fd, unsigned int wait_s);

#endif
