# SPDX-License-Identifier: GPL-2.0-or-later
"""Every request that is wrong gets an error that names what is wrong, and changes nothing."""

import pytest

from rig.protocol import message

GOOD = {"DOMAIN": "guest1", "VIF": "vif1.0", "EPOCH": "2", "LIMIT": "1M", "PENDING": "discard", "AFTER": "a",
        "ON_DRIVER_LOST": "hold", "DRIVER_GRACE_NS": "1"}
VERBS = {
    # verb: required fields, optional fields
    "drive": (["DOMAIN"], ["ON_DRIVER_LOST", "DRIVER_GRACE_NS"]),
    "attach": (["DOMAIN", "VIF"], ["LIMIT"]),
    "detach": (["DOMAIN"], ["VIF", "PENDING"]),
    "postsuspend": (["DOMAIN"], ["EPOCH"]),
    "preresume": (["DOMAIN", "EPOCH"], []),
    "commit": (["DOMAIN", "EPOCH"], []),
    "abort": (["DOMAIN", "EPOCH"], []),
    "discard": (["DOMAIN"], ["EPOCH"]),
    "release": (["DOMAIN"], ["EPOCH"]),
    "limit": (["DOMAIN", "LIMIT"], []),
    "status": ([], ["DOMAIN"]),
    "list": ([], ["AFTER"]),
    "monitor": ([], []),
    "check": ([], []),
    "reload": ([], []),
    "version": ([], []),
}
BAD = {
    "DOMAIN": ["", "-a", ".a", "a b", "a/b", "a\u00e4", "x" * 65, "a*", "a\\b"],
    "VIF": ["", ".", "..", "a/b", "a b", "x" * 16],
    "EPOCH": ["", "0", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.5", "1e3", str(2**63), str(2**64), str(2**64 + 1), "9" * 99],
    "LIMIT": ["", "-1", "+1", "1T", "1.5M", "M", "1 M", "1MB", "0x10", "99999999999G", str(2**64)],
    "PENDING": ["", "drop", "RELEASE", "release ", "discard,release"],
    "ON_DRIVER_LOST": ["", "none", "HOLD", "hold ", "hold,release"],
    "DRIVER_GRACE_NS": ["", "-1", "+1", "1s", "1.5", str(86400 * 10**9 + 1), str(2**64)],
    "AFTER": ["", "-a", "a b", "x" * 65],
}


def fields_of(verb):
    required, optional = VERBS[verb]
    return required + optional


@pytest.fixture
def holding(net, client):
    """A domain with everything there is to change: open, outstanding, held frames none."""
    net.add_guest(1, 2)
    for vif in ("vif1.0", "vif1.1"):
        client.do("attach", DOMAIN="guest1", VIF=vif)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    return client


def picture(client):
    """All that requests could change, without what changes by itself."""
    passing_by = {"UPTIME_NS", "EPOCH_AGE_NS", "OLDEST_HOLD_NS", "HOLD_NS", "CLIENTS"}
    found = []
    for fields in ({}, {"DOMAIN": "guest1"}):
        found += [field for field in client.do("status", **fields).fields if field[0] not in passing_by]
    return found + client.do("list").fields


def refused(client, packet, error, field=None, value=None):
    """PACKET is refused with ERROR, the reply says why, and nothing is different afterwards."""
    before = picture(client)
    reply = client.raw(packet)
    assert reply.error_name == error, (packet[:200], reply)
    assert reply.get("MESSAGE"), reply
    if field:
        assert reply.get("FIELD") == field, (packet[:200], reply)
    if value is not None:
        assert reply.get("VALUE") == value[:64], reply
    assert picture(client) == before, packet[:200]
    return reply


def test_a_missing_field_is_named(holding):
    for verb, (required, _) in VERBS.items():
        for missing in required:
            fields = {key: GOOD[key] for key in fields_of(verb) if key != missing}
            refused(holding, message(verb, **fields), "EINVAL", missing)


def test_a_wrong_value_is_named_with_what_it_held(holding):
    for verb in VERBS:
        for wrong in fields_of(verb):
            for value in BAD[wrong]:
                fields = {key: GOOD[key] for key in fields_of(verb)}
                fields[wrong] = value
                reply = refused(holding, message(verb, **fields), "EINVAL", wrong)
                assert reply.get("VALUE") is not None, reply
                if value.isascii() and len(value) < 64:
                    assert reply.get("VALUE") == value


def test_a_repeated_field_is_named(holding):
    for verb in VERBS:
        for repeated in fields_of(verb):
            fields = {key: GOOD[key] for key in fields_of(verb)}
            fields[repeated] = [GOOD[repeated]] * 2
            refused(holding, message(verb, **fields), "EINVAL", repeated)


def test_an_unknown_field_is_ignored_even_if_repeated(holding):
    for fields in ({"COLOUR": "blue"}, {"COLOUR": ["blue", "red"]}, {"EPOCHS": "1"}, {"X": ""}):
        assert not holding.ask("status", DOMAIN="guest1", **fields).error
        assert not holding.ask("preresume", DOMAIN="guest1", EPOCH=2, **fields).error


def test_an_unknown_verb_is_refused(holding):
    for verb in ["", "nonsense", "COMMIT", "commit ", " commit", "commits", "commi", "x" * 300]:
        reply = holding.raw(message(verb, DOMAIN="guest1", EPOCH=2))
        assert reply.error_name in ("EINVAL", "EBADMSG") and reply.get("MESSAGE"), verb
        assert holding.do("status", DOMAIN="guest1").number("OUTSTANDING") == 1


COMMIT = b"commit\nDOMAIN=guest1\nEPOCH=2\n"
NO_MESSAGE = [
    (COMMIT + b"X=" + b"y" * 4096, "EMSGSIZE"),
    (b"x" * 4097, "EMSGSIZE"),
    (b"x" * 60000, "EMSGSIZE"),
    (COMMIT + b"".join(b"K%d=1\n" % i for i in range(31)), "E2BIG"),
    (COMMIT + b"\0", "EBADMSG"),
    (b"commit\0\nDOMAIN=guest1\nEPOCH=2\n", "EBADMSG"),
    (b"commit\nDOMAIN=guest1\0\nEPOCH=2\n", "EBADMSG"),
    (b"commit\nDOMAIN=guest1\nEPOCH\n", "EBADMSG"),
    (b"commit\nDOMAIN=guest1\n\nEPOCH=2\n", "EBADMSG"),
    (COMMIT + b"=2\n", "EBADMSG"),
    (b"commit\ndomain=guest1\nEPOCH=2\n", "EBADMSG"),
    (COMMIT + b"1X=2\n", "EBADMSG"),
    (COMMIT + b"K" * 33 + b"=1\n", "EBADMSG"),
    (COMMIT + b"X=" + b"y" * 1025 + b"\n", "EBADMSG"),
    (COMMIT + b"X=a\rb\n", "EBADMSG"),
    (COMMIT + b"X=a\x1b[31mb\n", "EBADMSG"),
    (b"\n", "EBADMSG"),
    (b"\0", "EBADMSG"),
    (b"\xff\xfe", "EBADMSG"),
]


def test_what_is_not_a_message_is_refused_and_the_connection_stays(holding):
    for packet, error in NO_MESSAGE:
        refused(holding, packet, error)


def test_the_largest_request_and_the_last_field_are_taken(holding):
    packet = b"preresume\nDOMAIN=guest1\nEPOCH=2\n" + b"".join(b"K%d=1\n" % i for i in range(30))
    assert not holding.raw(packet).error
    packet = b"preresume\nDOMAIN=guest1\nEPOCH=2\n"
    while len(packet) < 4096:
        packet += b"X=" + b"y" * min(1000, 4096 - len(packet) - 3) + b"\n"
    assert len(packet) == 4096 and not holding.raw(packet).error


def test_an_epoch_out_of_order_is_refused(holding):
    for verb, epochs, expected in [("postsuspend", [1, 4, 2**63 - 1], "3"), ("preresume", [3, 4], None),
                                   ("discard", [1, 2, 4], "3"), ("release", [1, 2, 4], "3"),
                                   ("commit", [3, 4, 2**63 - 1], None)]:
        for epoch in epochs:
            reply = refused(holding, message(verb, DOMAIN="guest1", EPOCH=epoch), "EPROTO")
            assert expected is None or reply.get("EXPECTED") == expected


def test_what_does_not_exist_is_said_to_be_so(holding):
    for verb in VERBS:
        if "DOMAIN" in VERBS[verb][0] and verb != "attach":
            fields = {key: GOOD[key] for key in VERBS[verb][0]} | {"DOMAIN": "stranger"}
            refused(holding, message(verb, **fields), "ENOENT")
    refused(holding, message("status", DOMAIN="stranger"), "ENOENT")
    refused(holding, message("attach", DOMAIN="guest1", VIF="vif9.9"), "ENODEV")
    refused(holding, message("attach", DOMAIN="stranger", VIF="vif9.9"), "ENODEV")
    refused(holding, message("detach", DOMAIN="guest1", VIF="vif9.9", PENDING="discard"), "ENODEV")


def test_what_is_somebody_elses_is_left_alone(net, holding):
    net.add_guest(2, 2)
    refused(holding, message("attach", DOMAIN="other", VIF="vif1.0"), "EEXIST")
    refused(holding, message("detach", DOMAIN="guest1"), "EBUSY")
    refused(holding, message("detach", DOMAIN="guest1", VIF="vif1.0"), "EBUSY")
    net.tc("qdisc", "add", "dev", "vif2.0", "clsact")
    net.tc("filter", "add", "dev", "vif2.0", "ingress", "protocol", "all", "matchall",
           "action", "mirred", "egress", "redirect", "dev", "vif2.1")
    refused(holding, message("attach", DOMAIN="guest2", VIF="vif2.0"), "EBUSY")
    assert "vif2.1" in net.tc("filter", "show", "dev", "vif2.0", "ingress")
    net.tc("qdisc", "delete", "dev", "vif2.0", "clsact")


def test_every_repeatable_request_has_its_effect_once(holding):
    ifb = holding.do("status", DOMAIN="guest1").blocks("VIF")[0]["IFB"]
    assert holding.do("attach", DOMAIN="guest1", VIF="vif1.0").get("IFB") == ifb
    for verb, fields in [("postsuspend", {"EPOCH": 2}), ("preresume", {"EPOCH": 2}), ("limit", {"LIMIT": "2M"}),
                         ("commit", {"EPOCH": 2}), ("discard", {}), ("discard", {"EPOCH": 3}), ("drive", {}), ("release", {}), ("release", {"EPOCH": 3})]:
        replies = []
        for _ in range(3):
            replies.append(holding.do(verb, DOMAIN="guest1", **fields).fields)
            after = picture(holding)
            replies.append(holding.do(verb, DOMAIN="guest1", **fields).fields)
            assert picture(holding) == after, verb
        assert all(reply == replies[0] for reply in replies), verb


def test_replies_come_in_the_order_of_the_requests(holding):
    for _ in range(50):
        holding.send(message("version"))
        holding.send(message("status", DOMAIN="guest1"))
        holding.send(message("nonsense"))
    for _ in range(50):
        assert holding.receive().get("VERSION")
        assert holding.receive().get("DOMAIN") == "guest1"
        assert holding.receive().error_name == "EINVAL"


def test_list_names_every_domain_in_pieces(net, client):
    """More domains than one reply holds."""
    count = 300
    net.ip("\n".join(f"link add v{i} group 77 type dummy" for i in range(count)))
    names = sorted(f"d{i}" for i in range(count))
    for i in range(count):
        client.do("attach", DOMAIN=f"d{i}", VIF=f"v{i}")
    found, after = [], None
    while True:
        reply = client.do("list", AFTER=after)
        found += reply.all("DOMAIN")
        if not reply.get("MORE"):
            break
        after = found[-1]
        assert len(reply.all("DOMAIN")) == 256
    net.ip("link delete group 77")
    assert found == names


def test_a_domain_of_many_vifs_goes_as_a_whole_and_takes_nothing_else_along(net, client):
    net.ip("link add stranger group 4711 type ifb")
    net.ip("\n".join(f"link add many{i} group 78 type dummy" for i in range(20)))
    ifbs = [client.do("attach", DOMAIN="many", VIF=f"many{i}").get("IFB") for i in range(20)]
    kept = client.do("attach", DOMAIN="few", VIF=net.add_guest(1, 1)[0]).get("IFB")
    client.do("detach", DOMAIN="many")
    links = net.links()
    assert not [ifb for ifb in ifbs if ifb in links]
    assert {kept, "stranger", *(f"many{i}" for i in range(20))} <= set(links)
    net.ip("link delete group 78")
    net.ip("link delete stranger")


def test_check_and_version_say_what_runs(client, daemon, module):
    assert client.do("check").get("MODULE") == module
    assert client.do("version").get("PROTOCOL") == "1"
    status = client.do("status")
    assert status.number("PID") == daemon.process.pid
    assert bool(status.get("NOTE")) == (module == "mainline")
