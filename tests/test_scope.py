"""The scope grammar: tables from Distribution's documents and tests, and properties over any text."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.scope import (
    MAX_ACTIONS,
    MAX_NAME_LENGTH,
    Scope,
    is_path,
    is_resource_name,
    parse_scope,
    parse_scopes,
)

VALID = {
    "repository:a:pull": Scope("repository", "a", ("pull",)),
    "repository:a/b:pull,push": Scope("repository", "a/b", ("pull", "push")),
    "repository:a/b:push,pull": Scope("repository", "a/b", ("pull", "push")),
    "repository:a/b:pull,pull,push": Scope("repository", "a/b", ("pull", "push")),
    "repository:a/b:*": Scope("repository", "a/b", ("*",)),
    "repository:a/b:pull,*": Scope("repository", "a/b", ("*", "pull")),
    "repository:a/b:": Scope("repository", "a/b", ()),
    "repository:a/b:pull,": Scope("repository", "a/b", ("pull",)),
    "repository:a/b:,": Scope("repository", "a/b", ()),
    "repository(plugin):a/b:pull": Scope("repository", "a/b", ("pull",), "plugin"),
    "registry:catalog:*": Scope("registry", "catalog", ("*",)),
    "repository::pull": Scope("repository", "", ("pull",)),
    "x9:a:y": Scope("x9", "a", ("y",)),
    "repository:localhost:5000/a/b:pull": Scope("repository", "localhost:5000/a/b", ("pull",)),
    "repository:Registry.Example.COM/a:pull": Scope("repository", "Registry.Example.COM/a", ("pull",)),
    "repository:[::1]:5000/a/b:pull": Scope("repository", "[::1]:5000/a/b", ("pull",)),
    "repository:[2001:DB8::1]/a:pull": Scope("repository", "[2001:DB8::1]/a", ("pull",)),
    "repository:10.0.0.1:5000/a:pull": Scope("repository", "10.0.0.1:5000/a", ("pull",)),
    "repository:a_b/c.d/e-f:pull": Scope("repository", "a_b/c.d/e-f", ("pull",)),
    "repository:a__b:pull": Scope("repository", "a__b", ("pull",)),
    "repository:a--b---c:pull": Scope("repository", "a--b---c", ("pull",)),
    "repository:1:pull": Scope("repository", "1", ("pull",)),
    f"repository:{'a' * MAX_NAME_LENGTH}:pull": Scope("repository", "a" * MAX_NAME_LENGTH, ("pull",)),
}

INVALID = [
    "",
    ":",
    "::",
    ":::",
    "repository",
    "repository:a",
    "a/b",
    ":a:pull",
    "Repository:a:pull",
    "REPOSITORY:a:pull",
    "repository (plugin):a:pull",
    "repository(plugin:a:pull",
    "repository():a:pull",
    "repository(Plugin):a:pull",
    "repository(a)(b):a:pull",
    "repo-sitory:a:pull",
    "repository*:a:pull",
    "*:a:pull",
    "repository:*:pull",
    "repository:a/*:pull",
    "repository:A:pull",
    "repository:a/B:pull",
    "repository:a/b/C/d:pull",
    "repository:/a:pull",
    "repository:a/:pull",
    "repository:a//b:pull",
    "repository:.:pull",
    "repository:..:pull",
    "repository:../../etc:pull",
    "repository:a/../b:pull",
    "repository:a/./b:pull",
    "repository:a..b:pull",
    "repository:a___b:pull",
    "repository:a_-b:pull",
    "repository:a.-b:pull",
    "repository:-a:pull",
    "repository:a-:pull",
    "repository:_a:pull",
    "repository:a.:pull",
    "repository:a%2fb:pull",
    "repository:a\\b:pull",
    "repository:a b:pull",
    "repository:a:b:pull",
    "repository:a:5000:pull",
    "repository:host:/a:pull",
    "repository:host:50x/a:pull",
    "repository:ho_st:5000/a:pull",
    "repository:-host/a:5000/b:pull",
    "repository:[::1/a:pull",
    "repository:[]:5000/a:pull",
    "repository:[::g]:5000/a:pull",
    "repository:a@sha256:pull",
    "repository:{principal}:pull",
    f"repository:{'a' * (MAX_NAME_LENGTH + 1)}:pull",
    f"repository:{'a/' * 128}:pull",
    "repository:a:Pull",
    "repository:a:pull push",
    "repository:a:pull;push",
    "repository:a:pull2",
    "repository:a:**",
    "repository:a:p*",
    "repository:a:pull\n",
    "repository:a\n:pull",
    "repository\n:a:pull",
    "\nrepository:a:pull",
    " repository:a:pull",
    "repository:a:pull ",
    "repository:a\x00:pull",
    "repository:a\u00a0:pull",
    "repository:a:pull\u2028",
    "repository:\u0661:pull",  # ARABIC-INDIC DIGIT ONE, which str.isdigit takes
    "repository:\uff11:pull",  # FULLWIDTH DIGIT ONE
    "repository:boo\u212a:pull",  # KELVIN SIGN, which lowers to k
    "repository:a\u017f:pull",  # LATIN SMALL LETTER LONG S, which a caseless expression takes for s
    "repository:\u0430:pull",  # CYRILLIC SMALL LETTER A
    "repository:caf\u00e9:pull",
    "repository:a\u0301:pull",
    "repo\ufb01tory:a:pull",  # LATIN SMALL LIGATURE FI
    "repository:a:p\u1d5ell",
    "repository:a:\ud800",
    "repository:a:" + ",".join(string.ascii_lowercase[i // 26] + string.ascii_lowercase[i % 26] for i in range(33)),
]


@pytest.mark.parametrize(("text", "scope"), VALID.items(), ids=[text[:60] for text in VALID])
def test_a_scope_is_read(text: str, scope: Scope) -> None:
    assert parse_scope(text) == scope


@pytest.mark.parametrize("text", INVALID, ids=[ascii(text[:60]) for text in INVALID])
def test_what_is_not_a_scope_is_none(text: str) -> None:
    assert parse_scope(text) is None
    assert parse_scopes([text.replace(" ", "\t")]) == ()


@pytest.mark.parametrize("junk", [text for text in INVALID if " " not in text], ids=ascii)
def test_junk_does_not_take_its_neighbours_along(junk: str) -> None:
    kept = (Scope("repository", "x", ("pull",)), Scope("repository", "y", ("push",)))
    assert parse_scopes([f"repository:x:pull {junk} repository:y:push"]) == kept
    assert parse_scopes(["repository:x:pull", junk, "repository:y:push"]) == kept


@pytest.mark.parametrize(
    "values",
    [
        ["repository:a:pull repository:b:push"],
        ["repository:a:pull", "repository:b:push"],
        ["  repository:a:pull   repository:b:push  "],
        ["", "repository:a:pull", "", "repository:b:push", " "],
        ["repository:a:pull repository:b:push", "repository:a:pull"],
        ["repository:a: repository:b:push repository:a:pull"],
    ],
)
def test_scopes_come_joined_repeated_or_both(values: list[str]) -> None:
    assert parse_scopes(values) == (Scope("repository", "a", ("pull",)), Scope("repository", "b", ("push",)))


def test_scopes_are_merged_per_resource() -> None:
    assert parse_scopes(["repository:b:push repository(plugin):b:pull repository:a:pull repository:b:pull"]) == (
        Scope("repository", "b", ("pull", "push")),
        Scope("repository", "b", ("pull",), "plugin"),
        Scope("repository", "a", ("pull",)),
    )


@pytest.mark.parametrize(
    "separator", ["\n", "\t", "\r\n", "\x0b", "\x1f", "\u00a0", "\u2003", "\u3000", "+", "%20", ";"]
)
def test_only_a_space_separates(separator: str) -> None:
    assert parse_scopes([f"repository:a:pull{separator}repository:b:pull"]) == ()


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("a", True, True),
        ("a/b", True, True),
        ("host.example/a", True, True),
        ("host:5000/a", True, False),
        ("Host/a", True, False),
        ("Host", False, False),
        ("", False, False),
        ("a" * 255, True, True),
        ("a" * 256, False, False),
        ("a\n", False, False),
    ],
)
def test_names_and_paths(text: str, name: bool, path: bool) -> None:
    assert (is_resource_name(text), is_path(text)) == (name, path)


def test_there_may_be_so_many_actions_and_no_more() -> None:
    words = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
    scope = parse_scope(f"repository:a:{','.join(words[:MAX_ACTIONS])}")
    assert scope is not None
    assert len(scope.actions) == MAX_ACTIONS
    assert parse_scope(f"repository:a:{','.join(words[: MAX_ACTIONS + 1])}") is None


# Properties

components = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,3}", fullmatch=True)
hosts = st.one_of(
    st.from_regex(
        r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,5}[a-zA-Z0-9])?(\.[a-zA-Z0-9]{1,5}){0,2}(:[0-9]{1,5})?", fullmatch=True
    ),
    st.from_regex(r"\[[0-9a-fA-F:]{2,20}\](:[0-9]{1,5})?", fullmatch=True),
)
names = st.builds(
    lambda host, parts: "/".join([*host, *parts]),
    st.lists(hosts, max_size=1),
    st.lists(components, min_size=1, max_size=5),
).filter(lambda name: len(name) <= MAX_NAME_LENGTH)
kinds = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
actions = st.lists(st.one_of(st.text(string.ascii_lowercase, min_size=1, max_size=8), st.just("*")), max_size=6)
scopes = st.builds(
    lambda kind, name, words, label: Scope(kind, name, tuple(sorted(set(words))), label),
    kinds,
    st.one_of(names, st.just("")),
    actions,
    st.one_of(kinds, st.just("")),
)
near_misses = st.text("repositypul:/*(),. -_[]\nA9\u212a", max_size=60)


@given(scopes)
def test_print_and_parse_are_inverse(scope: Scope) -> None:
    assert parse_scope(str(scope)) == scope


@given(st.one_of(st.text(), near_misses))
def test_parsing_never_raises_and_what_it_takes_it_prints_and_takes_again(text: str) -> None:
    scope = parse_scope(text)
    if scope is not None:
        assert parse_scope(str(scope)) == scope
        assert str(scope).isascii()
        assert " " not in str(scope)


@given(st.lists(st.one_of(st.text(), near_misses, scopes.map(str)), max_size=8))
def test_merging_is_idempotent(values: list[str]) -> None:
    merged = parse_scopes(values)
    assert parse_scopes(str(scope) for scope in merged) == merged
    assert parse_scopes([" ".join(str(scope) for scope in merged)]) == merged
    assert parse_scopes([*values, *values]) == merged


@given(st.data())
def test_merging_does_not_depend_on_the_order(data: st.DataObject) -> None:
    values = data.draw(st.lists(scopes.map(str), max_size=8))
    shuffled = data.draw(st.permutations(values))
    assert set(parse_scopes(values)) == set(parse_scopes(shuffled))


@given(st.lists(scopes, max_size=8))
def test_merging_loses_and_adds_nothing(asked: list[Scope]) -> None:
    def pairs(of: tuple[Scope, ...] | list[Scope]) -> set[tuple[str, str, str, str]]:
        return {(s.type, s.resource_class, s.name, action) for s in of for action in s.actions}

    merged = parse_scopes(map(str, asked))
    assert pairs(merged) == pairs(asked)
    assert len({(s.type, s.resource_class, s.name) for s in merged}) == len(merged)


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "a" * MEGABYTE,
        ":" * MEGABYTE,
        "repository:" + "a-" * (MEGABYTE // 2) + ":pull",
        "repository:" + "a/" * (MEGABYTE // 2) + ":pull",
        "repository:" + "a." * (MEGABYTE // 2) + "!:pull",
        "repository:" + "a:" * (MEGABYTE // 2) + "pull",
        "repository:" + "[" * MEGABYTE + ":pull",
        "repository:a:" + "pull," * (MEGABYTE // 5) + "!",
        "repository:a:" + "," * MEGABYTE + "!",
        "repository(" * (MEGABYTE // 11) + ":a:pull",
        "repository:a:pull" + "\n" * MEGABYTE,
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_a_megabyte_of_junk_is_junk(text: str) -> None:
    """A parser that backtracks would not come back from any of these; nothing is timed."""
    assert parse_scope(text) is None
    assert parse_scopes([text]) == ()


@pytest.mark.parametrize("piece", ["a-", "a.", "a/", "a--", "0.a-", "A-", "a:1/"])
def test_a_name_of_full_length_that_fails_at_its_end_is_refused(piece: str) -> None:
    """Where a backtracking expression would try all ways to divide what came before."""
    name = (piece * MAX_NAME_LENGTH)[: MAX_NAME_LENGTH - 1] + "!"
    assert not is_resource_name(name)


def test_ten_thousand_scopes_are_ten_thousand_scopes() -> None:
    text = " ".join(f"repository:a/{number}:pull" for number in range(10_000))
    assert len(parse_scopes([text])) == 10_000
