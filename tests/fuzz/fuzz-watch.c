// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Notifications as they come: packets of any content for the watch of a daemon that has two vifs, one of them holding. Input: packets,
 * each a big-endian length of 16 bits and that many bytes. The buffers' indexes are 20 and 21.
 */
#include <stdlib.h>
#include <string.h>

#include "fake-kernel.h"
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct rig *rig, const char *text)
{
	rig_request(rig, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig rig;

	fake_boot(FAKE_OUTCOMMIT);
	fake_lie();
	rig_start(&rig);
	ask(&rig, "attach\nDOMAIN=a\nVIF=vif1.0");
	ask(&rig, "attach\nDOMAIN=b\nVIF=vif1.1");
	ask(&rig, "postsuspend\nDOMAIN=b\nEPOCH=7");
	ask(&rig, "monitor");
	while (size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		fake_notify(data, len);
		data += len;
		size -= len;
	}
	watch_drain(&rig.mgr.watch);
	ask(&rig, "status\nDOMAIN=a");
	ask(&rig, "status\nDOMAIN=b");
	ask(&rig, "preresume\nDOMAIN=b\nEPOCH=7");
	rig_stop(&rig);
	fake_forget_packets();
	return 0;
}
