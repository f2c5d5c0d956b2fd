"""The loader's conditions: for every bad one the place, the problem and the fix."""

import pytest

from tests.policy import build

WHEN: list[tuple[build.Changes, str, str, str]] = [
    ({"when": "{}"}, "when", "when is empty", "remove `when`"),
    ({"when": "[x]"}, "when", "when is a list", "mapping"),
    ({"when": "{label: {a: b}}"}, "when", "when has no key `label`", "did you mean `labels`?"),
    ({"when": "{ip: ['10.0.0.0/8']}"}, "when", "when has no key `ip`", "source_ip"),
    ({"when": "{labels: {}}"}, "when", "labels is empty", "remove it"),
    ({"when": "{labels: [a]}"}, "when", "labels is a list", "mapping"),
    ({"when": "{labels: {'a b': c}}"}, "when", "label `a b` is not a label name", "letters"),
    ({"when": "{labels: {a: true}}"}, "when", "label a `true`", '"true"'),
    ({"when": "{labels: {a: 1}}"}, "when", "label a `1`", '"1"'),
    ({"when": "{labels: {a: []}}"}, "when", "a is empty", "at least one"),
    ({"when": "{labels: {a: {b: c}}}"}, "when", "a is a mapping", "list"),
    ({"when": "{service: registry}"}, "when", "service is a text", "list"),
    ({"when": "{service: []}"}, "when", "service is empty", "at least one"),
    ({"when": "{source_ip: ['10.0.0.1/8']}"}, "when", "host bits", "did you mean 10.0.0.0/8?"),
    ({"when": "{source_ip: ['10.0.0.0/33']}"}, "when", "is not a network", "10.0.0.0/8"),
    ({"when": "{source_ip: [home]}"}, "when", "`home` is not a network", "10.0.0.0/8"),
    ({"when": "{source_ip: ['fe80::1%eth0']}"}, "when", "has a zone", "from % on"),
    ({"when": "{source_ip: ['::ffff:10.0.0.0/104']}"}, "when", "IPv4 network in disguise", "as IPv4"),
    ({"when": "{source_ip: ['010.0.0.1']}"}, "when", "is not a network", "address"),
    ({"when": "{before: 2027-01-02}"}, "when", "before `2027-01-02`", 'quote it: "2027-01-02"'),
    ({"when": "{before: '2027-01-02'}"}, "when", "before `2027-01-02` is not a time", "RFC 3339"),
    ({"when": "{before: '2027-01-02T00:00:00'}"}, "when", "is not a time", "zone"),
    ({"when": "{before: '2027-01-02T00:00:00.5Z'}"}, "when", "is not a time", "whole seconds"),
    ({"when": "{after: '2027-02-30T00:00:00Z'}"}, "when", "does not exist in the calendar", "correct it"),
    ({"when": "{after: '2027-01-01T00:00:60Z'}"}, "when", "does not exist in the calendar", "correct it"),
    ({"when": "{after: '0000-01-01T00:00:00Z'}"}, "when", "does not exist in the calendar", "correct it"),
    ({"when": "{after: '2027-01-01T00:00:00Z', before: '2027-01-01T00:00:00Z'}"}, "when", "not earlier", "exchange"),
    ({"when": "{after: 1800000000}"}, "when", "after `1800000000`", "quote it"),
]


@pytest.mark.parametrize(("changes", "key", "problem", "fix"), WHEN)
def test_a_bad_condition(changes: build.Changes, key: str, problem: str, fix: str) -> None:
    text, line = build.rule_text(changes, key)
    build.refused(text, line, problem, fix)
