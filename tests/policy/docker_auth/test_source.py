"""docker_auth's file as it is read: users, entries, types, and word by word what cannot be imported."""

import pytest

from token_service.errors import LoadError
from token_service.policy.docker_auth.source import (
    LOGINS,
    RULES,
    Finding,
    Findings,
    Source,
    User,
    World,
    read_source,
    text_of,
)
from token_service.strict_yaml import load, mapping

UNKNOWN = "docker_auth ignores it in silence"


def read(text: str) -> tuple[Source, list[str], list[str]]:
    """The source, the problems and the notes. A user whose name begins with `bad` has a problem."""
    findings = Findings()
    source = read_source(
        text, "a.yml", lambda name, stored: f"{name} has {stored}" if name.startswith("bad") else None, findings
    )
    return source, [str(one) for one in findings.problems], [str(one) for one in findings.notes]


def world(users: dict[str, User] | None = None, *, has_anonymous: bool = False, is_closed: bool = True) -> World:
    return World(users or {}, has_anonymous, is_closed, ("registry", "repository"))


# --- the file --------------------------------------------------------------------------------------------------


def test_a_file_of_known_keys_is_read_without_a_word() -> None:
    source, problems, notes = read(
        "server: {addr: ':5001', net: tcp, path_prefix: /, real_ip_header: X, real_ip_pos: 1, certificate: c,\n"
        "  key: k, hsts: true, tls_min_version: x, tls_curve_preferences: [], tls_cipher_suites: [],\n"
        "  letsencrypt: {}}\n"
        "token: {issuer: i, certificate: c, key: k, expiration: 900, disable_legacy_key_id: true}\n"
        "users: {alice: {password: hash, labels: {}}}\n"
        "acl:\n"
        "- {match: {}, actions: []}\n"
        "- {match: {}, actions: []}\n"
    )
    assert (problems, notes) == ([], [])
    assert source.world == world({"alice": User("alice", "hash")})
    assert [one.place for one in source.entries] == ["a.yml:7", "a.yml:8"]


def test_a_file_without_users_and_entries_is_empty() -> None:
    assert read("server: {}") == (Source(world(), ()), [], [])


def test_keys_that_docker_auth_ignores_are_told() -> None:
    """A misspelt condition is a hole, and so is a misspelt list; of the server nothing is imported anyway."""
    _, problems, notes = read("server: {addr: x, adr: y}\ntoken: {issuer: y,\n  ttl: 1}\nacls: []\nquota: {}")
    known = ", ".join(sorted(("server", "token", "users", "acl", *LOGINS, *RULES)))
    assert problems == [
        f"a.yml:4: docker_auth's configuration has no key `acls`; {UNKNOWN} (did you mean `acl`?)",
        f"a.yml:5: docker_auth's configuration has no key `quota`; {UNKNOWN} (known: {known})",
    ]
    assert notes == [
        f"a.yml:1: server has no key `adr`; {UNKNOWN}",
        f"a.yml:3: token has no key `ttl`; {UNKNOWN}",
    ]


@pytest.mark.parametrize(("key", "advice"), [*LOGINS.items(), *RULES.items()])
def test_other_logins_and_lists_are_problems_with_advice(key: str, advice: str) -> None:
    source, problems, notes = read(f"acl: []\n{key}: {{}}")
    assert problems == [f"a.yml:2: `{key}` is not imported: {advice}"]
    assert notes == []
    assert source == Source(world(is_closed=key in RULES), ())  # a login brings users whom nobody knows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "a.yml:1: the configuration is a list (write a mapping: {key: value})"),
        ("x: y\nserver: s", "a.yml:2: server is a text (write a mapping: {key: value})"),
        ("\ntoken: []", "a.yml:2: token is a list (write a mapping: {key: value})"),
        ("users: []", "a.yml:1: users is a list (write a mapping: {key: value})"),
        ("users: all", "a.yml:1: users is a text (write a mapping: {key: value})"),
        ("users: {eve: x}", "a.yml:1: user `eve` is a text (write a mapping: {key: value})"),
        ("users: {eve: ''}", "a.yml:1: user `eve` is a text (write a mapping: {key: value})"),
        ("users: {eve: '~'}", "a.yml:1: user `eve` is a text (write a mapping: {key: value})"),
        ("users: {eve: {password: [x]}}", "a.yml:1: the password is a list (write a text)"),
        (
            "users: {eve: {password: x, labels: [a]}}",
            "a.yml:1: labels is a list (write a mapping: {key: value})",
        ),
        (
            "users: {eve: {password: x, labels: {group: a}}}",
            "a.yml:1: label `group` is a text (write a list: [a, b])",
        ),
        (
            "users: {eve: {password: x, labels: {group: [a,\n 1]}}}",
            'a.yml:2: a value of `group` `1` is a number, date or switch to some YAML tools (quote it: "1")',
        ),
        ("acl: {}", "a.yml:1: acl is a mapping (write a list: [a, b])"),
        ("acl:", "a.yml:1: acl is a text (write a list: [a, b])"),
        ("acl:\n- {match: {}}\n- all", "a.yml:3: an entry of acl is a text (write a mapping: {key: value})"),
    ],
)
def test_what_has_another_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(LoadError) as caught:
        read(text)
    assert str(caught.value) == message


# --- users -----------------------------------------------------------------------------------------------------


def test_users_have_a_hash_and_labels_of_several_values() -> None:
    source, problems, notes = read(
        "users:\n"
        "  corp/bob: {password: $2y$x, labels: {group: [a, 'b c'], none: [], site: ['']}}\n"
        "  alice: {password: '', labels: {}}\n"
        "  ci: {password: 12}\n"
        "  '': {}\n"
    )
    assert (problems, notes) == ([], [])
    users = {
        "corp/bob": User("corp/bob", "$2y$x", {"group": ("a", "b c"), "none": (), "site": ("",)}),
        "alice": User("alice", ""),
        "ci": User("ci", "12"),
    }
    assert source.world == world(users, has_anonymous=True)
    assert [*source.world.users] == ["corp/bob", "alice", "ci"]


def test_the_values_of_a_label_are_those_of_all_users_once() -> None:
    users = {
        "a": User("a", "x", {"group": ("team", "dev"), "site": ("x",)}),
        "b": User("b", "x"),
        "c": User("c", "x", {"group": ("ops", "team")}),
    }
    assert world(users).label_values("group") == ("team", "dev", "ops")
    assert world(users).label_values("tier") == ()


def test_a_hash_is_not_shown() -> None:
    assert "secret" not in repr(User("a", "secret"))


@pytest.mark.parametrize(
    ("user", "problems"),
    [
        (
            "eve: {}",
            ["a.yml:2: user `eve` has no password, so docker_auth accepts any: give them one, or remove them"],
        ),
        (
            "eve: {pasword: x}",
            [
                f"a.yml:2: a user has no key `pasword`; {UNKNOWN} (did you mean `password`?)",
                "a.yml:2: user `eve` has no password, so docker_auth accepts any: give them one, or remove them",
            ],
        ),
        ("bad: {password: x}", ["a.yml:2: user `bad` is not imported: bad has x"]),
        ("bad/: {password: ''}", ["a.yml:2: user `bad/` is not imported: bad/ has "]),
        (
            "a//b: {password: x}",
            ["a.yml:2: user `a//b` is not imported: the name has an empty part between slashes"],
        ),
        ("a/: {password: x}", ["a.yml:2: user `a/` is not imported: the name has an empty part between slashes"]),
        (
            "'': {password: x}",
            ['a.yml:2: user "" (who is not logged in) has a password or labels: here nobody in particular has none'],
        ),
        (
            "'': {labels: {}}",
            ['a.yml:2: user "" (who is not logged in) has a password or labels: here nobody in particular has none'],
        ),
    ],
)
def test_users_who_cannot_be_imported_are_left_out(user: str, problems: list[str]) -> None:
    """Those after them are not."""
    source, found, notes = read(f"users:\n  {user}\n  bob: {{password: x}}")
    assert (found, notes) == (problems, [])
    assert source.world == world({"bob": User("bob", "x")})


def test_a_user_with_an_unknown_key_is_imported_all_the_same() -> None:
    source, problems, _ = read("users:\n  '': {name: x}\n  bob: {password: x, name: y}")
    assert problems == [
        f"a.yml:2: a user has no key `name`; {UNKNOWN} (known: labels, password)",
        f"a.yml:3: a user has no key `name`; {UNKNOWN} (known: labels, password)",
    ]
    assert source.world == world({"bob": User("bob", "x")}, has_anonymous=True)


def test_users_without_anything_are_not_there() -> None:
    source, problems, notes = read("users:\n  a:\n  b: ~\n  '': null\n  bob: {password: x}")
    assert problems == []
    assert notes == [
        f"a.yml:{line}: user {name} is empty: docker_auth does not know them, nor do we"
        for line, name in ((2, "`a`"), (3, "`b`"), (4, "``"))
    ]
    assert source.world == world({"bob": User("bob", "x")})


@pytest.mark.parametrize("value", ["", " ''", " {}"])
def test_no_users_may_be_written_as_nothing(value: str) -> None:
    assert read(f"users:{value}\nacl: []") == (Source(world(), ()), [], [])


# --- types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "types"),
    [
        ("{type: plugin}", ["plugin"]),
        ("{name: plugin}", []),
        ("{type: '[ab]x'}", ["ax", "bx"]),
        ("{type: '/^(pip|npm|pip)$/'}", ["npm", "pip"]),
        ("{type: registry}", []),
        ("{type: 'plug*'}", []),  # a pattern names nothing
        ("{type: '/plugin/'}", []),
        ("{type: '/[a-z]+/'}", []),  # and what cannot be read, neither
        ("{type: '${account}'}", []),
        ("{type: Plugin}", []),  # no registry asks for these
        ("{type: repository(plugin)}", []),
        ("{type: ''}", []),
        ("{type: [plugin]}", []),  # which are problems of the entry
        ("[type]", []),
        ("type", []),
        ("", []),
    ],
)
def test_the_types_are_those_of_registries_and_those_that_entries_name(match: str, types: list[str]) -> None:
    source, problems, notes = read(f"acl:\n- {{match: {match}}}\n- {{match: {{type: zoo}}}}\n- {{actions: []}}")
    assert source.world.types == tuple(sorted([*types, "registry", "repository", "zoo"]))
    assert (problems, notes) == ([], [])


# --- texts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ("''", ""), ("'12'", "12"), ("/x/", "/x/")])
def test_a_text_may_be_empty_if_it_is_quoted(value: str, text: str) -> None:
    assert text_of(mapping(load(f"account: {value}", "a.yml"))["account"], "account") == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", 'a.yml:2: account is empty (write "" for an empty text, or remove the key)'),
        ("no", 'a.yml:2: account `no` is a number, date or switch to some YAML tools (quote it: "no")'),
        ("[a]", "a.yml:2: account is a list (write a text)"),
    ],
)
def test_a_text_that_YAML_may_take_for_something_else_is_refused(value: str, message: str) -> None:  # noqa: N802
    with pytest.raises(LoadError) as caught:
        text_of(mapping(load(f"\naccount: {value}", "a.yml"))["account"], "account")
    assert str(caught.value) == message


def test_a_finding_is_one_line() -> None:
    assert str(Finding("a.yml:1", "something")) == "a.yml:1: something"
