/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup: a directory of checkpoints, and what stores them there. Whoever has its lock decides
 * what becomes of it: a restore takes it, and from then on no checkpoint is acknowledged any more,
 * so that what the old primary still sends stays held, whatever that host does.
 */
#ifndef CRIU_RECEIVE_H
#define CRIU_RECEIVE_H

#include <stdbool.h>

/*
 * DIR/DOMAIN, made if it is not there, and locked; -EBUSY: somebody else has it, and still had it
 * after that time. Uses SIGALRM if it has to wait.
 */
int backup_open(const char *dir, const char *domain, unsigned int wait_s);

/*
 * From now on only this life of the tree may send to it: one that is restored is another than the
 * one whose checkpoint that was, wherever that may still be alive.
 */
int backup_set_life(int dir_fd, const char *life);

/* Its last protection was ended as asked: nothing is lost if it is not restored. */
bool backup_stood_down(int dir_fd);

/* Store what comes on @in, and acknowledge it on @out, until the end of the stream. */
int receive_run(int dir_fd, int in, int out);

#endif
