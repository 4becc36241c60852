# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Headers of the kernels that Debian has, plain and PREEMPT_RT, the newest of each series. They are unpacked in the cache,
# not installed: on this machine nothing changes. Sourced by run, after lib.sh.

_headers_packages() {
	apt-cache search --names-only '^linux-headers-[0-9].*-amd64$' | cut -d' ' -f1 | grep -v -- -cloud- | sort -V |
		awk '{ match($0, /[0-9]+\.[0-9]+/); newest[substr($0, RSTART, RLENGTH) (/-rt-/ ? "-rt" : "")] = $0 }
			END { for (s in newest) print newest[s] }' | sort -V
}

# Unpack PACKAGE and what it needs into DIR; their makefiles and links name places below /usr.
_headers_unpack() {
	local pkg=$1 dir=$2 tmp link
	tmp=$(mktemp -d "$cache/unpack.XXXXXX")
	(
		cd "$tmp"
		# shellcheck disable=SC2046
		apt-get -q download "$pkg" $(apt-cache depends "$pkg" |
			awk '/Depends: linux-(headers|kbuild)/ { print $2 }') >/dev/null 2>&1 || exit 1
		for deb in *.deb; do dpkg-deb -x "$deb" root; done
		grep -rlI -e '/usr/src/linux-' -e '/usr/lib/linux-' root/usr/src/*/Makefile root/usr/src/*/.kernelvariables 2>/dev/null |
			xargs -r sed -i "s,/usr/\(src\|lib\)/linux-,$dir/usr/\1/linux-,g"
		find root -type l -lname '*lib/linux-kbuild*' | while read -r link; do
			ln -sfn "$dir/usr/lib/$(readlink "$link" | sed "s,.*lib/,,")" "$link"
		done
	) || { rm -rf "$tmp"; return 1; }
	mv -T "$tmp/root" "$dir"
	rm -rf "$tmp"
}

# A build tree per line
headers_of_every_series() {
	local pkg dir
	mkdir -p "$cache/headers"
	for pkg in $(_headers_packages); do
		dir=$cache/headers/$pkg
		[ -d "$dir" ] || _headers_unpack "$pkg" "$dir" || { note "could not get $pkg"; continue; }
		printf '%s\n' "$dir/usr/src/$pkg"
	done
}
