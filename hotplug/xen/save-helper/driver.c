/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "driver.h"

#include <errno.h>
#include <outcommit.h>
#include <string.h>
#include <syslog.h>

#include "report.h"

static int failed(const struct driver *driver, const char *what, int err,
		  const struct outcommit_error *error)
{
	report(LOG_ERR, "domain %s: %s: %s", driver->settings->domain, what, error->message);
	return err;
}

static int connect_daemon(struct driver *driver)
{
	const char *path = *driver->settings->socket ? driver->settings->socket : NULL;
	int err;

	if (driver->connection)
		return 0;
	err = outcommit_connect(path, (int)driver->settings->timeout_s * 1000, &driver->connection);
	if (err)
		report(LOG_ERR, "outcommitd cannot be reached at %s: %s",
		       path ? path : OUTCOMMIT_SOCKET, strerror(-err));
	return err;
}

/* A domain without a vif, or with a broken one, would be protected in name only. */
static int get_open_epoch(struct driver *driver, uint64_t *epoch)
{
	struct outcommit_reply *reply;
	struct outcommit_error error;
	uint64_t whole = 0, vifs = 0;
	int err;

	err = outcommit_status(driver->connection, driver->settings->domain, &reply, &error);
	if (err)
		return failed(driver, "status", err, &error);
	err = outcommit_reply_get_u64(reply, "OPEN", epoch);
	outcommit_reply_get_u64(reply, "WHOLE", &whole);
	outcommit_reply_get_u64(reply, "VIFS", &vifs);
	outcommit_reply_free(reply);
	if (!err && (!whole || !vifs)) {
		report(LOG_ERR, "domain %s: %s", driver->settings->domain,
		       vifs ? "a vif is broken" : "no vif is attached");
		err = vifs ? -EIO : -ENODEV;
	}
	return err;
}

/* Mainline's module cannot hold two epochs apart. */
static int get_outstanding_max(struct driver *driver, unsigned int *outstanding_max)
{
	struct outcommit_reply *reply;
	struct outcommit_error error;
	const char *module;
	int err;

	err = outcommit_check(driver->connection, &reply, &error);
	if (err)
		return failed(driver, "check", err, &error);
	module = outcommit_reply_get(reply, "MODULE");
	*outstanding_max =
		module && !strcmp(module, "outcommit") ? driver->settings->outstanding : 1;
	outcommit_reply_free(reply);
	return 0;
}

static int driver_open(void *data, uint64_t *epoch, unsigned int *outstanding_max)
{
	struct driver *driver = data;
	int err;

	err = connect_daemon(driver);
	if (!err)
		err = get_outstanding_max(driver, outstanding_max);
	return err ? err : get_open_epoch(driver, epoch);
}

static int driver_postsuspend(void *data, uint64_t epoch)
{
	struct driver *driver = data;
	struct outcommit_error error;
	int err = outcommit_postsuspend(driver->connection, driver->settings->domain, epoch, NULL,
					&error);

	return err ? failed(driver, "postsuspend", err, &error) : 0;
}

static int driver_preresume(void *data, uint64_t epoch)
{
	struct driver *driver = data;
	struct outcommit_error error;
	int err = outcommit_preresume(driver->connection, driver->settings->domain, epoch, &error);

	return err ? failed(driver, "preresume", err, &error) : 0;
}

static int driver_commit(void *data, uint64_t epoch)
{
	struct driver *driver = data;
	struct outcommit_error error;
	int err =
		outcommit_commit(driver->connection, driver->settings->domain, epoch, NULL, &error);

	return err ? failed(driver, "commit", err, &error) : 0;
}

const struct save_ops driver_ops = {
	.open = driver_open,
	.postsuspend = driver_postsuspend,
	.preresume = driver_preresume,
	.commit = driver_commit,
};

void driver_close(struct driver *driver)
{
	outcommit_close(driver->connection);
	driver->connection = NULL;
}
