#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What outcommitd makes of its command line, without ever starting.
# usage: daemon-usage.sh OUTCOMMITD
set -eu
daemon=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
export LC_ALL=C
bad=0

# exits CODE STDOUT STDERR ARG...: with this code, having said this on the one and that on the other; '': nothing
exits() {
	local code=$1 out=$2 err=$3 rc=0
	shift 3
	timeout 20 "$daemon" "$@" >"$directory/out" 2>"$directory/err" || rc=$?
	if [ $rc != "$code" ] || ! said "$out" "$directory/out" || ! said "$err" "$directory/err"; then
		bad=$((bad + 1))
		echo "FAIL: outcommitd $*: exit $rc, stdout '$(head -n 3 "$directory/out")', stderr '$(cat "$directory/err")'"
	fi
}

said() {
	if [ -n "$1" ]; then grep -qF -- "$1" "$2"; else [ ! -s "$2" ]; fi
}

long=$(printf 'x%.0s' {1..200})
mapfile -t many < <(for _ in {1..65}; do printf '%s\n' --set buffer.limit=1M; done)
good=$directory/good.conf wrong=$directory/wrong.conf
echo '[buffer]' >"$good"
printf '[buffer]\ncolour = blue\n' >"$wrong"

exits 0 'usage: outcommitd [OPTION]...' '' --help
exits 0 'outcommitd ' '' --version
exits 0 'limit' '' --dump-config
exits 2 '' "Try 'outcommitd --help'." --colour
exits 2 '' "unexpected argument 'web'" web
exits 2 '' 'daemon.socket: given too often, or too long' --socket "$long"
exits 2 '' 'daemon.log_level: given too often, or too long' -s /a -l info -l err
exits 2 '' 'more than 64 settings' "${many[@]}"
exits 0 "$good: good" '' --config "$good" --check-config
exits 0 "$good: good" '' --config "$good" --check-config --socket /run/x --log-level err --set buffer.limit=3M
exits 1 '' "$wrong:2:" --config "$wrong" --check-config
exits 1 '' 'buffer.limit' --config "$good" --check-config --set buffer.limit=lots
exits 1 '' "$directory/none" --config "$directory/none" --check-config
[ $bad = 0 ]
