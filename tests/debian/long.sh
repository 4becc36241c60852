# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016,SC2086
#
# The long tests of the packages. Sourced by run. The shell that expands what is in single quotes is mmdebstrap's.

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

# What systemd makes for itself when it comes along as a dependency is not ours
tried_by_piuparts() {
	mmdebstrap --quiet --variant=minbase --include=systemd --skip=cleanup/apt/lists bookworm "$work/base.tar.gz" "$(debian_sources)"
	piuparts --keep-sources-list --no-eatmydata -b "$work/base.tar.gz" -d bookworm "$work"/*outcommit*_"$(version_of \
		'^outcommit (\(.*\)).*' debian/changelog)"_*.deb
}

with_piuparts() {
	need piuparts
	copy_tree
	check "the packages build" build_packages
	check "piuparts installs and purges them, and finds nothing left" tried_by_piuparts
}
