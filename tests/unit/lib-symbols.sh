#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The library exports what its header declares and nothing else, and the header is C and C++.
# usage: lib-symbols.sh LIBRARY CC
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
library=$1 cc=$2
header=$here/client/outcommit.h

exported() { nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort; }
declared() { grep -oE '^[a-z].*[ *](outcommit_[a-z0-9_]+)\(' "$header" | grep -oE 'outcommit_[a-z0-9_]+\($' |
	tr -d '(' | sort; }

[ -n "$(declared)" ]
diff <(declared) <(exported)
for language in c c++; do
	"$cc" -x "$language" -Wall -Wextra -Werror -fsyntax-only - <<<"#include \"$header\"" 2>/dev/null || {
		# a compiler without C++ is no fault of the header
		[ $language = c++ ] && ! "$cc" -x c++ -fsyntax-only - </dev/null 2>/dev/null
	}
done
echo "1 passed, 0 failed"
