# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# What a user of the packages does, on a dom0 that had nothing of ours: the packages as the README builds them, and the pages, for five-minutes.
# Sourced by run.

# Without the unit tests, which have run
build_packages() {
	mkdir "$payload"/{tree,debs,archive}
	tar -C "$repo" -c --exclude=./.git --exclude='./build*' . | tar -x -C "$payload/tree"
	(cd "$payload/tree" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -b -us -uc)
	mv "$payload"/{outcommit,liboutcommit1,outcommit-xen,outcommit-dkms}_*.deb "$payload/debs/"
	rm -r "$payload/tree"
}

# The libraries that they depend on: dom0 has no network
fetch_archive() {
	local deb
	for deb in "$payload"/debs/*.deb; do dpkg-deb -f "$deb" Depends; done | grep -oE '\blib[a-z0-9-]+' |
		grep -vxE 'liboutcommit1|libc6|libsystemd0' | sort -u >"$payload/depends"
	(cd "$payload/archive" && xargs apt-get -q -o APT::Sandbox::User=root download <"$payload/depends")
}

prepare_packages() {
	local program
	# shellcheck disable=SC2046
	need $(packages xen debian build)
	mkdir -p "$payload"/{stage,tests,docs}
	for program in counter watcher stream; do compile -static -o "$payload/stage/$program" "$repo/tests/xen/$program.c"; done
	cp "$repo/tests/xen/guest.sh" "$payload/stage/"
	cp "$repo"/tests/xen/{five-minutes,judge.awk} "$repo/README.md" "$payload/"
	cp "$repo/tests/lib.sh" "$payload/tests/"
	cp "$repo/docs/xen.md" "$payload/docs/"
	check "the packages build" build_packages
	check "what they depend on can be fetched" fetch_archive
}

typed_in_dom0() {
	local rc=0
	XEN_FRESH=yes XEN_SECONDS=${XEN_SECONDS:-1500} in_dom0 five-minutes || rc=$?
	printf '%s\n' "$said"
	return $rc
}

packages_way() { checks_of "five minutes" typed_in_dom0; }
