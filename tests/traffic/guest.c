/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays a guest: sends tagged frames of every kind on each of its interfaces, and stands still when told to.
 *
 *   guest [-b FRAMES] [-i MICROSECONDS] [-g EVERY] [-k KIND,...] DOMAIN INTERFACE...
 *
 * Every -i microseconds it sends a burst of -b frames per interface, in turn of the kinds of -k (default all); a GSO frame every
 * -g frames only. It is told what to do on file descriptor 0, a SOCK_SEQPACKET socket, and answers each word there:
 *
 *   resume EPOCH   "running": from now on frames carry this epoch
 *   pause          "paused": no frame leaves between this answer and the next resume
 *   count          "sent FRAMES...", one number per interface: only frames that the kernel took
 *   open VIF       "opened": its interface was made anew, take the new one
 *   stall          "stall SENDS": how often it could not send because its socket's buffer was full
 *
 * It begins paused, and ends when the socket is closed. Sequence numbers have no gaps: one whose frame could not be sent is
 * used for the next. It stays on one CPU: the kernel keeps one queue of received frames per CPU, and two could overtake.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"

#define VIFS_MAX 32U
/* Held frames count against the socket of their sender. */
#define SEND_BUFFER_BYTES (1 << 30)

struct vif {
	const char *name;
	int fd;
	uint64_t sequence;
	struct frame *frames[FRAME_KINDS];
};

struct guest {
	uint16_t domain;
	unsigned int burst;
	unsigned int gso_every;
	struct timespec interval;
	enum frame_kind kinds[FRAME_KINDS];
	unsigned int kind_count;
	struct vif vifs[VIFS_MAX];
	uint16_t vif_count;
	uint64_t epoch;
	uint64_t stalls;
	bool running;
};

/* Not the observer's own address: its stack then leaves the frames alone. The bridge has been told where this one is. */
static const uint8_t outside_address[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0xfe };

static void vif_bind(struct vif *vif)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(vif->name),
	};
	const int bytes = SEND_BUFFER_BYTES, on = 1;

	vif->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (vif->fd < 0 || bind(vif->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(vif->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(vif->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		err(1, "%s", vif->name);
}

static void vif_open(struct vif *vif, const char *name)
{
	struct ifreq request = { 0 };

	vif->name = name;
	vif_bind(vif);
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(vif->fd, SIOCGIFHWADDR, &request))
		err(1, "%s: address", name);
	for (enum frame_kind kind = 0; kind < FRAME_KINDS; kind++) {
		vif->frames[kind] = malloc(sizeof(struct frame));
		if (!vif->frames[kind])
			err(1, "malloc");
		frame_build(vif->frames[kind], kind, (uint8_t *)request.ifr_hwaddr.sa_data,
			    outside_address);
	}
}

static struct frame *next_frame(const struct guest *guest, const struct vif *vif)
{
	enum frame_kind kind = guest->kinds[vif->sequence % guest->kind_count];

	/* the big ones more rarely, or nothing else would fit */
	if (kind == FRAME_GSO && vif->sequence / guest->kind_count % guest->gso_every)
		kind = guest->kinds[0];
	return vif->frames[kind];
}

static bool send_one(struct guest *guest, struct vif *vif)
{
	const struct tag tag = {
		.epoch = guest->epoch,
		.sequence = vif->sequence,
		.time_ns = now_ns(),
		.domain = guest->domain,
		.vif = (uint16_t)(vif - guest->vifs),
	};
	struct frame *frame = next_frame(guest, vif);
	struct iovec parts[] = {
		{ &frame->offload, sizeof(frame->offload) },
		{ frame->bytes, frame->len },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	frame_tag(frame, &tag);
	if (sendmsg(vif->fd, &message, MSG_DONTWAIT) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			guest->stalls++;
		else if (errno != ENETDOWN && errno != ENXIO && errno != ENODEV)
			err(1, "send");
		return false;
	}
	vif->sequence++;
	return true;
}

static void send_bursts(struct guest *guest)
{
	for (uint16_t v = 0; v < guest->vif_count; v++)
		for (unsigned int i = 0; i < guest->burst; i++)
			if (!send_one(guest, &guest->vifs[v]))
				break;
}

static void answer_count(struct guest *guest, const char *word)
{
	char text[VIFS_MAX * 24] = "sent";
	size_t len = strlen(text);

	for (uint16_t v = 0; v < guest->vif_count; v++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %" PRIu64,
					guest->vifs[v].sequence);
	if (send(0, text, len, 0) < 0)
		err(1, "answer");
}

static void answer_stall(struct guest *guest, const char *word)
{
	if (dprintf(0, "stall %" PRIu64, guest->stalls) < 0)
		err(1, "answer");
}

static void answer_open(struct guest *guest, const char *word)
{
	unsigned int which;

	if (sscanf(word, "open %u", &which) != 1 || which >= guest->vif_count)
		errx(1, "bad word: %s", word);
	close(guest->vifs[which].fd);
	vif_bind(&guest->vifs[which]);
	if (send(0, "opened", 6, 0) < 0)
		err(1, "answer");
}

static void answer_pause(struct guest *guest, const char *word)
{
	guest->running = false;
	if (send(0, "paused", 6, 0) < 0)
		err(1, "answer");
}

static void answer_resume(struct guest *guest, const char *word)
{
	if (sscanf(word, "resume %" SCNu64, &guest->epoch) != 1)
		errx(1, "bad word: %s", word);
	guest->running = true;
	if (send(0, "running", 7, 0) < 0)
		err(1, "answer");
}

static const struct {
	const char *word;
	void (*answer)(struct guest *guest, const char *word);
} words[] = {
	{ "resume", answer_resume },
	{ "pause", answer_pause },
	{ "count", answer_count },
	{ "open", answer_open },
	{ "stall", answer_stall },
};

static void obey(struct guest *guest)
{
	char word[64];
	ssize_t len = recv(0, word, sizeof(word) - 1, 0);

	if (len == 0 || (len < 0 && errno == ECONNRESET))
		exit(0);
	if (len < 0)
		err(1, "control socket");
	word[len] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(word, words[i].word, strlen(words[i].word))) {
			words[i].answer(guest, word);
			return;
		}
	errx(1, "unknown word: %s", word);
}

static void run(struct guest *guest)
{
	struct pollfd control = { .fd = 0, .events = POLLIN };

	for (;;) {
		int ready = ppoll(&control, 1, guest->running ? &guest->interval : NULL, NULL);

		if (ready < 0)
			err(1, "ppoll");
		if (ready)
			obey(guest);
		else if (guest->running)
			send_bursts(guest);
	}
}

static void stay_on_one_cpu(uint16_t which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(which % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity");
}

static void choose_kinds(struct guest *guest, char *list)
{
	guest->kind_count = 0;
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		enum frame_kind kind = 0;

		while (kind < FRAME_KINDS && strcmp(name, frame_kind_name(kind)))
			kind++;
		if (kind == FRAME_KINDS || guest->kind_count == FRAME_KINDS)
			errx(2, "bad list of kinds at %s", name);
		guest->kinds[guest->kind_count++] = kind;
	}
}

static void set_interval(struct guest *guest, const char *text)
{
	unsigned long microseconds = strtoul(text, NULL, 10);

	guest->interval.tv_sec = (time_t)(microseconds / 1000000);
	guest->interval.tv_nsec = (long)(microseconds % 1000000 * 1000);
}

static void parse_options(struct guest *guest, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "b:i:g:k:")) != -1)
		switch (option) {
		case 'b':
			guest->burst = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'i':
			set_interval(guest, optarg);
			break;
		case 'g':
			guest->gso_every = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			choose_kinds(guest, optarg);
			break;
		default:
			exit(2);
		}
	if (argc - optind < 2 || argc - optind - 1 > (int)VIFS_MAX || !guest->gso_every)
		errx(2, "usage: guest [-b FRAMES] [-i MICROSECONDS] [-g EVERY] [-k KIND,...] DOMAIN INTERFACE...");
}

int main(int argc, char **argv)
{
	static struct guest guest = { .burst = 1, .gso_every = 8, .kind_count = FRAME_KINDS };

	for (enum frame_kind kind = 0; kind < FRAME_KINDS; kind++)
		guest.kinds[kind] = kind;
	set_interval(&guest, "5000");
	parse_options(&guest, argc, argv);
	guest.domain = (uint16_t)strtoul(argv[optind], NULL, 10);
	stay_on_one_cpu(guest.domain);
	for (int i = optind + 1; i < argc; i++)
		vif_open(&guest.vifs[guest.vif_count++], argv[i]);
	run(&guest);
}
