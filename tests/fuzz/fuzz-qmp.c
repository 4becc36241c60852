// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What QEMU's monitor, or whoever sits on its socket, says to outcommit-qmp: from the greeting on
 * through epochs, one piece whenever the driver waits. It is gone after the last. The input's first
 * letter is s for snapshots or f for files; pieces are divided by a line "%". What the driver then
 * says on the terminal must be fit for one, and what it stores must stay within its bounds.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm.h"

#define EPOCHS 2
#define INPUT_MAX 65536U /* bytes: less than a socket takes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_background_wait_any(struct background *background, int fd, int64_t until_ns);
void __wrap_epochs_say(const struct epochs *loop, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_store_begin(const struct store *store, uint64_t epoch);
int __wrap_store_finish(const struct store *store, uint64_t epoch, int fd);
void __wrap_store_drop(const struct store *store, uint64_t epoch, int fd);
void __wrap_store_tidy(const struct store *store, uint64_t from, uint64_t to);

static struct {
	const char *rest;
	size_t left;
	int fd;
	int driver_fd;
} monitor;

int __wrap_socket(int domain, int type, int protocol)
{
	return monitor.driver_fd;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return 0;
}

/* Commands are read, so that there is room for the next, and descriptors among them are closed. */
static void hear(void)
{
	char text[4096];

	while (recv(monitor.fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

static void speak(void)
{
	const char *end = monitor.left ? memmem(monitor.rest, monitor.left, "%\n", 2) : NULL;
	size_t len = end ? (size_t)(end - monitor.rest) : monitor.left;
	size_t taken = end ? len + 2 : len;

	if (!monitor.left)
		shutdown(monitor.fd, SHUT_WR);
	else if (len && send(monitor.fd, monitor.rest, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
		abort();
	monitor.rest += taken;
	monitor.left -= taken;
}

int __wrap_background_wait_any(struct background *background, int fd, int64_t until_ns)
{
	hear();
	speak();
	return 1;
}

void __wrap_epochs_say(const struct epochs *loop, const char *format, ...)
{
	char line[1280];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (const char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || (*c == '\xc2' && (unsigned char)c[1] < 0xa0))
			abort();
}

int __wrap_store_begin(const struct store *store, uint64_t epoch)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

int __wrap_store_finish(const struct store *store, uint64_t epoch, int fd)
{
	return close(fd);
}

void __wrap_store_drop(const struct store *store, uint64_t epoch, int fd)
{
	close(fd);
}

void __wrap_store_tidy(const struct store *store, uint64_t from, uint64_t to)
{
}

static void check(const struct vm *vm)
{
	if (vm->qmp.len > vm->qmp.size || vm->qmp.len > QMP_LINE_MAX)
		abort();
	if (!memchr(vm->migration, '\0', sizeof(vm->migration)) || !memchr(vm->job, '\0', sizeof(vm->job)))
		abort();
}

static void live(struct vm *vm)
{
	struct epochs *loop = vm->background->loop;

	if (vm_open(vm, "monitor"))
		return;
	for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
		vm_suspend(vm, epoch);
		check(vm);
		vm_checkpoint(vm, epoch);
		check(vm);
		loop->closed = loop->committed = epoch;
		vm_resume(vm, epoch);
		check(vm);
		vm_wait(vm, 0);
		check(vm);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct epochs loop = { .domain = "web" };
	struct background background = { .loop = &loop, .signal_fd = -1 };
	struct vm vm = {
		.qmp = { .fd = -1, .timeout_ns = 1000000000 },
		.background = &background,
		.timeout_ns = 1000000000,
		.store = { .directory = "/nowhere", .domain = "web" },
	};
	int fds[2];

	if (size < 2 || size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return 0;
	vm.node = data[0] == 's' ? "state" : NULL;
	monitor.rest = (const char *)data + 2;
	monitor.left = size - 2;
	monitor.fd = fds[0];
	monitor.driver_fd = fds[1];
	live(&vm);
	check(&vm);
	vm_close(&vm);
	close(monitor.fd);
	return 0;
}
