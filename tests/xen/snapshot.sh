# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# dom0's memory, with a guest that counts, as it is behind the stage: whatever comes later starts from there within seconds. It knows nothing
# of what is tested. Sourced by boot, after dom0.sh. It is only a speed-up, and made anew when anything that is in it has changed.

# snapshot_path PAYLOAD: where it belongs
snapshot_path() {
	{
		cat "$repo"/tests/xen/{image,dom0}.sh
		qemu-system-x86_64 --version
		cd "$1/stage" && find . -type f -print0 | sort -z | xargs -0 sha256sum
	} | sha256sum | cut -c 1-12 | sed "s|^|$image/memory.|"
}

# _snapshot_save RUN FILE: through QEMU's monitor, which takes the next command when the one before is done
_snapshot_save() {
	cat >&8 <<-M
		migrate_set_parameter max-bandwidth 8g
		migrate "exec:cat >$2"
		info migrate
		quit
	M
	wait "$qemu" || true
	qemu=
	grep -aq 'Migration status: completed' "$1/monitor"
}

# snapshot_make PAYLOAD FILE
snapshot_make() {
	local run rc=0
	run=$(mktemp -d "${TMPDIR:-/tmp}/outcommit-xen.XXXXXX")
	note "booting Xen and a guest for the snapshot"
	_dom0_init >"$1/init"
	dom0_start "$run" "$1" 400
	if ! dom0_await_ready "$run" || ! _snapshot_save "$run" "$2.new"; then
		dom0_explain "$run"
		tail -n 5 "$run/monitor" >&2
		dom0_stop
		rc=1
	else
		rm -f "$image"/memory.????????????
		mv "$2.new" "$2"
	fi
	rm -rf "$run"
	return $rc
}
