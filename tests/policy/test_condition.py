"""Conditions: each alone, all together, and an address that is not known."""

from ipaddress import ip_network

import pytest

from tests.policy.build import user
from token_service.policy.condition import NO_CONDITIONS, Conditions, Context, hold, parse_address, parts, unmet

TEN = (ip_network("10.0.0.0/8"),)
SIX = (ip_network("2001:db8::/32"),)
BOB = user("bob", team=("core", "web"), ref="main")

HOLDS: list[tuple[Conditions, Context, bool]] = [
    (NO_CONDITIONS, Context("r", 0), True),
    (Conditions(labels=(("team", ("core",)),)), Context("r", 0), True),
    (Conditions(labels=(("team", ("other", "web")),)), Context("r", 0), True),
    (Conditions(labels=(("team", ("cor",)),)), Context("r", 0), False),
    (Conditions(labels=(("team", ("co*",)),)), Context("r", 0), False),
    (Conditions(labels=(("missing", ("x",)),)), Context("r", 0), False),
    (Conditions(labels=(("team", ("core",)), ("ref", ("main",)))), Context("r", 0), True),
    (Conditions(labels=(("team", ("core",)), ("ref", ("dev",)))), Context("r", 0), False),
    (Conditions(services=("r", "s")), Context("r", 0), True),
    (Conditions(services=("R",)), Context("r", 0), False),
    (Conditions(after=5), Context("r", 4), False),
    (Conditions(after=5), Context("r", 5), True),
    (Conditions(before=5), Context("r", 4), True),
    (Conditions(before=5), Context("r", 5), False),
    (Conditions(networks=TEN), Context("r", 0, "10.200.0.1"), True),
    (Conditions(networks=TEN), Context("r", 0, "11.0.0.1"), False),
    (Conditions(networks=TEN), Context("r", 0, "::ffff:10.0.0.1"), True),
    (Conditions(networks=TEN), Context("r", 0, "::ffff:11.0.0.1"), False),
    (Conditions(networks=SIX), Context("r", 0, "2001:db8::1"), True),
    (Conditions(networks=SIX), Context("r", 0, "10.0.0.1"), False),
    (Conditions(networks=TEN + SIX), Context("r", 0, "2001:db8::1"), True),
    (Conditions(networks=TEN, services=("s",)), Context("r", 0, "10.0.0.1"), False),
]


@pytest.mark.parametrize(("conditions", "context", "expected"), HOLDS)
def test_conditions_hold(conditions: Conditions, context: Context, expected: bool) -> None:
    for if_unknown in (True, False):
        assert hold(conditions, BOB, context, if_unknown=if_unknown) is expected
        assert (not list(unmet(conditions, BOB, context, if_unknown=if_unknown))) is expected


# CVE-2024-47070 (authentik): an address that could not be parsed passed a policy that was meant to refuse.
@pytest.mark.parametrize(
    "source_ip",
    [None, "", "junk", "10.0.0.1:443", "fe80::1%eth0", "10.0.0.01", "10.0.0.1 ", "\uff110.0.0.1", "10.0.0.256"],
)
def test_an_address_that_is_not_known_counts_as_the_caller_says(source_ip: str | None) -> None:
    conditions, context = Conditions(networks=TEN), Context("r", 0, source_ip)
    assert hold(conditions, BOB, context, if_unknown=True)
    assert not hold(conditions, BOB, context, if_unknown=False)
    assert list(unmet(conditions, BOB, context, if_unknown=True)) == []
    assert list(unmet(conditions, BOB, context, if_unknown=False)) == [
        f"source_ip is {source_ip or 'unknown'}, not in 10.0.0.0/8"
    ]


def test_addresses_are_normalised() -> None:
    assert str(parse_address("::ffff:1.2.3.4")) == "1.2.3.4"
    assert str(parse_address("2001:DB8::1")) == "2001:db8::1"
    assert parse_address("fe80::1%1") is None


def test_what_is_not_met_is_said_in_words() -> None:
    conditions = Conditions(
        labels=(("team", ("dev", "next")), ("env", ("prod",))),
        services=("s", "t"),
        networks=TEN + SIX,
        after=86_400,
        before=0,
    )
    assert list(unmet(conditions, BOB, Context("r", 60, "1.2.3.4"), if_unknown=False)) == [
        "label team is core, web, not dev or next",
        "label env is missing, not prod",
        "service is r, not s or t",
        "it begins at 1970-01-02T00:00:00Z",
        "it ended at 1970-01-01T00:00:00Z",
        "source_ip is 1.2.3.4, not in 10.0.0.0/8 or 2001:db8::/32",
    ]


@pytest.mark.parametrize(("conditions", "context", "expected"), HOLDS)
def test_the_parts_of_conditions_hold_together_as_the_whole(
    conditions: Conditions, context: Context, expected: bool
) -> None:
    parted = dict(parts(conditions))
    assert all(hold(part, BOB, context, if_unknown=False) for part in parted.values()) is expected
    assert all(conditions == NO_CONDITIONS or part != NO_CONDITIONS for part in parted.values())


def test_parts_are_named_as_in_a_file() -> None:
    everything = Conditions((("a", ("b",)), ("c", ("d",))), ("s",), TEN, 1, 2)
    assert [name for name, _ in parts(everything)] == [
        "label a",
        "label c",
        "service",
        "source_ip",
        "after",
        "before",
    ]
    assert list(parts(NO_CONDITIONS)) == []
