/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libxl-netbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/plug.h>
#include <netlink/socket.h>

static int failed(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, err < 0 ? nl_geterror(err) : "unexpected");
	return err < 0 ? err : -1;
}

int netbuf_open(struct netbuf *netbuf, const char *script, const char *vif, int domid, int devid)
{
	int err;

	*netbuf = (struct netbuf){.script = script, .vif = vif, .socket = nl_socket_alloc()};
	snprintf(netbuf->path, sizeof(netbuf->path), "/libxl/%d/remus/netbuf/%d", domid, devid);
	err = nl_connect(netbuf->socket, NETLINK_ROUTE);
	if (!err)
		err = rtnl_qdisc_alloc_cache(netbuf->socket, &netbuf->qdiscs);
	return err ? failed("qdisc cache", err) : 0;
}

void netbuf_key(const struct netbuf *netbuf, const char *key, char *value, int size)
{
	char command[160];
	FILE *pipe;

	snprintf(command, sizeof(command), "xenstore-read %s/%s 2>/dev/null", netbuf->path, key);
	*value = '\0';
	pipe = popen(command, "r");
	if (!pipe)
		return;
	if (fgets(value, size, pipe))
		value[strcspn(value, "\n")] = '\0';
	pclose(pipe);
}

static int run_script(const struct netbuf *netbuf, const char *operation)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("vifname", netbuf->vif, 1);
		setenv("XENBUS_PATH", netbuf->path, 1);
		if (*netbuf->ifb && !strcmp(operation, "teardown"))
			setenv("REMUS_IFB", netbuf->ifb, 1);
		execl(netbuf->script, netbuf->script, operation, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status ? failed(operation, 0) : 0;
}

static int find_qdisc(struct netbuf *netbuf)
{
	struct rtnl_link *link;
	const char *kind;
	int err;

	err = nl_cache_refill(netbuf->socket, netbuf->qdiscs);
	if (err)
		return failed("refill", err);
	err = rtnl_link_get_kernel(netbuf->socket, 0, netbuf->ifb, &link);
	if (err)
		return failed(netbuf->ifb, err);
	netbuf->qdisc =
		rtnl_qdisc_get_by_parent(netbuf->qdiscs, rtnl_link_get_ifindex(link), TC_H_ROOT);
	rtnl_link_put(link);
	kind = netbuf->qdisc ? rtnl_tc_get_kind(TC_CAST(netbuf->qdisc)) : NULL;
	return kind && !strcmp(kind, "plug") ? 0 : failed("root qdisc is not plug", 0);
}

int netbuf_setup(struct netbuf *netbuf)
{
	char error[256];
	int err = run_script(netbuf, "setup");

	if (err)
		return err;
	netbuf_key(netbuf, "ifb", netbuf->ifb, sizeof(netbuf->ifb));
	netbuf_key(netbuf, "hotplug-error", error, sizeof(error));
	if (!*netbuf->ifb || *error)
		return failed("xenstore has no ifb, or an error", 0);
	return find_qdisc(netbuf);
}

static int operate(struct netbuf *netbuf, int (*operation)(struct rtnl_qdisc *))
{
	int err = netbuf->qdisc ? operation(netbuf->qdisc) : -1;

	if (!err)
		err = rtnl_qdisc_add(netbuf->socket, netbuf->qdisc, NLM_F_REQUEST);
	return err ? failed("plug operation", err) : 0;
}

int netbuf_buffer(struct netbuf *netbuf)
{
	return operate(netbuf, rtnl_qdisc_plug_buffer);
}

int netbuf_release_one(struct netbuf *netbuf)
{
	return operate(netbuf, rtnl_qdisc_plug_release_one);
}

int netbuf_teardown(struct netbuf *netbuf)
{
	int err = run_script(netbuf, "teardown");

	if (netbuf->qdisc)
		nl_object_put((struct nl_object *)netbuf->qdisc);
	netbuf->qdisc = NULL;
	return err;
}

void netbuf_close(struct netbuf *netbuf)
{
	nl_cache_free(netbuf->qdiscs);
	nl_socket_free(netbuf->socket);
}
