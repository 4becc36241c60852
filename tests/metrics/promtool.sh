# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Prometheus' own tool, which says what it thinks of metrics, in the cache. Sourced after lib.sh; needs a directory $work.

promtool=$cache/promtool

# Debian has the tool in the package of the server, which would be started: take the tool alone
fetch_promtool() {
	[ ! -x "$promtool" ] || return 0
	mkdir -p "$cache"
	(cd "$work" && apt-get -q download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb |
		tar -xO ./usr/bin/promtool >promtool) 2>"$work/log" || { cat "$work/log"; return 1; }
	chmod +x "$work/promtool"
	mv "$work/promtool" "$promtool"
}
