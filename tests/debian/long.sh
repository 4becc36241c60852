# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016,SC2086
#
# The two long tests of the packages. Sourced by run. The shell that expands what is in single quotes is mmdebstrap's.

# In a Debian with nothing but its essential packages and what debian/control asks for. Only apt has a network.
chroot_build() {
	mmdebstrap --quiet --variant=buildd --format=null --include=fakeroot bookworm "$work/null" "$(debian_sources)" \
		--customize-hook="mkdir \$1/build && cp -r $work/tree \$1/build/outcommit" \
		--customize-hook='chroot "$1" sh -c "cd /build/outcommit && apt-get -qy build-dep ./"' \
		--customize-hook='chroot "$1" sh -c "useradd builder && chown -R builder: /build"' \
		--customize-hook='unshare --net chroot "$1" su builder -c "cd /build/outcommit && dpkg-buildpackage -us -uc"' \
		--customize-hook="rm -r \$1/build/outcommit && cp -r \$1/build/. $work/"
}

clean_chroot() {
	copy_tree
	check "the packages build in a clean chroot, with their unit tests" chroot_build
	ls "$work"/*.changes >/dev/null || return 0
	check "all packages are there" all_packages_there
	check "lintian has nothing to say" lint
}

# A Debian on which somebody has installed the packages, its kernel and the headers
module_root() {
	mmdebstrap --quiet --variant=minbase \
		--include=systemd-sysv,kmod,procps,iproute2,iputils-ping,linux-image-amd64,linux-headers-amd64 \
		bookworm "$work/root" "$(debian_sources)" \
		--customize-hook="mkdir \$1/debs && cp $work/outcommit_*.deb $work/outcommit-dkms_*.deb $work/liboutcommit1_*.deb \$1/debs/" \
		--customize-hook='chroot "$1" sh -c "apt-get -qy --no-install-recommends install /debs/*.deb"' \
		--customize-hook="cp -r $work/tree/debian \$1/debs/"
}

dkms_module() {
	# shellcheck disable=SC2046
	need $(packages vm)
	copy_tree
	check "the packages build" build_packages
	ls "$work"/*.changes >/dev/null || return 0
	check "DKMS builds the module as its package is installed" module_root
	[ $failures = 0 ] || return 0
	checks_in_vm "$here/module-in-vm" "$work/root"
}
