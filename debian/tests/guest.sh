# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A guest for the tests: a network namespace behind the vif vif1.0, which is on the bridge br0. Sourced.

domain=web1 vif=vif1.0
world=10.9.0.1

guest_start() {
	ip link add br0 type bridge
	ip link set br0 up
	ip addr add $world/24 dev br0
	ip netns add guest
	ip link add $vif type veth peer name eth0 netns guest
	ip link set $vif master br0 up
	ip -n guest addr add 10.9.0.2/24 dev eth0
	ip -n guest link set eth0 up
}

# The pair at once: a namespace takes its interfaces along when it gets to it
guest_end() {
	ip link del $vif
	ip netns del guest
	ip link del br0
}

# within SECONDS: does the world answer the guest?
answered() { ip netns exec guest ping -q -c 1 -W "$1" $world >/dev/null; }
not_answered() { ! answered 2; }

# The guest stands still, its state is copied, it runs again, the copy is safe
checkpoint() {
	local epoch
	epoch=$(outcommitctl postsuspend $domain) &&
		outcommitctl preresume $domain "$epoch" &&
		outcommitctl commit $domain "$epoch"
}

is_holding() { outcommitctl --no-legend list | grep -q "^$domain *holding "; }

# The barrier as the kernel has it, daemon or not
barrier_stands() {
	tc qdisc show dev oc.$vif | grep -q '^qdisc plug' && tc filter show dev $vif ingress | grep -q "Redirect to device oc.$vif"
}

# Not before its request is committed: checkpoints until it is
answered_after_commit() {
	local ping
	answered 60 &
	ping=$!
	while kill -0 $ping 2>/dev/null; do
		checkpoint || return
	done
	wait $ping
}
