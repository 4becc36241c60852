// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A daemon's whole life from its clients' side: requests, and what others do meanwhile. The input's first byte chooses the module (m, o,
 * g); then come packets, separated by a line with a % in it. One that begins with ! is for the kernel, see commands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-kernel.h"
#include "rig.h"

#define PACKETS_MAX 64
#define SEPARATOR "\n%\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void do_fail(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_fail(a, (int)(b & 0x7f));
}

static void do_frames(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_send_frames(a & 0xffff);
}

static void do_down(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_set_down((int)a);
}

static void do_delete(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_delete((int)a);
}

static void do_replace(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_replace_plug((int)a);
}

static void do_unredirect(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_unredirect((int)a);
}

static void do_rename(struct rig *rig, unsigned int a, unsigned int b)
{
	char name[16];

	snprintf(name, sizeof(name), "v%u", b);
	fake_rename((int)a, name);
}

static void do_unbridge(struct rig *rig, unsigned int a, unsigned int b)
{
	fake_leave_bridge((int)a);
}

static void do_watch(struct rig *rig, unsigned int a, unsigned int b)
{
	watch_drain(&rig->mgr.watch);
}

static void do_restart(struct rig *rig, unsigned int a, unsigned int b)
{
	rig_restart(rig);
}

static void do_hang_up(struct rig *rig, unsigned int a, unsigned int b)
{
	rig_hang_up(rig);
}

static void do_pass(struct rig *rig, unsigned int a, unsigned int b)
{
	rig_pass_time(rig);
}

static const struct {
	const char *name;
	void (*run)(struct rig *rig, unsigned int a, unsigned int b);
} commands[] = {
	{ "fail", do_fail },	   { "frames", do_frames },	    { "down", do_down },	{ "delete", do_delete },
	{ "replace", do_replace }, { "unredirect", do_unredirect }, { "rename", do_rename }, { "watch", do_watch },
	{ "restart", do_restart }, { "unbridge", do_unbridge },     { "hangup", do_hang_up },	{ "pass", do_pass },
};

static void command(struct rig *rig, const char *text, size_t len)
{
	char copy[64] = "", name[16] = "";
	unsigned int a = 0, b = 0;

	memcpy(copy, text, len < sizeof(copy) - 1 ? len : sizeof(copy) - 1);
	sscanf(copy, "!%15s %u %u", name, &a, &b);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			commands[i].run(rig, a, b);
}

static void packet(struct rig *rig, const char *text, size_t len)
{
	if (len && *text == '!')
		command(rig, text, len);
	else if (len)
		rig_request(rig, text, len);
}

static enum fake_module module_of(char letter)
{
	return letter == 'm' ? FAKE_MAINLINE : letter == 'g' ? FAKE_GROUP : FAKE_OUTCOMMIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig rig;
	const char *text = (const char *)data + 1, *end = (const char *)data + size;

	if (!size)
		return 0;
	fake_boot(module_of((char)data[0]));
	rig_start(&rig);
	for (int i = 0; i < PACKETS_MAX && text < end; i++) {
		const char *next = memmem(text, (size_t)(end - text), SEPARATOR, strlen(SEPARATOR));

		packet(&rig, text, (size_t)((next ? next : end) - text));
		text = next ? next + strlen(SEPARATOR) : end;
	}
	rig_stop(&rig);
	fake_forget_packets();
	return 0;
}
