# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verdict on what the observer saw, see watcher.c: of each interface for itself, and of all the worst.
#
# usage: awk -v from=LINE -v failed=LINE -f judge.awk COUNTS   protection began behind line from, the primary failed behind line failed
# out:   "seen N, restored N, lost N, seen twice N, faults N"
#
# seen: the last count that the world saw of the first guest; restored: what the restored guest knew when it began. Had the world seen
# more than that, "seen twice" says by how much: a violation. Counts between the two are lost: the first guest held them. The one place
# where counts may jump is where the restored guest begins; any other gap, and any step back, is a fault.

function more(a, b) { return a > b ? a : b }

NR > from && ($1 in last) && $3 != known[$1] {
	if (restores[$1]++ || NR <= failed)
		faults++
	seen = more(seen, last[$1])
	restored = $3
	if (restored < last[$1])
		twice = more(twice, last[$1] - restored)
	else
		lost = more(lost, restored - last[$1])
	if ($2 <= restored)
		faults++
}
NR > from && ($1 in last) && $3 == known[$1] && $2 != last[$1] + 1 { faults++ }
{ last[$1] = $2; known[$1] = $3 }
END {
	for (way in last)
		if (!restores[way])
			seen = more(seen, last[way])
	printf "seen %d, restored %d, lost %d, seen twice %d, faults %d\n", seen, restored, lost, twice, faults
}
