# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A small Debian that boots with systemd, with nothing of ours on it but, in apt's cache, the packages that ours depend on (and
# CRIU, which would take long to install), and with Prometheus' node exporter, which does not run by itself.
# Sourced by run, after lib.sh. It is kept in the cache; nothing that runs in it can change it.

# Where this machine gets its packages from
debian_sources() {
	local source=/etc/apt/sources.list.d/debian.sources
	[ -f $source ] || source=/etc/apt/sources.list
	echo $source
}

# Process 1: /mnt is the directory that the run shares, and the modules are those of the kernel that runs
_image_init() {
	cat <<-'I'
		#!/bin/sh
		mount -t proc proc /proc
		share=$(sed 's/.* share=\([^ ]*\).*/\1/' /proc/cmdline)
		mkdir -p "/lib/modules/$(uname -r)"
		mount -t hostfs modules "/lib/modules/$(uname -r)" -o "/usr/lib/uml/modules/$(uname -r)"
		mount -t hostfs share /mnt -o "$share"
		umount /proc
		exec /lib/systemd/systemd --show-status=no --log-target=journal
	I
}

_image_service() {
	cat <<-'S'
		[Unit]
		After=multi-user.target
		[Service]
		Type=oneshot
		ExecStart=/bin/sh -c 'cd /mnt && ./guest-script >out 2>err; echo $? >status'
		ExecStopPost=systemctl poweroff --force
		[Install]
		WantedBy=default.target
	S
}

_image_fill() {
	local root=$1
	shift
	_image_init >"$root/sbin/outcommit-init"
	_image_service >"$root/etc/systemd/system/guest-script.service"
	chmod +x "$root/sbin/outcommit-init"
	chroot "$root" systemctl -q enable guest-script.service
	chroot "$root" systemctl -q disable prometheus-node-exporter.service
	# dependencies of our packages are fetched, and not installed
	mkdir "$root/debs"
	cp "$@" "$root/debs/"
	chroot "$root" sh -c 'cd /debs && apt-get -qy --no-install-recommends --download-only install ./*.deb'
	rm -r "$root/debs"
}

_image_make() {
	local dir=$1
	shift
	mmdebstrap --quiet --variant=minbase --include=systemd-sysv,kmod,procps,iproute2,iputils-ping,criu,prometheus-node-exporter \
		--skip=cleanup/apt/lists bookworm "$dir/root" "$(debian_sources)"
	_image_fill "$dir/root" "$@"
	mke2fs -q -t ext4 -d "$dir/root" "$dir/root.img" 2G
	rm -rf "$dir/root"
}

# image_get DEB...: sets image, the file system for boot
image_get() {
	local stamp tmp deb
	stamp=$({ cat "$repo/tests/debian/image.sh"; for deb; do dpkg-deb -f "$deb" Package Depends; done; } | sha256sum | cut -c 1-12)
	image=$cache/debian/$stamp/root.img
	[ ! -f "$image" ] || return 0
	rm -rf "$cache/debian"
	mkdir -p "$cache/debian"
	note "making the image of a Debian to install on"
	tmp=$(mktemp -d "$cache/debian/new.XXXXXX")
	if ! _image_make "$tmp" "$@" >"$tmp/log" 2>&1; then
		tail -n 20 "$tmp/log" >&2
		rm -rf "$tmp"
		die "could not make the image"
	fi
	mv -T "$tmp" "$cache/debian/$stamp" 2>/dev/null || [ -f "$image" ]
	rm -rf "$tmp"
}
