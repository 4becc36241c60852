# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# One QEMU with Xen and its dom0, from its start or from a snapshot; sourced by boot, after lib.sh and image.sh. SVM and nested paging are
# emulated too, so that PVH guests can be checkpointed without any hardware for it.
#
# dom0 starts Xen's daemons, runs the payload's stage, lets go of the payload and waits for a line on its console; then it takes the
# payload that is there by now, and runs its job.

# What a booted dom0 does by its units, in their order; then the stage
_dom0_init() {
	cat <<-'I'
		mkdir -p /run/xen /run/lock /run/sshd /run/xenstored /var/lib/xen /var/log/xen
		ln -s /proc/self/fd /dev/fd; for n in in:0 out:1 err:2; do ln -s /proc/self/fd/${n#*:} /dev/std${n%:*}; done
		export PATH=/usr/lib/xen-4.17/bin:$PATH
		modprobe xenfs; mount -t xenfs xenfs /proc/xen
		for m in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xen-netback; do modprobe $m; done
		cp -a /payload/stage /run/stage
		umount /payload
		xenstored --pid-file /run/xenstored.pid
		for ((i = 0; i < 300; i++)); do xenstore-write /outcommit-test up 2>/dev/null && break; sleep 0.1; done
		xen-init-dom0
		xenconsoled --log=all --log-dir=/var/log/xen
		ip link set lo up
		/run/stage/stage </dev/null && echo "dom0 is ready" || echo "dom0 has failed"
		read -r _ </dev/hvc0
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none payload /payload
		cp /payload/job /run/job
		exec /bin/bash /run/job
	I
}

# dom0_job SCRIPT [ARG...]: its stdout and stderr are files of the payload, line by line
_dom0_job() {
	cat <<-J
		cd /payload
		: >out/began
		$(printf '%q ' "$@") </dev/null > >(exec cat >/payload/out/stdout) 2> >(exec cat >/payload/out/stderr)
		rc=\$?
		for ((i = 0; i < 20; i++)); do [ -n "\$(jobs -p; pgrep -P 1 -x cat)" ] || break; sleep 0.1; done
		dmesg >/payload/out/dmesg
		echo \$rc >/payload/out/status
		sleep 60
	J
}

# dom0_start RUN PAYLOAD SECONDS [QEMU'S ARGUMENT...]: into qemu its process id; RUN is a directory for its console and monitor. Any
# other processor model needs more emulation than dom0 survives; less memory leaves no room for two guests' checkpoints. With a second
# processor, QEMU 7.2 hands a guest Xen's own registers now and then, of which it dies (a triple fault).
dom0_start() {
	local run=$1 payload=$2 seconds=$3
	shift 3
	mkfifo "$run"/{keys,monitor.in,monitor.out}
	exec 7<>"$run/keys" 8<>"$run/monitor.in"
	timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi \
		-cpu qemu64,+svm,+npt,+nrip-save -smp 1 -m 3G -nodefaults -no-user-config -display none -no-reboot \
		-chardev stdio,id=console,signal=off -serial chardev:console -kernel "$image/boot/xen" \
		-chardev "pipe,id=monitor,path=$run/monitor" -mon chardev=monitor,mode=readline \
		-append "console=com1 com1=115200 dom0_mem=1536M dom0_max_vcpus=1 loglvl=warning noreboot sched=credit" \
		-initrd "$image/boot/vmlinuz console=hvc0 root=/dev/vda ro init=/dom0-init quiet panic=-1 mitigations=off,$image/boot/initrd" \
		-drive "file=$image/dom0.img,format=raw,if=virtio,readonly=on" \
		-fsdev "local,id=payload,path=$payload,security_model=none" \
		-device virtio-9p-pci,fsdev=payload,mount_tag=payload "$@" <&7 >"$run/console" 2>"$run/qemu" 9>&- &
	qemu=$!
	cat "$run/monitor.out" >"$run/monitor" 9>&- &
}

# dom0_await RUN: until its stage is through
dom0_await_ready() {
	until grep -aqs 'dom0 is ready' "$1/console"; do
		! grep -aqs 'dom0 has failed' "$1/console" || return 1
		kill -0 "$qemu" 2>/dev/null || return 1
		sleep 0.3
	done
}

# dom0_go OUT: the job begins; the line may come before anybody reads it
dom0_go() {
	until [ -e "$1/began" ]; do
		kill -0 "$qemu" 2>/dev/null || return 1
		echo go >&7
		sleep 0.5
	done
}

dom0_stop() {
	if [ -n "$qemu" ]; then
		kill "$qemu" || true
		wait "$qemu" || true
	fi 2>/dev/null
	qemu=
}

dom0_explain() {
	note "its console and QEMU said:"
	tail -n 40 "$1/console" "$1/qemu" 2>/dev/null | tr -d '\r' | sed 's/\x1b[^a-zA-Z]*[a-zA-Z]//g' >&2
}
