"""The loader's conditions: what a good one means, and for every bad one the place, the problem and the fix."""

from ipaddress import ip_network

import pytest

from tests.policy import build
from token_service.policy.condition import Conditions
from token_service.policy.parse import parse_policy

GOOD = [
    ("{labels: {a: b}}", Conditions(labels=(("a", ("b",)),))),
    ("{labels: {a: [b, c], _d.e-f: ''}}", Conditions(labels=(("a", ("b", "c")), ("_d.e-f", ("",))))),
    ("{service: [a, 'b c']}", Conditions(services=("a", "b c"))),
    (
        "{source_ip: [10.0.0.0/8, 192.0.2.1]}",
        Conditions(networks=tuple(map(ip_network, ["10.0.0.0/8", "192.0.2.1"]))),
    ),
    (
        "{source_ip: ['2001:db8::/32', '::/0']}",
        Conditions(networks=tuple(map(ip_network, ["2001:db8::/32", "::/0"]))),
    ),
    ("{after: '1970-01-02T00:00:00Z'}", Conditions(after=86_400)),
    ("{before: '1970-01-01t01:00:00z'}", Conditions(before=3600)),
    ("{before: '1970-01-01T01:00:00-00:30'}", Conditions(before=5400)),
    ("{after: '1970-01-01T00:00:01Z', before: '1970-01-01T00:00:02Z'}", Conditions(after=1, before=2)),
]


@pytest.mark.parametrize(("when", "conditions"), GOOD)
def test_a_good_condition(when: str, conditions: Conditions) -> None:
    (rule,) = parse_policy(build.rule_text({"when": when}, "")[0], "p.yaml").rules
    assert rule.when == conditions


AMBIGUOUS = "is a number, date or switch to some YAML tools (quote it:"
NO_NETWORK = "is not a network: it cannot be read (write an address or a network such as 10.0.0.0/8 or 2001:db8::/32)"
NO_TIME = 'is not a time (write RFC 3339 with a zone and whole seconds: "2027-01-02T00:00:00Z")'
NO_DATE = "does not exist in the calendar (correct it)"
WHEN: list[tuple[build.Changes, str]] = [
    ({"when": "{}"}, "when is empty (write a condition, or remove `when`)"),
    ({"when": "[x]"}, "when is a list (write a mapping: {key: value})"),
    ({"when": "{label: {a: b}}"}, "when has no key `label` (did you mean `labels`?)"),
    ({"when": "{ip: ['10.0.0.0/8']}"}, "when has no key `ip` (known: after, before, labels, service, source_ip)"),
    ({"when": "{labels: {}}"}, "labels is empty (write `NAME: value`, or remove it)"),
    ({"when": "{labels: [a]}"}, "labels is a list (write a mapping: {key: value})"),
    ({"when": "{labels: {'a b': c}}"}, "label `a b` is not a label name (letters, digits, . _ -)"),
    ({"when": "{labels: {a: true}}"}, f'label a `true` {AMBIGUOUS} "true")'),
    ({"when": "{labels: {a: 1}}"}, f'label a `1` {AMBIGUOUS} "1")'),
    ({"when": "{labels: {a: []}}"}, "a is empty (write at least one entry, or remove it)"),
    ({"when": "{labels: {a: {b: c}}}"}, "a is a mapping (write a list: [a, b])"),
    ({"when": "{labels: {a: [b, no]}}"}, f'an entry of a `no` {AMBIGUOUS} "no")'),
    ({"when": "{service: registry}"}, "service is a text (write a list: [a, b])"),
    ({"when": "{service: [5000]}"}, f'an entry of service `5000` {AMBIGUOUS} "5000")'),
    ({"when": "{service: []}"}, "service is empty (write at least one entry, or remove it)"),
    (
        {"when": "{source_ip: ['10.0.0.1/8']}"},
        "`10.0.0.1/8` is not a network: it has host bits set (did you mean 10.0.0.0/8?)",
    ),
    ({"when": "{source_ip: ['10.0.0.0/33']}"}, f"`10.0.0.0/33` {NO_NETWORK}"),
    ({"when": "{source_ip: [home]}"}, f"`home` {NO_NETWORK}"),
    ({"when": "{source_ip: [10.0]}"}, f'an entry of source_ip `10.0` {AMBIGUOUS} "10.0")'),
    ({"when": "{source_ip: ['fe80::1%eth0']}"}, "`fe80::1%eth0` has a zone (remove the part from % on)"),
    (
        {"when": "{source_ip: ['::ffff:10.0.0.0/104']}"},
        "`::ffff:10.0.0.0/104` is an IPv4 network in disguise (write it as IPv4)",
    ),
    ({"when": "{source_ip: ['010.0.0.1']}"}, f"`010.0.0.1` {NO_NETWORK}"),
    ({"when": "{before: 2027-01-02}"}, f'before `2027-01-02` {AMBIGUOUS} "2027-01-02")'),
    ({"when": "{before: '2027-01-02'}"}, f"before `2027-01-02` {NO_TIME}"),
    ({"when": "{before: '2027-01-02T00:00:00'}"}, f"before `2027-01-02T00:00:00` {NO_TIME}"),
    ({"when": "{before: '2027-01-02T00:00:00.5Z'}"}, f"before `2027-01-02T00:00:00.5Z` {NO_TIME}"),
    ({"when": "{after: '2027-02-30T00:00:00Z'}"}, f"after `2027-02-30T00:00:00Z` {NO_DATE}"),
    ({"when": "{after: '2027-01-01T00:00:60Z'}"}, f"after `2027-01-01T00:00:60Z` {NO_DATE}"),
    ({"when": "{after: '0000-01-01T00:00:00Z'}"}, f"after `0000-01-01T00:00:00Z` {NO_DATE}"),
    (
        {"when": "{after: '2027-01-01T00:00:00Z', before: '2027-01-01T00:00:00Z'}"},
        "after is not earlier than before (exchange them)",
    ),
    ({"when": "{after: 1800000000}"}, f'after `1800000000` {AMBIGUOUS} "1800000000")'),
]


@pytest.mark.parametrize(("changes", "message"), WHEN)
def test_a_bad_condition(changes: build.Changes, message: str) -> None:
    text, line = build.rule_text(changes, "when")
    build.refused_with(text, line, message)
