#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What outcommitctl makes of a bad command line, and whether help, manual and completion know the
# same words.
# usage: ctl-usage.sh OUTCOMMITCTL
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
ctl=$1
good=0 bad=0
export LC_ALL=C
# no daemon is ever asked: a command line that is taken for a good one ends with 3
missing=/nonexistent/socket

result() {
	if "${@:2}"; then good=$((good + 1)); else
		bad=$((bad + 1))
		echo "FAIL: $1"
	fi
}

# exits CODE MESSAGE ARG...: with this code, saying this on stderr and nothing on stdout
exits() {
	local code=$1 message=$2 out err rc=0
	shift 2
	err=$(mktemp)
	out=$("$ctl" --socket "$missing" "$@" 2>"$err") || rc=$?
	[ $rc = "$code" ] && [ -z "$out" ] && grep -qF -- "$message" "$err" && rm "$err" && return
	echo "  exit $rc, stdout '$out', stderr: $(cat "$err")"
	rm "$err"
	return 1
}

usage() {
	result "bad command line: ${*:2}" exits 2 "$@"
}

taken() {
	result "good command line: $*" exits 3 'cannot reach outcommitd at /nonexistent/socket' "$@"
}

x64=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx

usage 'no command given'
usage "there is no command 'frobnicate'" frobnicate
usage "there is no command 'ATTACH'" ATTACH web v
usage "there is no command ''" ''
usage 'attach: no DOMAIN given' attach
usage 'attach: no VIF given' attach web
usage 'attach: too many arguments' attach web v w
usage 'detach: no DOMAIN given' detach
usage 'detach: too many arguments' detach web v w
usage 'postsuspend: too many arguments' postsuspend web 1 2
usage 'preresume: no EPOCH given' preresume web
usage 'commit: no EPOCH given' commit web
usage 'abort: no EPOCH given' abort web
usage 'discard: no DOMAIN given' discard
usage 'release: too many arguments' release web 5 now
usage 'bad EPOCH, it must be' release web now
usage 'limit: no SIZE given' limit web
usage 'status: too many arguments' status web vif
usage 'list: too many arguments' list web
usage 'monitor: too many arguments' monitor web
usage 'metrics: too many arguments' metrics web
usage 'top: too many arguments' top web
usage 'trace: no --perfetto FILE given' trace
usage 'check: too many arguments' check all
usage 'reload: too many arguments' reload now
usage 'version: too many arguments' version 1
for domain in '' .web 'a b' a/b "$x64"x $'a\nb' $'a\e[2J' é; do
	usage 'bad DOMAIN, it must be' status "$domain"
done
usage "invalid option -- 'w'" status -web
usage 'bad DOMAIN, it must be' status -- -web
for vif in '' . .. a/b 'a b' 1234567890123456 $'a\tb'; do
	usage 'bad VIF, it must be' attach web "$vif"
done
for epoch in '' 0 1x x 1.0 +1 ' 1' 0x10 9223372036854775808; do
	usage 'bad EPOCH, it must be' commit web "$epoch"
done
usage 'invalid option' commit web -1
for size in '' x 1T 1k 1KB 1.5M +1 99999999999999999999; do
	usage 'bad SIZE, it must be' limit web "$size"
	usage 'bad value for --limit, it must be' attach web v --limit "$size"
done
for seconds in '' 0 0.0001 -1 1s 1e3 inf nan 0x10 1,5 86401 1.2.3; do
	usage 'bad value for --timeout, it must be' --timeout="$seconds" list
done
usage 'bad value for --pending, it must be release or discard' detach web --pending keep
usage 'bad value for --socket, it must be a path' --socket= list
for seconds in '' 0 0.01 -1 1e3 nan 86401; do
	usage 'bad value for --delay, it must be' top --delay="$seconds"
	usage 'bad value for --seconds, it must be' trace --perfetto x --seconds="$seconds"
done
usage 'bad value for --format, it must be openmetrics or prometheus' metrics --format json
usage 'bad value for --output, it must be a path' metrics --output=
usage 'bad value for --perfetto, it must be a path' trace --perfetto=
usage '--output is not for JSON' metrics --json --output x
for seconds in '' -1 1s 1e3 86401; do
	usage 'bad value for --driver-grace, it must be' drive web --driver-grace="$seconds"
done
usage 'bad value for --on-driver-lost, it must be hold, release or discard' drive web --on-driver-lost keep
usage 'status: has no option --limit' status web --limit 1M
usage 'attach: has no option --pending' attach web v --pending release
usage 'run: no DOMAIN given' run
usage 'run: no --suspend given' run web
usage 'run: no --checkpoint given' run web --suspend true
usage 'run: no --resume given' run web --suspend true --checkpoint true
for number in '' 0 x 1.5 -1 +1 86400001; do
	usage 'bad value for --interval, it must be' run web --interval="$number"
done
usage 'bad value for --outstanding, it must be 1 to 64' run web --outstanding 65
usage 'bad value for --retries, it must be' run web --retries=-1
usage 'bad value for --suspend, it must be a command' run web --suspend=
usage 'release: has no option --suspend' release web --suspend true
usage "unrecognized option '--force'" release web --force
usage "requires an argument" attach web v --limit
usage "doesn't allow an argument" list --json=yes

taken list
taken --timeout 0.5 --no-legend list
taken list --timeout 5 --no-legend
taken attach web v --limit 64M
taken --limit 1G attach web v
taken detach web v --pending discard
taken drive web --on-driver-lost discard --driver-grace 0
taken drive web --driver-grace 0.5
taken release web 5
taken discard web 5
taken postsuspend "$x64"
taken postsuspend web 9223372036854775807
taken status -- web
taken version
taken metrics --format prometheus --output /nonexistent/x
taken top --once --delay 0.5
taken trace --perfetto /nonexistent/x --seconds 5
taken run web --suspend true --checkpoint true --resume true --retries 0 --outstanding 64 --release

# A failure with --json is JSON on stdout, besides the line on stderr
json=$("$ctl" --socket "$missing" --json list 2>/dev/null) || true
result 'failure as JSON' grep -q '^{"schema_version":1,"error":{"message":"cannot reach' <<<"$json"

succeeds() {
	local out
	out=$("$ctl" "${@:2}") && grep -q "$1" <<<"$out"
}

result '--version' succeeds '^outcommitctl [0-9]' --version
result '--help' succeeds '^usage: outcommitctl' --help
result '-h' succeeds '^usage: outcommitctl' -h
result '--help wins over a missing argument' succeeds '^usage: outcommitctl' attach --help

# One table makes the help; manual, completion and protocol must know the same words
help_verbs() { "$ctl" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\).*/\1/p' | sort; }
help_options() { "$ctl" --help | sed -n '/^options/,/^$/s/^  \(--[a-z-]*\).*/\1/p' | sort; }
# shellcheck disable=SC2016
protocol_verbs() {
	sed -n '/^| verb /,/^$/s/^| `\([a-z]*\)` .*/\1/p' "$here/docs/protocol.md" | sort
}
completion() (
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	PATH=$(dirname "$ctl"):$PATH
	. "$here/client/completion/outcommitctl"
	_outcommitctl
	[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}" | sort
)
# The options that the help has for VERB: those of all commands, and those before whose summary it stands
verb_options() {
	"$ctl" --help | sed -n '/^options/,/^$/s/^  \(--[a-z-]*\).*/&/p' |
		awk -v verb="$1" '{ whose = match($0, /  +[a-z, ]+: /) ? substr($0, RSTART, RLENGTH) : verb
			if (whose ~ "(^|[ ,])" verb "([ ,:]|$)") print $1 }' | sort
}
same() {
	[ -n "$1" ] && [ "$1" = "$2" ] && return
	diff <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# run, top and trace are made of requests, and none themselves
result 'help has the verbs of the protocol' same "$(help_verbs | grep -vxE 'run|top|trace')" \
	"$(protocol_verbs)"
result 'completion has the verbs of the help' same "$(completion outcommitctl '')" "$(help_verbs)"
for verb in $(help_verbs); do
	result "completion of $verb has its options in the help" same "$(completion outcommitctl "$verb" --)" "$(verb_options "$verb")"
done
result 'completion of a beginning' same "$(completion outcommitctl dis)" discard
result 'completion after an option' same "$(completion outcommitctl --socket /x pre)" preresume
result 'completion of a format' same "$(completion outcommitctl metrics --format o)" openmetrics
result 'completion of a policy' same "$(completion outcommitctl drive web --on-driver-lost h)" hold
result 'completion of a value' same "$(completion outcommitctl detach web --pending d)" discard
result 'completion of an interface' same "$(completion outcommitctl attach web l)" \
	"$(cd /sys/class/net && printf '%s\n' l*)"

in_manual() {
	local word page rc=0
	page=$(cat "$here/docs/man/outcommitctl.1")
	for word; do
		grep -qE -- "(Cm|Ic|Fl) ${word#-}( |\$)" <<<"$page" || { echo "  $word"; rc=1; }
	done
	return $rc
}
# shellcheck disable=SC2046
result 'manual has each verb' in_manual $(help_verbs)
# shellcheck disable=SC2046
result 'manual has each option' in_manual $(help_options)

echo "$good passed, $bad failed"
[ $bad = 0 ]
