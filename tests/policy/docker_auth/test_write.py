"""The files that an import writes, whole: users, policy and report."""

from ipaddress import ip_network

import pytest

from token_service.accounts.users_file import parse_users
from token_service.policy.docker_auth.entry import NOBODY, Accounts, AclEntry, Box, Labels
from token_service.policy.docker_auth.source import Finding, User
from token_service.policy.docker_auth.translate import Piece
from token_service.policy.docker_auth.write import policy_text, report_text, users_text
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.parse import parse_policy
from token_service.policy.rule import Effect

HASH = "$2y$05$" + "." * 53
HEAD = """\
# Made from docker_auth's configuration by `token-service policy import docker-auth`.
# Each rule names the entry of `acl` that it came from; REPORT.md says what is different now.
version: 1
"""


def accounts(*names: str, anonymous: bool = False) -> Accounts:
    return Accounts(anonymous, tuple(parse_name(name, "") for name in names))


def box(
    *resources: str,
    who: Accounts = NOBODY,
    exceptions: Accounts = NOBODY,
    labels: Labels = (),
    services: tuple[str, ...] | None = None,
    networks: tuple[str, ...] | None = None,
) -> Box:
    return Box(
        who or accounts("**"),
        labels,
        tuple(parse_resource(one, "") for one in resources or ("repository:a",)),
        services,
        None if networks is None else tuple(map(ip_network, networks)),
        exceptions,
    )


def entry(
    number: int,
    *actions: str,
    place: str = "auth_config.yml:7",
    comment: str = "",
    is_exact: bool = True,
    is_reachable: bool = True,
) -> AclEntry:
    return AclEntry(number, place, comment, frozenset(actions), box(), is_exact, is_reachable)


def piece(number: int, effect: Effect, *actions: str, of: Box | None = None) -> Piece:
    return Piece(number, effect, actions or ("pull",), of or box())


# --- users -----------------------------------------------------------------------------------------------------


def test_users_are_written_with_their_hashes_and_labels() -> None:
    users = [
        User("alice", HASH, {"team": ("a", "b"), "none": (), "site": ("x",)}),
        User("bob", "$2y$x", {"none": ()}),
        User('a"\\bé #', HASH),
    ]
    text = users_text(users)
    assert text == (
        "# Made from docker_auth's configuration by `token-service policy import docker-auth`.\n"
        "users:\n"
        '  "alice":\n'
        f'    password_hash: "{HASH}"\n'
        "    labels:\n"
        '      "team": ["a", "b"]\n'
        '      "site": ["x"]\n'
        '  "bob":\n'
        '    password_hash: "$2y$x"\n'
        '  "a\\"\\\\bé #":\n'
        f'    password_hash: "{HASH}"\n'
    )
    assert [*parse_users(text.replace("$2y$x", HASH).encode(), "users.yaml")] == ["alice", "bob", 'a"\\bé #']


def test_no_users_are_written_as_none() -> None:
    assert users_text([]) == (
        "# Made from docker_auth's configuration by `token-service policy import docker-auth`.\nusers: {}\n"
    )


# --- the policy ------------------------------------------------------------------------------------------------


def test_rules_stand_under_the_entry_that_they_came_from() -> None:
    pieces = (
        piece(2, Effect.DENY, "*"),
        piece(2, Effect.ALLOW, "pull", "push"),
        piece(2, Effect.ALLOW, "delete"),
        piece(5, Effect.ALLOW),
    )
    entries = (
        entry(1),
        entry(2, comment="two\nlines, and  \u2028 mo\u200bre\x1b"),
        entry(5, place="a\nb.yml:9"),
    )
    text = policy_text(pieces, entries)
    assert text == HEAD + (
        "rules:\n"
        "  # entry 2, auth_config.yml:7: two lines, and mo re\n"
        "  - id: acl-2\n"
        '    deny: ["*"]\n'
        '    principals: ["user:**"]\n'
        '    resources: ["repository:a"]\n'
        "  - id: acl-2.2\n"
        '    allow: ["pull", "push"]\n'
        '    principals: ["user:**"]\n'
        '    resources: ["repository:a"]\n'
        "  - id: acl-2.3\n"
        '    allow: ["delete"]\n'
        '    principals: ["user:**"]\n'
        '    resources: ["repository:a"]\n'
        "  # entry 5, a b.yml:9\n"
        "  - id: acl-5\n"
        '    allow: ["pull"]\n'
        '    principals: ["user:**"]\n'
        '    resources: ["repository:a"]\n'
    )
    assert [rule.id for rule in parse_policy(text, "p").rules] == ["acl-2", "acl-2.2", "acl-2.3", "acl-5"]


def test_no_rules_are_written_as_none() -> None:
    text = policy_text((), (entry(1),))
    assert text == f"{HEAD}rules: []\n"
    assert parse_policy(text, "p").rules == ()


@pytest.mark.parametrize(
    ("of", "lines"),
    [
        (box(who=accounts("a", "b*")), ['principals: ["user:a", "user:b*"]', 'resources: ["repository:a"]']),
        (box(who=accounts(anonymous=True)), ['principals: ["anonymous"]', 'resources: ["repository:a"]']),
        (
            box(who=accounts("a", anonymous=True)),
            ['principals: ["anonymous", "user:a"]', 'resources: ["repository:a"]'],
        ),
        (box(who=accounts("**", anonymous=True)), ['principals: ["anyone"]', 'resources: ["repository:a"]']),
        (box(who=accounts("**")), ['principals: ["user:**"]', 'resources: ["repository:a"]']),
        (
            box(exceptions=accounts("eve", anonymous=True)),
            ['principals: ["user:**"]', 'except: ["anonymous", "user:eve"]', 'resources: ["repository:a"]'],
        ),
        (
            box("registry:catalog", "repository:{principal}/**"),
            ['principals: ["user:**"]', 'resources: ["registry:catalog", "repository:{principal}/**"]'],
        ),
        (
            box(
                labels=(("site", ("x",)), ("te am", ("a", 'b"'))),
                services=("r1", "r2"),
                networks=("10.0.0.0/8", "::1/128"),
            ),
            [
                'principals: ["user:**"]',
                'resources: ["repository:a"]',
                (
                    'when: {labels: {"site": ["x"], "te am": ["a", "b\\""]}, service: ["r1", "r2"], '
                    'source_ip: ["10.0.0.0/8", "::1/128"]}'
                ),
            ],
        ),
        (
            box(services=("r1",)),
            ['principals: ["user:**"]', 'resources: ["repository:a"]', 'when: {service: ["r1"]}'],
        ),
        (
            box(networks=("::/0",)),
            ['principals: ["user:**"]', 'resources: ["repository:a"]', 'when: {source_ip: ["::/0"]}'],
        ),
    ],
)
def test_a_rule_says_whom_on_what_and_when(of: Box, lines: list[str]) -> None:
    text = policy_text((piece(1, Effect.ALLOW, of=of),), (entry(1),))
    start = f'{HEAD}rules:\n  # entry 1, auth_config.yml:7\n  - id: acl-1\n    allow: ["pull"]\n'
    assert text == start + "".join(f"    {line}\n" for line in lines)


# --- the report ------------------------------------------------------------------------------------------------

ALWAYS = """\
## What always differs

- Names that no registry accepts, and types of resources that the configuration does not name, get nothing.
  Of type `registry` there is only `catalog`.
- `actions: ["*"]` on a repository is pull, push, delete and the actions named elsewhere in the `acl`, not
  whatever somebody asks for. A request for `*` is answered with what is allowed, not with `*`.
- What fills `${account}` and `${labels:NAME}` is literal here, never a pattern, and has to be a path of name
  components.
- `**` of ours crosses slashes; `*` does not, as in docker_auth. Patterns are anchored at both ends.
- An address that is not known meets no `source_ip` of an allow rule and every one of a deny rule. Behind a
  proxy, set `trusted_proxies` in the place of `real_ip_header`.
- The `service` that is asked for has to be one of `services`.
"""


def test_the_report_tells_what_became_of_each_entry() -> None:
    entries = (
        entry(1, "pull", comment="a | b\n# c"),
        entry(2, place="a\nb.yml:2"),
        entry(3, "pull", is_exact=False, is_reachable=False),
        entry(4, "pull", is_reachable=False),
        entry(5),
        entry(6, "pull"),
    )
    pieces = (piece(1, Effect.DENY), piece(1, Effect.ALLOW), piece(1, Effect.ALLOW), piece(2, Effect.ALLOW))
    problems = [Finding("x:1", "one\nline"), Finding("x:2", "two"), Finding("x:1", "one\nline")]
    notes = [Finding("x:3", "note")]
    assert report_text("dir\n/auth_config.yml", pieces, entries, problems, notes) == (
        "# Import from docker_auth\n"
        "\n"
        "From dir /auth_config.yml: 6 entries of `acl`, 3 allow and 1 deny rules.\n"
        "\n"
        "## Not imported exactly\n"
        "\n"
        "- x:1: one line\n"
        "- x:2: two\n"
        "\n"
        "## What changed\n"
        "\n"
        "- x:3: note\n"
        "\n"
        "## Entries\n"
        "\n"
        "| entry | place | rules | comment |\n"
        "|---|---|---|---|\n"
        "| 1 | auth_config.yml:7 | 3 | a \\| b # c |\n"
        "| 2 | a b.yml:2 | 1 |  |\n"
        "| 3 | auth_config.yml:7 | none |  |\n"
        "| 4 | auth_config.yml:7 | none: it never matches |  |\n"
        "| 5 | auth_config.yml:7 | none of its own: others leave it out |  |\n"
        "| 6 | auth_config.yml:7 | none: entries before it decide |  |\n"
        "\n"
        f"{ALWAYS}"
    )


def test_the_report_says_when_nothing_is_different() -> None:
    assert report_text("auth_config.yml", (), (), (), ()) == (
        "# Import from docker_auth\n"
        "\n"
        "From auth_config.yml: 0 entries of `acl`, 0 allow and 0 deny rules.\n"
        "\n"
        "## Not imported exactly\n"
        "\n"
        "Nothing. The rules grant what docker_auth grants.\n"
        "\n"
        "## What changed\n"
        "\n"
        "Nothing beyond what always differs.\n"
        "\n"
        "## Entries\n"
        "\n"
        "| entry | place | rules | comment |\n"
        "|---|---|---|---|\n"
        "\n"
        f"{ALWAYS}"
    )
