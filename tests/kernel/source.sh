# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# The kernel's source, from Debian's package, unpacked in the cache once. Sourced by run, after lib.sh.

kernel_source() {
	local dir=$cache/src/linux-6.1 tmp
	if [ ! -f "$dir/Makefile" ]; then
		tmp=$(mktemp -d "$cache/unpack.XXXXXX")
		note "fetching and unpacking linux-source-6.1"
		(cd "$tmp" && apt-get -q download linux-source-6.1) >"$tmp/log" 2>&1 || die "could not download linux-source-6.1"
		dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz | tar -xJ -C "$tmp"
		mkdir -p "$cache/src"
		mv -T "$tmp/linux-source-6.1" "$dir"
		rm -rf "$tmp"
	fi
	printf '%s\n' "$dir"
}
