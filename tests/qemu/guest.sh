# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A QEMU guest for the tests: Debian's kernel, and guest.c as its only process. Sourced after lib.sh and kernel.sh.

# Sets vmlinuz and guest_initrd.
qemu_guest_get() {
	local dir=$build/qemu-guest
	mkdir -p "$cache/vm"
	kernel_get
	rm -rf "$dir"
	kernel_initrd_modules "$dir" virtio_pci virtio_net
	rm "$dir/bin/busybox"
	gcc -O2 -Wall -Wextra -Werror -static -o "$dir/init" "$repo/tests/qemu/guest.c"
	guest_initrd=$build/qemu-guest.cpio
	(cd "$dir" && find . | cpio -o -H newc --quiet) >"$guest_initrd"
}
