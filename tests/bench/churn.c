// SPDX-License-Identifier: GPL-2.0-or-later
/* Somebody else's work: adds and deletes a dummy link without pause, holding RTNL most of the time. Until killed. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>

int main(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct rtnl_link *link = rtnl_link_alloc();

	if (!sock || !link || nl_connect(sock, NETLINK_ROUTE))
		return 1;
	rtnl_link_set_name(link, "churn0");
	rtnl_link_set_type(link, "dummy");
	for (;;) {
		int ret = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);

		if (!ret)
			ret = rtnl_link_delete(sock, link);
		if (ret) {
			fprintf(stderr, "churn: %s\n", nl_geterror(ret));
			return 1;
		}
	}
}
