# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The dom0 that the Xen tests boot: Debian 12 with the packages below as they come, nothing patched, nothing replaced. Sourced
# by boot, after lib.sh. It is made once, in about three minutes, and kept in the cache; nothing that runs in it can change it.

dom0_packages=(
	linux-image-amd64 xen-hypervisor-4.17-amd64 xen-utils-4.17
	iproute2 kmod procps psmisc cpio busybox-static openssh-server openssh-client
	libnl-3-200 libnl-route-3-200 libnl-genl-3-200 libev4 libinih1 libsystemd0 libjansson4
)

# Its process 1 only finds what this run wants to be run. Nothing is ever written to the disk, so that a snapshot of the memory is one of
# everything.
_image_init() {
	cat <<-'I'
		#!/bin/bash
		export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
		if [ $$ = 1 ] && [ "${1:-}" != inside ]; then
			mount -t tmpfs rw /mnt
			mkdir /mnt/upper /mnt/work /mnt/root
			modprobe overlay
			mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work root /mnt/root
			exec chroot /mnt/root /dom0-init inside
		fi
		mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
		mkdir -p /dev/pts /payload; mount -t devpts pts /dev/pts; mount -t tmpfs tmp /run; mount -t tmpfs tmp /tmp
		modprobe 9pnet_virtio
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none payload /payload
		cp /payload/init /run/init
		exec /bin/bash /run/init
	I
}

_image_make() {
	local dir=$1 source=/etc/apt/sources.list.d/debian.sources
	[ -f $source ] || source=/etc/apt/sources.list
	mkdir -p "$dir/root" "$dir/boot"
	mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${dom0_packages[*]}")" bookworm - "$source" |
		tar -x -C "$dir/root"
	_image_init >"$dir/root/dom0-init"
	chmod +x "$dir/root/dom0-init"
	cp "$dir"/root/boot/vmlinuz-* "$dir/boot/vmlinuz"
	cp "$dir"/root/boot/initrd.img-* "$dir/boot/initrd"
	gunzip -c "$dir"/root/boot/xen-4.17-amd64.gz >"$dir/boot/xen"
	ls "$dir/root/lib/modules" >"$dir/boot/release"
	mke2fs -q -t ext4 -d "$dir/root" -L root "$dir/dom0.img" 3G
	rm -rf "$dir/root"
}

# Sets image, the directory that has dom0.img and boot/{xen,vmlinuz,initrd,release}
image_get() {
	local stamp tmp
	stamp=$(sha256sum <"${BASH_SOURCE[0]}" | cut -c 1-12)
	image=$cache/xen/$stamp
	[ ! -d "$image" ] || return 0
	mkdir -p "$cache/xen"
	note "making the dom0 image"
	tmp=$(mktemp -d "$cache/xen/new.XXXXXX")
	if ! _image_make "$tmp" >"$tmp/log" 2>&1; then
		tail -n 20 "$tmp/log" >&2
		rm -rf "$tmp"
		die "could not make the dom0 image"
	fi
	chmod 755 "$tmp"
	mv -T "$tmp" "$image" 2>/dev/null || [ -d "$image/boot" ]
	rm -rf "$tmp"
}
