# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Debian's kernel for the VM: its package, unpacked in the cache. Sourced by run, after lib.sh.

# The image whose modules fit ours: that of the installed headers, or the newest.
_kernel_package() {
	local pkg
	pkg=$(dpkg-query -W -f '${Depends}\n' linux-headers-amd64 2>/dev/null | grep -o 'linux-headers-[0-9][^ ,]*') || true
	if [ -n "$pkg" ]; then
		printf '%s=%s\n' "${pkg/headers/image}" "$(dpkg-query -W -f '${Version}' "$pkg")"
	else
		apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ { print $2; exit }'
	fi
}

_kernel_unpack() {
	local pkg=$1 into=$2 tmp
	tmp=$(mktemp -d "$cache/vm/unpack.XXXXXX")
	note "fetching ${pkg%%=*}"
	(cd "$tmp" && { apt-get -q download "$pkg" || apt-get -q download "${pkg%%=*}"; }) >"$tmp/log" 2>&1 ||
		{ tail -n 5 "$tmp/log" >&2; rm -rf "$tmp"; die "could not download $pkg"; }
	dpkg-deb -x "$tmp"/*.deb "$tmp/root"
	depmod -b "$tmp/root" "$(ls "$tmp/root/lib/modules")"
	mv -T "$tmp/root" "$into" 2>/dev/null || [ -d "$into/boot" ]
	rm -rf "$tmp"
}

# Sets kernel_version, vmlinuz and modules.
kernel_get() {
	local pkg dir
	pkg=$(_kernel_package)
	if [ -z "$pkg" ]; then
		_apt_update
		pkg=$(_kernel_package)
	fi
	[ -n "$pkg" ] || die "no package linux-image-amd64 is known to apt"
	dir=$cache/vm/$pkg
	[ -d "$dir/boot" ] || _kernel_unpack "$pkg" "$dir"
	kernel_version=$(ls "$dir/lib/modules")
	# shellcheck disable=SC2034
	vmlinuz=$dir/boot/vmlinuz-$kernel_version
	modules=$dir/lib/modules/$kernel_version
}

# With VM_MODULES, a tree of modules in which those come first.
kernel_modules_overlay() {
	local base=$modules
	[ -n "${VM_MODULES:-}" ] || return 0
	modules=$run/modules/lib/modules/$kernel_version
	mkdir -p "$modules/updates"
	ln -s "$base/kernel" "$modules/kernel"
	cp "$base"/modules.{builtin,builtin.modinfo,order} "$modules/"
	# shellcheck disable=SC2086
	cp -r $VM_MODULES "$modules/updates/"
	depmod -b "$run/modules" "$kernel_version"
}

# Lay out an initrd in DIR that can load NAME... in dependency order.
kernel_initrd_modules() {
	local dir=$1 name file
	shift
	mkdir -p "$dir"/{bin,modules,proc,ro,rw,new}
	cp /bin/busybox "$dir/bin/"
	for name; do
		modprobe -d "${modules%/lib/modules/*}" -S "$kernel_version" --show-depends "$name"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		cp "$file" "$dir/modules/"
		basename "$file"
	done >"$dir/modules/order"
}
