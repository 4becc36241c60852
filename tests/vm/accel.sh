# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Which accelerator QEMU can use here. Sourced by run, after kernel.sh.
#
# A /dev/kvm that opens proves nothing: nested, it may hang its guest or refuse a register. So a guest that only
# powers off is tried, and the answer kept for as long as this machine is up.

_accel_probe_initrd() {
	local dir=$run/probe
	mkdir -p "$dir/bin" "$dir/proc"
	cp /bin/busybox "$dir/bin/"
	printf '#!/bin/busybox sh\necho probe-alive\n/bin/busybox poweroff -f\n' >"$dir/init"
	chmod +x "$dir/init"
	(cd "$dir" && find . | cpio -o -H newc --quiet) >"$run/probe.cpio"
}

_accel_probe() {
	timeout -k 1 10 qemu-system-x86_64 -accel kvm -cpu "$1" -smp 2 -m 512M -nodefaults -no-user-config -display none \
		-no-reboot -serial stdio -kernel "$vmlinuz" -initrd "$run/probe.cpio" \
		-append "console=ttyS0 quiet panic=-1" </dev/null 2>/dev/null | grep -q probe-alive
}

_accel_find() {
	local cpu
	if [ -w /dev/kvm ]; then
		_accel_probe_initrd
		for cpu in host qemu64; do
			if _accel_probe "$cpu"; then
				echo "kvm $cpu"
				return
			fi
		done
	fi
	echo "tcg max"
}

# Sets accel, QEMU's arguments.
accel_get() {
	local known kind cpu
	known=$cache/vm/accel-$(cat /proc/sys/kernel/random/boot_id)
	case ${VM_ACCEL:-} in
	tcg) kind=tcg cpu=max ;;
	kvm) kind=kvm cpu=host ;;
	*)
		if [ ! -s "$known" ]; then
			rm -f "$cache"/vm/accel-*
			_accel_find >"$known.$$" && mv "$known.$$" "$known"
		fi
		read -r kind cpu <"$known"
		;;
	esac
	[ "$kind" = kvm ] || kind=tcg,thread=multi
	# shellcheck disable=SC2034
	accel=(-accel "$kind" -cpu "$cpu")
}
