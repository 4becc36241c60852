/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the journal, with the domain, vif and epoch they are about as fields of their own, or to stderr where no
 * journal listens. A message is logged once, where it is handled.
 */
#ifndef OUTCOMMITD_LOG_H
#define OUTCOMMITD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

struct log {
	int level; /* LOG_ERR to LOG_DEBUG; less important messages are not formatted */
	bool journal;
};

/* What a message is about. Unset ones are NULL or 0. */
struct log_about {
	const char *domain;
	const char *vif;
	uint64_t epoch;
};

void log_init(struct log *log);
void log_write(const struct log *log, int priority, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_at(log, priority, about, ...)                                      \
	do {                                                                   \
		if ((priority) <= (log)->level)                                \
			log_write(log, priority, about, __VA_ARGS__);          \
	} while (0)

#define log_error(log, about, ...) log_at(log, LOG_ERR, about, __VA_ARGS__)
#define log_warning(log, about, ...) log_at(log, LOG_WARNING, about, __VA_ARGS__)
#define log_notice(log, about, ...) log_at(log, LOG_NOTICE, about, __VA_ARGS__)
#define log_info(log, about, ...) log_at(log, LOG_INFO, about, __VA_ARGS__)
#define log_debug(log, about, ...) log_at(log, LOG_DEBUG, about, __VA_ARGS__)

#endif
