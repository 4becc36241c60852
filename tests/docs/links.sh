# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Whether the links of Markdown files hold, in the tree, as installed and as packaged. Sourced by those who check it.

# The names by which GitHub and others link a Markdown file's headings
anchors_of() {
	sed -n 's/^##* *//p' "$1" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9_\n-'
}

# Relative links and images of a Markdown file lead somewhere, those to a heading included
links_lead_somewhere() {
	local target file rc=0
	while read -r target; do
		file=$(dirname "$1")/${target%%#*}
		[ "${target%%#*}" ] || file=$1
		[ -e "$file" ] || { echo "$1: $target"; rc=1; continue; }
		[ "$target" = "${target#*#}" ] || anchors_of "$file" | grep -qx -- "${target#*#}" || { echo "$1: $target"; rc=1; }
	done < <(grep -oE '\]\([^)]+' "$1" | sed 's/^](//' | grep -v '^[a-z]*:')
	return $rc
}
