/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the daemon, kills it just before its DIE_BEFOREth change of the kernel's network state: at that step,
 * every time, where a random kill would hit it once in a thousand. A message that asks for several changes at once counts
 * for one. Looking (dumps, gets) does not count.
 */
#include <dlfcn.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool changes(const void *data, size_t len)
{
	const struct nlmsghdr *message = data;
	bool get;

	if (len < sizeof(*message) || message->nlmsg_len > len || message->nlmsg_type < RTM_BASE)
		return false;
	get = (message->nlmsg_type - RTM_BASE) % 4 == 2;
	return !get && (message->nlmsg_flags & NLM_F_REQUEST);
}

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_NETLINK;
}

static void count(int fd, const void *data, size_t len)
{
	static unsigned long left;
	const char *text;

	if (!is_netlink(fd) || !changes(data, len))
		return;
	if (!left) {
		text = getenv("DIE_BEFORE");
		left = text ? strtoul(text, NULL, 10) : 0;
	}
	if (left && !--left)
		kill(getpid(), SIGKILL);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);

	if (!real)
		real = dlsym(RTLD_NEXT, "sendmsg");
	if (message->msg_iovlen)
		count(fd, message->msg_iov->iov_base, message->msg_iov->iov_len);
	return real(fd, message, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	static ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

	if (!real)
		real = dlsym(RTLD_NEXT, "sendto");
	count(fd, data, len);
	return real(fd, data, len, flags, to, to_len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		real = dlsym(RTLD_NEXT, "send");
	count(fd, data, len);
	return real(fd, data, len, flags);
}
