# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A booted Debian in the VM, whose root file system is thrown away: a real systemd, process 1 of a pid namespace, with what
# basic.target brings, udev included. The network stays the VM's. Sourced by what runs there.

start_systemd() {
	cat >/run/systemd-test.target <<-T
		[Unit]
		Requires=basic.target
		After=basic.target
	T
	mkdir -p /etc/systemd/system /etc/tmpfiles.d
	# a boot empties /tmp, where the tree under test may be
	ln -sf /dev/null /etc/tmpfiles.d/tmp.conf
	mv /run/systemd-test.target /etc/systemd/system/outcommit-test.target
	unshare --fork --pid --mount --cgroup --mount-proc --kill-child -- env -i "PATH=$PATH" container=other \
		/lib/systemd/systemd --system --unit=outcommit-test.target --show-status=no --log-target=journal &
	until init=$(pgrep -P $!) && inside systemctl is-system-running --wait | grep -qx 'running\|degraded'; do kill -0 $!; done 2>/dev/null
	echo "$init" >/run/systemd-test.pid
}

# A command in its namespaces
inside() { nsenter --target "${init:-$(cat /run/systemd-test.pid)}" --pid --mount -- "$@"; }
