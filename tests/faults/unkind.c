/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the daemon, does to its netlink traffic what a kernel short of memory does: requests that are not taken, one message
 * of a batch that is refused, answers that are lost, late or come twice, notifications that are lost. Everything else
 * is the real kernel's: what is not refused is really done.
 *
 * UNKIND_CONTROL names a file of at least sizeof(struct control) bytes, which says what to do, and is told how often the daemon was
 * given to see it: what was prepared and never came to that does not count. Whoever writes it writes the kind last.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 1024
#define PACKET_BYTES 65536U
#define EXPORT __attribute__((visibility("default")))

enum kind {
	KIND_NONE,
	KIND_SEND_FAILS, /* nothing of the batch is done */
	KIND_REFUSED, /* one message of the batch is not done, its answer is the error */
	KIND_ANSWER_LOST, /* done, but the queue of answers was full */
	KIND_ANSWER_LATE, /* the last one comes when nobody waits for it any more */
	KIND_ANSWER_TWICE,
	KIND_NEWS_LOST, /* the watching socket's queue was full */
};

struct control {
	uint32_t kind; /* enum kind */
	uint32_t skip; /* so many chances first */
	uint32_t left; /* then so many times */
	uint32_t error; /* errno, for those that have one */
	uint32_t which; /* message of the batch, from 0; modulo how many there are */
	uint32_t done; /* how often the daemon saw it */
};

struct aside {
	int fd; /* -1: nothing put aside */
	enum kind kind; /* why */
	bool after_send;
	size_t len;
	char packet[PACKET_BYTES];
};

static struct control no_control;
static volatile struct control *control;
static struct aside aside = { .fd = -1 };
static uint32_t refused_seq;
static bool asks[FDS]; /* of a socket: requests go out through it */
static size_t room[FDS]; /* the smallest that packets of a socket were ever given */

static void find_control(void)
{
	const char *path = getenv("UNKIND_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *found = fd < 0 ? MAP_FAILED :
			       mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	control = found == MAP_FAILED ? &no_control : found;
	if (fd >= 0)
		close(fd);
}

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return fd >= 0 && fd < FDS && !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_NETLINK;
}

/* Whether it is the turn of @kind now. */
static bool hit(enum kind kind)
{
	if (!control)
		find_control();
	if (control->kind != kind || !control->left)
		return false;
	if (control->skip) {
		control->skip--;
		return false;
	}
	control->left--;
	return true;
}

/* What was prepared before another kind was asked for is none of that. */
static void done(enum kind kind)
{
	if (control->kind == kind)
		control->done++;
}

/* The kernel answers a message of no kind with a good acknowledgement; only the error in it is then ours. */
static ssize_t send_all_but_one(int fd, const struct msghdr *message, int flags,
				ssize_t (*real)(int, const struct msghdr *, int))
{
	struct nlmsghdr *one = message->msg_iov[control->which % message->msg_iovlen].iov_base;
	const struct nlmsghdr before = *one;
	ssize_t sent;

	refused_seq = one->nlmsg_seq;
	one->nlmsg_type = NLMSG_NOOP;
	one->nlmsg_flags |= NLM_F_ACK;
	sent = real(fd, message, flags);
	one->nlmsg_type = before.nlmsg_type;
	one->nlmsg_flags = before.nlmsg_flags;
	return sent;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);

	if (!real)
		real = dlsym(RTLD_NEXT, "sendmsg");
	if (!is_netlink(fd) || !message->msg_iovlen)
		return real(fd, message, flags);
	asks[fd] = true;
	aside.after_send = false;
	if (hit(KIND_SEND_FAILS)) {
		done(KIND_SEND_FAILS);
		errno = (int)control->error;
		return -1;
	}
	if (hit(KIND_REFUSED))
		return send_all_but_one(fd, message, flags, real);
	return real(fd, message, flags);
}

static bool is_ack(const void *packet, size_t len)
{
	return len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) && ((const struct nlmsghdr *)packet)->nlmsg_type == NLMSG_ERROR;
}

/*
 * Whether nothing more is waited for behind it: an acknowledgement, or the one answer of generic netlink. The queue keeps its order:
 * only such a one can be late.
 */
static bool is_last(int fd, const void *packet, size_t len)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	if (is_ack(packet, len))
		return true;
	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == NETLINK_GENERIC;
}

static void refuse(void *packet, size_t len)
{
	struct nlmsghdr *answer = packet;
	struct nlmsgerr *error = NLMSG_DATA(answer);

	if (!refused_seq || !is_ack(packet, len) || answer->nlmsg_seq != refused_seq)
		return;
	error->error = -(int)control->error;
	refused_seq = 0;
	done(KIND_REFUSED);
}

static void put_aside(int fd, const void *packet, size_t len, enum kind kind)
{
	aside.fd = fd;
	aside.kind = kind;
	aside.after_send = kind == KIND_ANSWER_LATE;
	aside.len = len;
	memcpy(aside.packet, packet, len);
}

/* What was put aside comes as the kernel's next packet. */
static bool take_aside(int fd, struct mmsghdr *to)
{
	if (aside.fd != fd || aside.after_send)
		return false;
	memcpy(to->msg_hdr.msg_iov->iov_base, aside.packet, aside.len);
	to->msg_len = (unsigned int)aside.len;
	if (to->msg_hdr.msg_name)
		*(struct sockaddr_nl *)to->msg_hdr.msg_name = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
	aside.fd = -1;
	done(aside.kind);
	return true;
}

static bool lose_or_keep(int fd, struct mmsghdr *packet)
{
	void *bytes = packet->msg_hdr.msg_iov->iov_base;

	refuse(bytes, packet->msg_len);
	/* what comes again comes into whatever room there is then */
	if (packet->msg_len <= room[fd] && hit(KIND_ANSWER_TWICE))
		put_aside(fd, bytes, packet->msg_len, KIND_ANSWER_TWICE);
	if (is_last(fd, bytes, packet->msg_len) && packet->msg_len <= room[fd] && hit(KIND_ANSWER_LATE)) {
		put_aside(fd, bytes, packet->msg_len, KIND_ANSWER_LATE);
		packet->msg_len = 0;
	} else if (hit(KIND_ANSWER_LOST)) {
		done(KIND_ANSWER_LOST);
		packet->msg_len = 0;
		return true;
	}
	return false;
}

/* Whether one of those that a socket is told without asking is lost: the queue was full. */
static bool lose_news(int fd, struct mmsghdr *packets, int got)
{
	if (asks[fd] || got <= 0 || !hit(KIND_NEWS_LOST))
		return false;
	for (int i = 0; i < got; i++)
		packets[i].msg_len = 0;
	done(KIND_NEWS_LOST);
	return true;
}

static void measure_room(int fd, const struct mmsghdr *packet)
{
	size_t len = packet->msg_hdr.msg_iov->iov_len;

	if (len > PACKET_BYTES)
		len = PACKET_BYTES;
	if (!room[fd] || len < room[fd])
		room[fd] = len;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *packets, unsigned int count, int flags, struct timespec *timeout)
{
	static int (*real)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
	static bool overrun[FDS];
	int got;

	if (!real)
		real = dlsym(RTLD_NEXT, "recvmmsg");
	if (!is_netlink(fd))
		return real(fd, packets, count, flags, timeout);
	if (overrun[fd]) {
		overrun[fd] = false;
		errno = ENOBUFS;
		return -1;
	}
	if (!count)
		return real(fd, packets, count, flags, timeout);
	measure_room(fd, packets);
	if (take_aside(fd, packets))
		return 1;
	got = real(fd, packets, count, flags, timeout);
	overrun[fd] = lose_news(fd, packets, got);
	for (int i = 0; asks[fd] && i < got; i++)
		overrun[fd] |= lose_or_keep(fd, &packets[i]);
	return got;
}
