# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A kernel that runs as a process, with KASAN, lockdep and kmemleak: built once from Debian's source with the
# configuration in uml/config, kept in the cache. Sourced by run, after lib.sh and source.sh.

uml_make() { make -s -C "$(kernel_source)" O="$uml" ARCH=um "$@"; }

uml_configure() {
	local source word
	source=$(kernel_source)
	uml_make tinyconfig
	(cd "$source" && KCONFIG_CONFIG=$uml/.config scripts/kconfig/merge_config.sh -m -O "$uml" "$uml/.config" "$here/uml/config")
	uml_make olddefconfig
	while read -r word; do
		grep -qx "$word" "$uml/.config" || { note "the kernel cannot have $word"; return 1; }
	done < <(grep '=y$' "$here/uml/config")
}

# Up to a quarter of an hour when nothing is cached.
uml_build() {
	need gcc make flex bison bc libc6-dev
	uml=$cache/uml-$(cat "$here/uml/config" "$(kernel_source)/Makefile" | sha256sum | cut -c1-12)
	[ -x "$uml/linux" ] && return
	mkdir -p "$uml"
	note "building a checked kernel for UML; the next run finds it in the cache"
	uml_configure && uml_make -j "$(nproc)" && uml_make -j "$(nproc)" modules
}

uml_modules() {
	make -C "$repo/kernel" KDIR="$uml" ARCH=um BUILD="$build/kernel-uml" PLUG_KUNIT=m KCFLAGS=-Werror
}

uml_boot() {
	timeout 300 "$uml/linux" root=none rootfstype=hostfs rootflags=/ ro mem=768M con=null con0=null,fd:1 \
		init="$here/uml/init" UML_MODULES="$build/kernel-uml" UML_PROGRAMS="$programs" </dev/null 2>&1 |
		tr -d '\r' >"$out/uml"
}

# Reports of the checkers. UML's own fork handler walks a tree without the lock that lockdep wants to see, and
# sch_qfq warns of every child that has frames and gives none: the two that are not ours.
uml_reports() {
	awk '/^(WARNING|BUG|INFO): |^possible |KASAN/ { report = $0; n = 0 }
		report && n++ < 70 && /force_flush_all|sch_qfq/ { report = "" }
		report && n >= 70 { print report; report = "" }
		/^(ok|not ok|LEAKS|END) / && report { print report; report = "" }' "$out/uml"
}

uml_leaks() { sed -n '/^LEAKS/,/^END/p' "$out/uml" | grep -A 12 '^unreferenced'; }

uml_tests() {
	local line
	mkdir -p "$out"
	check "a kernel with KASAN, lockdep and kmemleak builds" uml_build
	uml=$cache/uml-$(cat "$here/uml/config" "$(kernel_source)/Makefile" | sha256sum | cut -c1-12)
	check "the module builds for it" uml_modules
	uml_boot || true
	if ! grep -q '^END' "$out/uml"; then
		tail -n 40 "$out/uml"
		fail "the checked kernel ran to its end"
		return
	fi
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "checked kernel: ${line#ok }" ;;
		'    ok '*) pass "KUnit: ${line#    ok }" ;;
		'not ok '* | '    not ok '*) fail "checked kernel" "$line" ;;
		esac
	done <"$out/uml"
	check "KASAN and lockdep have no report" test -z "$(uml_reports | tee /dev/stderr)"
	check "kmemleak finds nothing" test -z "$(uml_leaks | tee /dev/stderr)"
}
