// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the guest under test: loads its network driver, then counts in memory and tells the
 * world every count, one frame each. What a restored guest tells first is one more than what it
 * remembers.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ETHERTYPE 0x88b5 /* for local experiments */
#define INTERVAL_NS 4000000

struct frame {
	uint8_t to[6];
	uint8_t from[6];
	uint16_t ethertype;
	uint64_t count;
	uint8_t rest[104];
} __attribute__((packed));

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	reboot(RB_POWER_OFF);
}

/* In the order in which they need each other */
static void load_modules(void)
{
	FILE *order = fopen("/modules/order", "r");
	char name[128], path[160];

	must(!!order, "/modules/order");
	while (fscanf(order, "%127s", name) == 1) {
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY);
		must(fd >= 0 && !syscall(SYS_finit_module, fd, "", 0), name);
		close(fd);
	}
	fclose(order);
}

static int open_card(struct sockaddr_ll *address)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct ifreq request = { .ifr_name = "eth0" };

	must(fd >= 0, "socket");
	must(!ioctl(fd, SIOCGIFINDEX, &request), "eth0");
	address->sll_ifindex = request.ifr_ifindex;
	request.ifr_flags = IFF_UP;
	must(!ioctl(fd, SIOCSIFFLAGS, &request), "eth0 up");
	return fd;
}

int main(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = 6 };
	struct frame frame = {
		.to = { 2, 0, 0, 0, 0, 0xfe },
		.from = { 2, 0, 0, 0, 1, 0 },
		.ethertype = htons(ETHERTYPE),
	};
	struct timespec next;
	int fd;

	load_modules();
	fd = open_card(&address);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint64_t count = 1;; count++) {
		frame.count = htobe64(count);
		must(sendto(fd, &frame, sizeof(frame), 0, (struct sockaddr *)&address,
			    sizeof(address)) == sizeof(frame), "send");
		next.tv_nsec += INTERVAL_NS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
