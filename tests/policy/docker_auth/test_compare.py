"""The two ways to decide, for every name at once: where the first match and overriding rules differ, and how."""

import pytest

from token_service.policy.docker_auth import walk
from token_service.policy.docker_auth.compare import Case, Line, compare
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.notation import parse_name
from token_service.policy.rule import ANY_ACTION

PULL, PUSH = frozenset({"pull"}), frozenset({"push"})
BOTH = PULL | PUSH
MORE, LESS = True, False
Found = list[tuple[str, str, bool]]


def line(says: frozenset[str], *names: str, is_deny: bool = False) -> Line:
    return Line(says, tuple(parse_name(name, "") for name in names), is_deny)


def differences(
    entries: tuple[Line, ...], rules: tuple[Line, ...], *, kind: str = "repository", is_certain: bool = True
) -> Found:
    return list(compare(Case(kind, entries, rules, is_certain), ("pull", "push")))


@pytest.mark.parametrize(
    ("entries", "rules", "expected"),
    [
        pytest.param((), (), [], id="nothing and nothing"),
        pytest.param((line(PULL, "a"),), (line(PULL, "a"),), [], id="the same"),
        pytest.param((line(PULL, "a"),), (), [("a", "pull", LESS)], id="a rule is missing"),
        pytest.param((), (line(PULL, "a"),), [("a", "pull", MORE)], id="a rule too many"),
        pytest.param((line(PULL, "a"),), (line(BOTH, "a"),), [("a", "push", MORE)], id="an action too many"),
        pytest.param((line(BOTH, "a"),), (line(PULL, "a"),), [("a", "push", LESS)], id="an action is missing"),
        pytest.param((line(PULL, "a", "b"),), (line(PULL, "a"), line(PULL, "b")), [], id="two rules for two names"),
        pytest.param(
            (line(PULL, "a"), line(BOTH, "a")), (line(PULL, "a"),), [], id="the first entry that matches decides"
        ),
        pytest.param(
            (line(PULL, "b"), line(PUSH, "a")),
            (line(PUSH, "a"), line(PULL, "b")),
            [],
            id="one that does not, does not",
        ),
        pytest.param((line(frozenset(), "a"), line(PULL, "**")), (line(PULL, "**"),), [("a", "pull", MORE)], id="no"),
        pytest.param(
            (line(frozenset(), "a"), line(PULL, "**")),
            (line(PULL, "**"), line(BOTH, "a", is_deny=True)),
            [],
            id="a denial overrides, wherever it stands",
        ),
        pytest.param(
            (line(PULL, "**"),),
            (line(PULL, "**"), line(PUSH, "a", is_deny=True)),
            [],
            id="a denial of something else does not",
        ),
        pytest.param((), (line(PULL, "a", is_deny=True),), [], id="a denial alone grants nothing"),
        pytest.param(
            (line(PULL, "a"),),
            (line(PULL, "b"),),
            [("a", "pull", LESS), ("b", "pull", MORE)],
            id="an example for each direction",
        ),
        pytest.param(
            (line(PULL, "a"),), (line(PUSH, "a"),), [("a", "pull", LESS), ("a", "push", MORE)], id="both on one name"
        ),
        pytest.param((line(BOTH, "a", "b"),), (), [("a", "pull", LESS)], id="one example is enough"),
        pytest.param(
            (line(PULL, "a", "b/c"),),
            (line(PULL, "b/*"),),
            [("a", "pull", LESS), ("b/0", "pull", MORE)],
            id="shortest",
        ),
    ],
)
def test_a_name_and_an_action_are_given_for_each_direction(
    entries: tuple[Line, ...], rules: tuple[Line, ...], expected: Found
) -> None:
    assert differences(entries, rules) == expected


@pytest.mark.parametrize(
    ("entries", "rules", "expected"),
    [
        pytest.param(
            (line(frozenset(), "a", is_deny=True), line(PULL, "a")),
            (line(PULL, "a"),),
            [("a", "pull", MORE)],
            id="what it might match is not granted",
        ),
        pytest.param(
            (line(PULL, "a", is_deny=True), line(BOTH, "a")),
            (line(BOTH, "a"),),
            [("a", "push", MORE)],
            id="unless it would grant that, too",
        ),
        pytest.param(
            (line(PULL, "a", is_deny=True),), (line(PULL, "a"),), [("a", "pull", MORE)], id="it grants nothing itself"
        ),
        pytest.param(
            (line(PULL, "b", is_deny=True), line(PULL, "a")), (line(PULL, "a"),), [], id="it has no say elsewhere"
        ),
        pytest.param((line(PULL, "a"),), (), [], id="what is missing is not told, for nothing is sure to be granted"),
    ],
)
def test_an_entry_that_is_not_known_can_only_take_away(
    entries: tuple[Line, ...], rules: tuple[Line, ...], expected: Found
) -> None:
    assert differences(entries, rules, is_certain=False) == expected


def test_the_catalogue_is_the_only_name_of_its_type() -> None:
    rules = (line(PULL, "catalog"), line(PUSH, "other"))
    assert differences((line(PULL, "**"),), rules, kind="registry") == []
    assert differences((line(PULL, "x"),), rules, kind="registry") == [("catalog", "pull", MORE)]
    several = (line(PULL, "x", "catalog"),)
    assert differences(several, (), kind="registry") == [("catalog", "pull", LESS)]


@pytest.mark.parametrize(("kind", "name"), [("registry", "catalog"), ("plugin", "0")])
def test_an_asterisk_can_be_asked_for_except_on_a_repository(kind: str, name: str) -> None:
    """On a repository it is answered with what is allowed, which the actions say one by one."""
    everything = (line(BOTH | {ANY_ACTION}, "**"),)
    assert differences((line(BOTH, "**"),), everything, kind=kind) == [(name, "*", MORE)]
    assert differences(everything, (line(BOTH, "**"),), kind=kind) == [(name, "*", LESS)]
    assert differences((line(BOTH, "**"),), everything, kind="repository") == []


def test_the_search_ends_with_an_example_for_each_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first name has both; longer ones, which a large list has many of, are not asked for."""
    monkeypatch.setattr(walk, "MAX_STATES", 4)
    assert differences((line(PULL, "**"),), (line(PUSH, "**"),)) == [("0", "pull", LESS), ("0", "push", MORE)]
    with pytest.raises(Unsupported):
        differences((line(PULL, "**"),), ())
