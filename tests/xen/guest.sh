# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# Guests for the tests, in dom0; to be sourced. A guest is a PVH domain with Debian's kernel and a busybox initrd, whose init
# counts: stock Debian Xen has no shadow paging, so that a PV guest cannot be checkpointed.

address=10.9.0
observer_port=9000

make_bridge() {
	ip link add xenbr0 type bridge
	ip addr add "$address.1/24" dev xenbr0
	ip link set xenbr0 up
}

# guest_init MICROSECONDS
_guest_init() {
	cat <<-I
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mkdir -p /proc /sys /dev
		mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
		insmod /lib/xen-netfront.ko
		while [ ! -e /sys/class/net/eth0 ]; do usleep 50000; done
		ip addr add $address.2/24 dev eth0
		ip link set eth0 up
		echo GUEST UP
		exec /bin/counter $address.1 $observer_port $1 eth0
	I
}

# guest_make NAME MICROSECONDS VIFS
guest_make() {
	local dir=/tmp/guest-$1 release vif i
	release=$(uname -r)
	mkdir -p "$dir/bin" "$dir/lib"
	cp /bin/busybox /payload/bin/counter "$dir/bin/"
	cp "/lib/modules/$release/kernel/drivers/net/xen-netfront.ko" "$dir/lib/"
	_guest_init "$2" >"$dir/init"
	chmod +x "$dir/init"
	(cd "$dir" && find . | cpio -o -H newc --quiet | gzip -1) >"/tmp/$1.gz"
	for ((i = 1; i <= $3; i++)); do vif="${vif:+$vif,}\"mac=00:16:3e:00:00:0$i,bridge=xenbr0\""; done
	cat >"/tmp/$1.cfg" <<-C
		name="$1"
		type="pvh"
		kernel="/boot/vmlinuz-$release"
		ramdisk="/tmp/$1.gz"
		memory=128
		vcpus=1
		extra="console=hvc0 quiet"
		vif=[$vif]
		on_reboot="destroy"
		on_crash="destroy"
	C
}

# await SECONDS COMMAND...: until it succeeds
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
