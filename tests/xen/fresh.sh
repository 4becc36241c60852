# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A dom0 as its owner has it: Debian 12 with Xen and systemd, with sshd and what DKMS needs, and with nothing that outcommit brings or
# depends on. Sourced by boot, after image.sh. It is made once, in about five minutes, and kept in the cache beside the other one.

fresh_packages=(
	systemd-sysv linux-image-amd64 xen-system-amd64 iproute2 kmod openssh-server openssh-client dkms linux-headers-amd64
	busybox-static cpio procps psmisc
)

# Like _image_init's it writes to memory only, but what it starts is systemd; the job is a unit
_fresh_init() {
	cat <<-'I'
		#!/bin/bash
		export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		mount -t tmpfs -o size=80% rw /mnt
		mkdir /mnt/upper /mnt/work /mnt/root
		modprobe overlay
		mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work root /mnt/root
		tr -d - </proc/sys/kernel/random/uuid >/mnt/root/etc/machine-id
		cd /mnt/root
		mkdir old payload
		cat >etc/systemd/system/job.service <<-S
			[Unit]
			After=multi-user.target
			[Service]
			WorkingDirectory=/
			Environment=HOME=/root
			ExecStartPre=/sbin/modprobe 9pnet_virtio
			ExecStartPre=/bin/mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none payload /payload
			ExecStart=/bin/bash /payload/job
			[Install]
			WantedBy=default.target
		S
		mkdir -p etc/systemd/system/default.target.wants
		ln -s ../job.service etc/systemd/system/default.target.wants/job.service
		ln -s /dev/null etc/systemd/system/serial-getty@hvc0.service
		pivot_root . old
		exec chroot . sh -c 'umount -l /old; exec /lib/systemd/systemd' </dev/console >/dev/console 2>&1
	I
}

# fresh_get: sets image, as image_get does
fresh_get() {
	local stamp tmp
	stamp=$(cat "$repo"/tests/xen/{image,fresh}.sh | sha256sum | cut -c 1-12)
	image=$cache/xen/fresh.$stamp
	[ ! -d "$image" ] || return 0
	mkdir -p "$cache/xen"
	note "making the image of a dom0 to install on"
	tmp=$(mktemp -d "$cache/xen/new.XXXXXX")
	if ! _fresh_make "$tmp" >"$tmp/log" 2>&1; then
		tail -n 20 "$tmp/log" >&2
		rm -rf "$tmp"
		die "could not make the dom0 image"
	fi
	chmod 755 "$tmp"
	mv -T "$tmp" "$image" 2>/dev/null || [ -d "$image/boot" ]
	rm -rf "$tmp"
}

# As the other one is made
_fresh_make() (
	# shellcheck disable=SC2034 # _image_make's
	dom0_packages=("${fresh_packages[@]}")
	# shellcheck disable=SC2317 # _image_make's
	_image_init() { _fresh_init; }
	_image_make "$1"
)
