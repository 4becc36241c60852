# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# The tests' guest, in dom0; to be sourced. It is a PVH domain with Debian's kernel and a busybox initrd, whose init counts
# on two interfaces, and on a third one if that comes; it takes commands from its console. Stock Debian Xen has no shadow paging,
# so that a PV guest could not be checkpointed.

net=10.9
observer_port=9000
counts=/run/counts
count_every_us=5000

# One bridge for each interface, so that the observer tells them apart by their addresses
make_bridges() {
	local i
	for i in 0 1 2; do
		ip link add "xenbr$i" type bridge
		ip addr add "$net.$i.1/24" dev "xenbr$i"
		ip link set "xenbr$i" up
	done
}

_guest_init() {
	cat <<-I
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		export PATH=/bin
		mkdir -p /proc /sys /dev
		mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
		insmod /lib/xen-netfront.ko
		up() {
			while [ ! -e /sys/class/net/eth\$1 ]; do usleep 100000; done
			ip addr add $net.\$1.2/24 dev eth\$1
			ip link set eth\$1 up
		}
		up 0
		up 1
		/bin/counter $observer_port $count_every_us eth0 $net.0.1 eth1 $net.1.1 &
		{ up 2; exec /bin/counter $observer_port $count_every_us eth2 $net.2.1; } &
		echo GUEST UP
		exec sh </dev/hvc0 >/dev/hvc0 2>&1
	I
}

# guest_make BINDIR: /run/g.cfg, and what it names
guest_make() {
	local dir=/run/guest release
	release=$(uname -r)
	mkdir -p $dir/bin $dir/lib
	cp /bin/busybox "$1/counter" "$1/stream" $dir/bin/
	cp "/lib/modules/$release/kernel/drivers/net/xen-netfront.ko" $dir/lib/
	_guest_init >$dir/init
	chmod +x $dir/init
	(cd $dir && find . | cpio -o -H newc --quiet | gzip -1) >/run/g.gz
	cat >/run/g.cfg <<-C
		name="g"
		type="pvh"
		kernel="/boot/vmlinuz-$release"
		ramdisk="/run/g.gz"
		memory=128
		vcpus=1
		extra="console=hvc0 quiet mitigations=off"
		vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,script=vif-bridge-outcommit",
		     "mac=00:16:3e:00:00:02,bridge=xenbr1,script=vif-bridge-outcommit"]
		on_reboot="restart"
		on_crash="destroy"
	C
}

# guest_run COMMAND: at its console
guest_run() {
	local tty
	tty=$(xenstore-read "/local/domain/$(xl domid g)/console/tty")
	printf '%s\n' "$1" >"$tty"
}

# dom0 and its guests share one processor, and dom0 has more to do: it copies them
favour_dom0() { xl sched-credit -d Domain-0 -w 2048; }

counted() { wc -l <"$counts"; }
counts_beyond() { [ "$(counted)" -gt "$1" ]; }

# await SECONDS COMMAND...: until it succeeds
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
