"""Strict YAML: what is refused, at which line, and what the rest means."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from token_service import strict_yaml
from token_service.errors import LoadError
from token_service.strict_yaml import List, Mapping, Node, Text, load, locate, to_plain

BILLION_LAUGHS = "\n".join(
    ["a: &a [x, x]"] + [f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
)

REFUSED: list[tuple[str, str | bytes, int, str, str]] = [
    ("empty", "", 1, "empty", "mapping"),
    ("only a comment", "# nothing\n", 1, "empty", "mapping"),
    ("only a marker", "---\n", 1, "empty", "mapping"),
    ("duplicate key", "a: 1\nb: 2\na: 3\n", 3, "key `a` stands here twice", "line 1"),
    ("duplicate nested key", "a:\n  x: 1\n  x: 2\n", 3, "twice", "line 2"),
    ("duplicate in a flow", "a: {x: 1, x: 2}\n", 1, "twice", "line 1"),
    ("duplicate, quoted differently", "a: 1\n'a': 2\n", 2, "twice", "line 1"),
    ("anchor on a scalar", "a: &x 1\n", 1, "anchor", "write the value out"),
    ("anchor on a list", "a:\n  - &x [1]\n", 2, "anchor", "write the value out"),
    ("alias", "a: b\nc: *x\n", 2, "alias", "write the value out"),
    ("billion laughs", BILLION_LAUGHS, 1, "anchor", "write the value out"),
    ("merge key", "a:\n  <<: {b: c}\n", 2, "merge key", "keys out"),
    ("tag", "a: !!python/object/apply:os.system ['id']\n", 1, "tag", "remove it"),
    ("plain tag", "a: !!str 1\n", 1, "tag", "quote"),
    ("local tag on a mapping", "a:\n  b: !x {}\n", 2, "tag", "remove it"),
    ("second document", "a: b\n---\nc: d\n", 2, "second document", "---"),
    ("directive", "%YAML 1.1\n---\na: b\n", 1, "directives", "remove"),
    ("tag directive", "%TAG ! tag:x,2000:\n---\na: b\n", 1, "directives", "remove"),
    ("list as a key", "? [a]\n: b\n", 1, "a key that is a list", "text"),
    ("mapping as a key", "a:\n  {x: y}: b\n", 2, "a key that is a list or a mapping", "text"),
    ("boolean key", "a: b\nno: c\n", 2, "the key `no`", '"no"'),
    ("number as a key", "a:\n  012: c\n", 2, "the key `012`", '"012"'),
    ("null key", "a: b\n~: c\n", 2, "the key `~`", "quote"),
    ("empty key", "a: b\n?\n: c\n", 2, "the key is empty", "text"),
    ("line break in a key", 'a: b\n"c\\nd": e\n', 2, "key `c?d` holds a line break", "one line"),
    ("deep flow", "[" * 40, 1, "nested deeper than 32", "flatten"),
    ("very deep flow", "[" * 100_000, 1, "nested deeper", "flatten"),
    ("deep block", "\n".join("  " * n + "a:" for n in range(40)), 33, "nested deeper", "flatten"),
    ("too big", "# " + "x" * strict_yaml.MAX_BYTES, 1, "bytes, more than", "split"),
    ("not UTF-8", b"a: b\nc: \xff\n", 2, "not UTF-8", "UTF-8"),
    ("UTF-16", "a: b".encode("utf-16"), 1, "not UTF-8", "UTF-8"),
    ("truncated UTF-8", b"a: \xe2\x82", 1, "not UTF-8", "UTF-8"),
    ("NUL", "a: b\nc: \0\n", 2, "U+0000", "remove"),
    ("NUL by an escape", 'a: b\nc: "x\\0"\n', 2, "U+0000", "remove"),
    ("bidi override", "a: b\n# \u202e evil\n", 2, "U+202E", "remove"),
    ("bidi by an escape", '"\\u202e": x\n', 1, "U+202E", "remove"),
    ("next line", "a: b\u0085\n", 1, "U+0085", "remove"),
    ("line separator", "a: b\u2028c: d\n", 1, "U+2028", "remove"),
    ("second BOM", "\ufeffa: \ufeffb\n", 1, "U+FEFF", "remove"),
    ("lone surrogate", "a: \ud800\n", 1, "U+D800", "remove"),
    ("carriage return alone", "a: b\rc: d\n", 1, "U+000D", "remove"),
    ("tab as indentation", "a:\n\tb: c\n", 2, "not valid YAML", "indentation"),
    ("unclosed quote", 'a: "b\n', 2, "not valid YAML", "quotes"),
    ("unclosed flow", "a: [b\n", 2, "not valid YAML", "quotes"),
    ("two colons", "a: b: c\n", 1, "not valid YAML", "colons"),
    ("bad indentation", "a:\n    b: 1\n  c: 2\n", 3, "not valid YAML", "indentation"),
    ("percent", "a: b\n%", 2, "not valid YAML", "check"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "line", "problem", "fix"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_what_is_refused_names_its_place_and_a_fix(
    data: str | bytes, line: int, problem: str, fix: str, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_yaml, "_PARSER", getattr(yaml, parser))
    with pytest.raises(LoadError) as caught:
        load(data, "x.yaml")
    found_line = int(caught.value.place.removeprefix("x.yaml:"))
    # The two parsers of PyYAML see the end of the input in different lines; nothing else differs.
    assert found_line == line or (problem == "not valid YAML" and abs(found_line - line) <= 1)
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value)


SAMPLE = """\
# a comment
name: x
list:
  - one
  - {k: v}
"quoted key": 'no'
empty:
"""


def test_nodes_know_their_lines() -> None:
    root = load(SAMPLE, "f")
    assert isinstance(root, Mapping)
    assert root.place == "f:2"
    assert [(entry.key, entry.line) for entry in root.entries.values()] == [
        ("name", 2), ("list", 3), ("quoted key", 6), ("empty", 7),
    ]  # fmt: skip
    listed = root.get("list")
    assert isinstance(listed, List)
    assert [item.place for item in listed.items] == ["f:4", "f:5"]
    assert root.get("nothing") is None


@pytest.mark.parametrize(
    "data", [SAMPLE, SAMPLE.encode(), "\ufeff" + SAMPLE, SAMPLE.replace("\n", "\r\n"), "---\n" + SAMPLE]
)
def test_the_same_tree_from_every_spelling(data: str | bytes) -> None:
    assert to_plain(load(data, "f")) == {
        "name": "x", "list": ["one", {"k": "v"}], "quoted key": "no", "empty": None,
    }  # fmt: skip


AMBIGUOUS = [
    "no", "No", "NO", "yes", "on", "off", "y", "N", "true", "False", "null", "~", "012", "0o17", "0x1f", "1_000", "7",
    "-7", "1.5", "1e3", ".5", ".inf", ".NaN", "1:30", "2027-01-01", "2027-01-01T00:00:00Z", "=", "<<", "0b1",
]  # fmt: skip
STRINGS = [
    "alice", "a/b", "user:*", "*x", "1.2.3", "10.0.0.0/8", "localhost:5000", "nobody", "on-call", "12ab", "::1", "yn",
    "2027-01-01-nightly", "é",
]  # fmt: skip


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_plain_scalar_that_tools_disagree_about_is_no_string(text: str) -> None:
    node = Text("f", 3, text, plain=True)
    with pytest.raises(LoadError) as caught:
        strict_yaml.string(node, "the name")
    assert caught.value.place == "f:3"
    assert f"the name `{text}`" in caught.value.problem
    assert caught.value.fix == f'quote it: "{text}"'


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_quoted_it_is_one(text: str) -> None:
    root = load(f"- \"{text}\"\n- '{text}'\n", "f")
    assert isinstance(root, List)
    assert [strict_yaml.string(item) for item in root.items] == [text, text]


@pytest.mark.parametrize("text", STRINGS)
def test_what_every_tool_reads_as_text_needs_no_quotes(text: str) -> None:
    assert strict_yaml.string(Text("f", 1, text, plain=True)) == text


PLAIN: list[tuple[str, Any]] = [
    ("1", 1), ("-1", -1), ("0", 0), ("1.5", 1.5), ("1e3", 1000.0), ("true", True), ("False", False), ("null", None),
    ("~", None), ("''", ""), ("'1'", "1"),
    ('"true"', "true"), ("[]", []), ("{}", {}), ("a b", "a b"), ("|-\n  1", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_to_plain_reads_the_core_schema(text: str, value: object) -> None:
    read = to_plain(load(f"k: {text}\n", "f"))["k"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "012", "1:30", "2027-01-01", "0x1f", "0o17", "1_000", ".inf", "y"]
)
def test_to_plain_refuses_to_guess(text: str) -> None:
    with pytest.raises(LoadError) as caught:
        to_plain(load(f"a: b\nk: {text}\n", "f"))
    assert caught.value.place == "f:2"
    assert f'"{text}"' in caught.value.fix


def test_typed_access_names_what_it_found() -> None:
    root = load(
        "t: x\nl: [1]\nm: {a: 1}\nw: 7\nq: '7'\nbig: 1234567890123456789\np: true\nr: false\nz: 'true'\n", "f"
    )
    assert isinstance(root, Mapping)
    t, listed, m, n, q, big, true, false, quoted = (entry.value for entry in root.entries.values())
    assert strict_yaml.integer(n) == 7
    assert (strict_yaml.boolean(true), strict_yaml.boolean(false)) == (True, False)
    assert len(strict_yaml.items(listed)) == 1
    assert set(strict_yaml.mapping(m)) == {"a"}
    wrong: list[tuple[Any, Node, str]] = [
        (strict_yaml.string, listed, "a list"), (strict_yaml.string, m, "a mapping"),
        (strict_yaml.items, t, "a text"),
        (strict_yaml.mapping, listed, "a list"), (strict_yaml.integer, q, "not a whole number"),
        (strict_yaml.integer, t, "not a whole number"), (strict_yaml.integer, m, "not a whole number"),
        (strict_yaml.integer, big, "not a whole number"), (strict_yaml.boolean, t, "a switch"),
        (strict_yaml.boolean, listed, "a switch"), (strict_yaml.boolean, quoted, "a switch"),
    ]  # fmt: skip
    for read, node, said in wrong:
        with pytest.raises(LoadError) as caught:
            read(node, "the thing")
        assert caught.value.problem.startswith("the thing is")
        assert said in caught.value.problem
        assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-15T08:00:00Z", 1_800_000_000),
        ("2027-01-15t09:30:00+01:30", 1_800_000_000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_is_a_moment_wherever_it_is_read(text: str, seconds: int) -> None:
    assert strict_yaml.timestamp(load(f'"{text}"', "f")) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2027-01-15T08:00:00", "the thing `2027-01-15T08:00:00` is not a time"),
        ("2027-01-15T08:00:00.5Z", "the thing `2027-01-15T08:00:00.5Z` is not a time"),
        ("2027-13-15T08:00:00Z", "the thing `2027-13-15T08:00:00Z` does not exist in the calendar"),
        ("2027-01-15T25:00:00Z", "the thing `2027-01-15T25:00:00Z` does not exist in the calendar"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, problem: str) -> None:
    with pytest.raises(LoadError) as caught:
        strict_yaml.timestamp(load(f'"{text}"', "f"), "the thing")
    assert (caught.value.place, caught.value.problem) == ("f:1", problem)


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    root = load("a: 1\nprincipal: x\n", "f")
    assert isinstance(root, Mapping)
    with pytest.raises(LoadError) as caught:
        strict_yaml.refuse_unknown(root.entries, {"a", "principals", "resources"}, "a rule")
    assert str(caught.value) == "f:2: a rule has no key `principal` (did you mean `principals`?)"
    with pytest.raises(LoadError) as caught:
        strict_yaml.refuse_unknown(root.entries, {"a", "zzz"}, "a rule")
    assert caught.value.fix == "known: a, zzz"


def test_an_error_stays_on_one_line_whatever_was_written() -> None:
    root = load('"x\\ty": 1\n' + '"' + "z" * 500 + '": 2\n', "f")
    assert isinstance(root, Mapping)
    with pytest.raises(LoadError) as caught:
        strict_yaml.refuse_unknown(root.entries, {"a"}, "it")
    assert "`x?y`" in str(caught.value)
    assert strict_yaml.shown("x\ny") == "`x?y`"
    assert len(strict_yaml.shown("z" * 500)) < 70


LOCATIONS: list[tuple[tuple[str | int, ...], str]] = [
    ((), "f:2"), (("name",), "f:2"), (("list",), "f:3"), (("list", 0), "f:4"), (("list", 1, "k"), "f:5"),
    (("list", "union-tag", 1, "k"), "f:5"), (("list", 9), "f:3"), (("list", -1), "f:3"), (("missing",), "f:2"),
    (("quoted key", "x"), "f:6"), (("list", 1, "missing"), "f:5"), ((0,), "f:2"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "place"), LOCATIONS)
def test_locate_follows_a_validators_path(path: tuple[str | int, ...], place: str) -> None:
    assert locate(load(SAMPLE, "f"), path) == place


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(codec="utf-8", categories=["L", "N"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(plain_values)
def test_what_a_yaml_writer_writes_is_read_back(value: object) -> None:
    if value is None or value == "":
        return
    text = yaml.safe_dump({"k": value}, allow_unicode=True)
    try:
        read = to_plain(load(text, "f"))
    except LoadError:
        # PyYAML leaves unquoted what only other tools read as something else, such as 0o17 or y: refused.
        return
    assert read == {"k": value}


@given(st.text() | st.binary())
def test_any_input_gives_a_tree_or_a_load_error(data: str | bytes) -> None:
    outcome: Node | LoadError
    try:
        outcome = load(data, "f")
    except LoadError as error:
        outcome = error
    assert outcome.place.startswith("f:")
    assert "\n" not in str(outcome) or not isinstance(outcome, LoadError)
