# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC1091,SC2034,SC2154
#
# In dom0, which is both the primary and the backup: what is under test, installed, and the guest's protection. Sourced by failovers,
# after guest.sh.

# The emulated guest stands still for half a second at each checkpoint: with less than this between them, most moments to fail in would be
# ones in which nothing could be seen too early, and a failover would prove little.
interval_ms=1000
status=/run/outcommit-xen/g.status
out=/payload/out
# hook and etc: where things were installed
. /payload/paths

start_daemon() {
	outcommitd >>$out/outcommitd.log 2>&1 &
	await 30 outcommitctl version >/dev/null 2>&1
}

install_all() {
	tar -x -m -f /payload/install.tar -C / --no-overwrite-dir
	ldconfig
	[ ! -e /payload/sch_plug.ko ] || insmod /payload/sch_plug.ko
	modprobe -a sch_plug ifb act_mirred 2>/dev/null || true
	ln -sf "$hook" /etc/xen/scripts/vif-bridge-outcommit
	hostname alpha
	mkdir -p /run/outcommit
	start_daemon
}

# write_conf [LINE...]
write_conf() {
	printf '%s\n' "$@" >"$etc/xen.conf"
}

# On one host the restored guest takes the first one's place in the moment that it is fenced: like a host that is switched off, that
# keeps nothing of it, nor what would start it again after a reboot. As often as /run/refusals has lines, it fails. Like others it says
# what it did, to whoever may still be there.
write_fence() {
	cat >/run/fence <<-'F'
		#!/bin/sh -e
		if [ -s /run/refusals ]; then
			sed -i 1d /run/refusals
			exit 1
		fi
		pkill -9 -f '^xl create' || true
		! xl domid g >/dev/null 2>&1 || xl destroy g
		echo "the primary is off"
	F
	chmod +x /run/fence
}

# What ssh is elsewhere: two pipes that can be cut
write_transport() {
	cat >/run/transport <<-'T'
		#!/bin/bash
		shift
		case $* in *' receive '*) ;; *) exec sh -c "$*" ;; esac
		cat | sh -c "$*" | cat
	T
	# and a backup that has xl alone
	cat >/run/bare-transport <<-'T'
		#!/bin/bash
		shift
		case $* in *' receive '*) exec env -u LIBXL_SAVE_HELPER xl migrate-receive -r ;; *) exec sh -c "$*" ;; esac
	T
	chmod +x /run/transport /run/bare-transport
}

# This host is its own second one, over the network: sshd as Debian has it, and keys
start_sshd() {
	mkdir -p /root/.ssh
	ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
	cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
	printf '%s\n' 'ClientAliveInterval 2' 'ClientAliveCountMax 3' >>/etc/ssh/sshd_config
	mkdir -p /run/sshd
	/usr/sbin/sshd
	await 30 ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new root@127.0.0.1 true
}

checkpoints() { sed -n 's/^CHECKPOINTS=//p' "$status" 2>/dev/null; }
protected_for() { [ "$(checkpoints || echo 0)" -ge "$1" ] 2>/dev/null; }
is_gone() { ! xl domid "$1" >/dev/null 2>&1; }
is_process() { kill -0 "$1" 2>/dev/null; }

# begin_protection [OPTION...]
begin_protection() {
	outcommit-xl-protect --quiet --interval $interval_ms "$@" >>$out/protect.log 2>&1 &
	protect_pid=$!
}

protected_or_over() { protected_for 3 || ! is_process "$protect_pid"; }

protect() {
	begin_protection "$@"
	await 120 protected_or_over
	protected_for 3
}

# The same Remus, by libxl's own helper and without anything that holds
expose() {
	setsid xl remus -F -n -d -u -i $interval_ms -s '' g 'xl migrate-receive -r' >$out/expose.log 2>&1 &
	protect_pid=$!
	await 120 exposed_or_over
	exposed
}

exposed() { [ "$(grep -c 'All records processed' $out/expose.log)" -gt 3 ]; }
exposed_or_over() { exposed || ! is_process "$protect_pid"; }

# Into rc, how protection ended
await_end() {
	rc=0
	wait "$protect_pid" || rc=$?
}

xl_remus() { pgrep -f '^xl remus' | head -n 1; }
helper_of() { pgrep -f -- "outcommit-xen-save-helper --$1-domain" | head -n 1; }
