// SPDX-License-Identifier: GPL-2.0-or-later
/* Journal with fields if stderr is the journal's, else lines on stderr with the priority in front. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#define LOG_LINE_MAX 512
#define LOG_FIELDS 5

static const char *const priority_names[] = {
	[LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",	[LOG_CRIT] = "crit", [LOG_ERR] = "error",
	[LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

/* JOURNAL_STREAM names the device and inode that stderr must be for the journal to be at its other end. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_init(struct log *log)
{
	log->level = LOG_INFO;
	log->journal = stderr_is_journal();
}

static void write_journal(int priority, const struct log_about *about, const char *line)
{
	char fields[LOG_FIELDS][LOG_LINE_MAX + 32];
	struct iovec iov[LOG_FIELDS];
	size_t count = 0;

	snprintf(fields[count++], sizeof(fields[0]), "MESSAGE=%s", line);
	snprintf(fields[count++], sizeof(fields[0]), "PRIORITY=%d", priority);
	if (about && about->domain)
		snprintf(fields[count++], sizeof(fields[0]), "OUTCOMMIT_DOMAIN=%s", about->domain);
	if (about && about->vif)
		snprintf(fields[count++], sizeof(fields[0]), "OUTCOMMIT_VIF=%s", about->vif);
	if (about && about->epoch)
		snprintf(fields[count++], sizeof(fields[0]), "OUTCOMMIT_EPOCH=%" PRIu64, about->epoch);
	for (size_t i = 0; i < count; i++)
		iov[i] = (struct iovec){ .iov_base = fields[i], .iov_len = strlen(fields[i]) };
	sd_journal_sendv(iov, (int)count);
}

static void write_stderr(int priority, const struct log_about *about, const char *line)
{
	char where[160] = "";
	size_t len = 0;

	if (about && about->domain)
		len += (size_t)snprintf(where + len, sizeof(where) - len, "%s: ", about->domain);
	if (about && about->vif && len < sizeof(where))
		len += (size_t)snprintf(where + len, sizeof(where) - len, "%s: ", about->vif);
	if (about && about->epoch && len < sizeof(where))
		snprintf(where + len, sizeof(where) - len, "epoch %" PRIu64 ": ", about->epoch);
	fprintf(stderr, "outcommitd: %s: %s%s\n", priority_names[priority], where, line);
}

void log_write(const struct log *log, int priority, const struct log_about *about, const char *format, ...)
{
	int saved = errno;
	char line[LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (log->journal)
		write_journal(priority, about, line);
	else
		write_stderr(priority, about, line);
	errno = saved;
}
