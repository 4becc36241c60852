# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What every test suite shares: where things are, packages, the build, and the lines that report results.
# Source it from a bash script that has set -eu: . "$(dirname "$0")/../lib.sh"
#
# A suite's last line on stdout is closing's; its exit status is closing's too.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${OUTCOMMIT_BUILD:-$repo/build}
# Only ever a speed-up: everything in it is made anew when it is gone.
# shellcheck disable=SC2034
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/outcommit
passes=0 failures=0 skips=0

note() { printf '%s\n' "$*" >&2; }
die() { note "error: $*"; exit 1; }

# Debian packages PKG... are there, or the script ends here. The index is fetched once per run of all suites.
need() {
	local pkg missing=()
	for pkg; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$pkg" 2>/dev/null)" = installed ] || missing+=("$pkg")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "run as root, or first: apt-get install ${missing[*]}"
	note "installing ${missing[*]}"
	mkdir -p "$cache"
	exec 7>>"$cache/apt.lock"
	flock 7
	_apt_update
	_apt install --no-install-recommends "${missing[@]}" || die "could not install ${missing[*]}"
	exec 7>&-
}

_apt() {
	local log rc=0
	log=$(mktemp)
	DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 || rc=$?
	[ $rc = 0 ] || tail -n 20 "$log" >&2
	rm -f "$log"
	return $rc
}

# An index that is not quite fresh may do, so a failure here is not yet the end.
_apt_update() {
	[ -z "${OUTCOMMIT_APT_UPDATED:-}" ] || return 0
	_apt update || note "apt-get update failed; going on with the index that is there"
	export OUTCOMMIT_APT_UPDATED=1
}

# The packages of tests/packages that are tagged with one of WORD..., all of them without a word.
packages() {
	local words=" $* " tag pkg
	while read -r tag pkg; do
		case $tag in '' | '#'*) continue ;; esac
		case $words in '  ' | *" $tag "*) printf '%s\n' "$pkg" ;; esac
	done <"$repo/tests/packages" | tr -s ' ' '\n' | sort -u
}

# Configure and build the tree into $build; arguments go to cmake. Quiet unless it fails.
build_tree() {
	local log
	# shellcheck disable=SC2046
	need $(packages build)
	log=$(mktemp)
	build_lock
	if ! { cmake -S "$repo" -B "$build" "$@" && cmake --build "$build" -j "$(nproc)"; } >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		rm -f "$log"
		die "the build in $build failed"
	fi
	build_unlock
	rm -f "$log"
}

# Suites that run side by side share the build: one at a time makes it, until build_unlock.
build_lock() {
	mkdir -p "$build"
	exec 8>>"$build/.lock"
	flock 8
}

build_unlock() { exec 8>&-; }

# Build our sch_plug for the VM's kernel; prints where it is.
vm_module() {
	local version log=$build/kernel.log
	need make gcc linux-headers-amd64
	version=$(dpkg-query -W -f '${Depends}\n' linux-headers-amd64 | grep -o '[0-9][^ ,]*-amd64' | head -n 1)
	build_lock
	mkdir -p "$build/kernel"
	make -C "$repo/kernel" KDIR="/usr/src/linux-headers-$version" BUILD="$build/kernel" modules >"$log" 2>&1 ||
		{ tail -n 30 "$log" >&2; return 1; }
	build_unlock
	echo "$build/kernel/sch_plug.ko"
}

pass() { passes=$((passes + 1)); printf 'pass: %s\n' "$1"; }
fail() { failures=$((failures + 1)); printf 'FAIL: %s\n' "$1${2:+: $2}"; }
skip() { skips=$((skips + 1)); printf 'skip: %s: %s\n' "$1" "$2"; }

# Run NAME COMMAND...: one result. What it printed is shown when it fails.
check() {
	local name=$1 log
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then pass "$name"; else
		sed 's/^/    /' "$log"
		fail "$name"
	fi
	rm -f "$log"
}

# Run NAME COMMAND...: it reports as suites do, and its results become ours.
checks_of() {
	local name=$1 line status before=$failures
	shift
	while IFS= read -r line; do
		case $line in
		'pass: '*) passes=$((passes + 1)) ;;
		'FAIL: '*) failures=$((failures + 1)) ;;
		'skip: '*) skips=$((skips + 1)) ;;
		'status: '*) status=${line#status: } && continue ;;
		[0-9]*' passed, '[0-9]*' failed'*) continue ;;
		esac
		printf '%s\n' "$line"
	done < <(rc=0; "$@" || rc=$?; echo "status: $rc")
	[ "$status" = 0 ] || [ $failures != "$before" ] || fail "$name" "status $status"
}

# The same for SCRIPT [ARG...] in the VM
checks_in_vm() { checks_of "${1##*/} in the VM" "$repo/tests/vm/run" env OUTCOMMIT_BUILD="$build" "$@"; }

closing() {
	local skipped=''
	[ $skips = 0 ] || skipped=", $skips skipped"
	printf '%s passed, %s failed%s\n' $passes $failures "$skipped"
	[ $failures = 0 ]
}
