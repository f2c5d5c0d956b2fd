"""docker_auth's `auth_config.yml`, read more strictly than docker_auth reads it. Pure.

What belongs here: the file's shape, its users, and what in it cannot be imported as a whole. What does not: the
entries of its `acl` (`entry.py`).

docker_auth ignores a key that it does not know. In the `match` of an entry that is a hole: a condition that nobody
checks. So here an unknown key is a problem, always with its line.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from token_service.errors import LoadError
from token_service.policy.docker_auth.glob import read_pattern
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.scope import RESOURCE_TYPE
from token_service.strict_yaml import Entry, List, Node, Text, items, load, mapping, nearest, shown, string

_SERVER_KEYS = frozenset({
    "addr", "net", "path_prefix", "real_ip_header", "real_ip_pos", "certificate", "key", "hsts", "tls_min_version",
    "tls_curve_preferences", "tls_cipher_suites", "letsencrypt",
})  # fmt: skip
_TOKEN_KEYS = frozenset({"issuer", "certificate", "key", "expiration", "disable_legacy_key_id"})
_USER_KEYS = frozenset({"password", "labels"})

LOGINS: Mapping[str, str] = {
    "google_auth": "sign-in with Google is not supported yet; write the accounts to users.yaml",
    "github_auth": "sign-in with GitHub is not supported yet; write the accounts to users.yaml",
    "gitlab_auth": "sign-in with GitLab is not supported yet; write the accounts to users.yaml",
    "oidc_auth": "sign-in with OpenID Connect is not supported yet; write the accounts to users.yaml",
    "ldap_auth": "LDAP is not supported yet; write the accounts to users.yaml, or have your directory write it",
    "mongo_auth": "export the users to users.yaml, their bcrypt hashes can stay",
    "xorm_auth": "export the users to users.yaml, their bcrypt hashes can stay",
    "ext_auth": "there is no login by a program; write the accounts to users.yaml",
    "plugin_authn": "there are no plugins; write the accounts to users.yaml",
}
RULES: Mapping[str, str] = {
    "acl_mongo": "export the entries into `acl`, in the order of their `seq`, and import again",
    "acl_xorm": "export the entries into `acl`, in their order, and import again",
    "ext_authz": "write what the program decides as rules (docs/policy.md)",
    "plugin_authz": "write what the plugin decides as rules (docs/policy.md)",
    "casbin_authz": "write the model and its policy as rules (docs/policy.md)",
}
_KEYS = ("server", "token", "users", "acl", *LOGINS, *RULES)

UserProblem = Callable[[str, str], str | None]
"""Name and hash of a user to why they cannot be used here, or None."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report: where, and what."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(slots=True)
class Findings:
    """`problems` make the import inexact, `notes` say what changed although no grant did."""

    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    def problem(self, place: str, text: str) -> None:
        self.problems.append(Finding(place, text))

    def note(self, place: str, text: str) -> None:
        self.notes.append(Finding(place, text))


@dataclass(frozen=True, slots=True)
class User:
    name: str
    password_hash: str = field(repr=False)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """Who can ask, and for what. `is_closed`: nobody but `users`, because there is no other way to log in."""

    users: Mapping[str, User]
    has_anonymous: bool
    is_closed: bool
    types: tuple[str, ...]

    def label_values(self, label: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value for user in self.users.values() for value in user.labels.get(label, ())))


@dataclass(frozen=True, slots=True)
class Source:
    world: World
    entries: tuple[Node, ...]


def read_source(data: str | bytes, place: str, user_problem: UserProblem, findings: Findings) -> Source:
    """Raises LoadError for what is no configuration at all."""
    top = mapping(load(data, place), "the configuration")
    _refuse_unknown(top, _KEYS, "docker_auth's configuration", findings)
    for key, known in (("server", _SERVER_KEYS), ("token", _TOKEN_KEYS)):
        if key in top:
            for entry in mapping(top[key].value, key).values():
                if entry.key not in known:
                    findings.note(
                        entry.place, f"{key} has no key {shown(entry.key)}; docker_auth ignores it in silence"
                    )
    for key, advice in (*LOGINS.items(), *RULES.items()):
        if key in top:
            findings.problem(top[key].place, f"`{key}` is not imported: {advice}")
    entries = items(top["acl"].value, "acl") if "acl" in top else ()
    users, has_anonymous = _users(top["users"], user_problem, findings) if "users" in top else ({}, False)
    is_closed = not any(key in top for key in LOGINS)
    return Source(World(users, has_anonymous, is_closed, _types(entries)), entries)


def _refuse_unknown(entries: dict[str, Entry], known: Collection[str], what: str, findings: Findings) -> None:
    for entry in entries.values():
        if entry.key not in known:
            hint = nearest(entry.key, known)
            findings.problem(
                entry.place, f"{what} has no key {shown(entry.key)}; docker_auth ignores it in silence ({hint})"
            )


def _types(entries: tuple[Node, ...]) -> tuple[str, ...]:
    """The types of resources that are looked at: those that registries have, and those that the `acl` names."""
    types = {"repository", "registry"}
    for node in entries:
        match = mapping(node, "an entry of acl").get("match")
        if match is not None and not isinstance(match.value, Text | List):
            kind = mapping(match.value, "match").get("type")
            if kind is not None and isinstance(kind.value, Text):
                types.update(_named_types(kind.value.text))
    return tuple(sorted(types))


def _named_types(text: str) -> list[str]:
    try:
        named = read_pattern(text, slots=False).literals or ()
    except Unsupported:  # which the entry's reader reports
        return []
    return [kind for kind in named if "(" not in kind and RESOURCE_TYPE.fullmatch(kind)]


# --- users -----------------------------------------------------------------------------------------------------


def _users(entry: Entry, user_problem: UserProblem, findings: Findings) -> tuple[dict[str, User], bool]:
    users: dict[str, User] = {}
    has_anonymous = False
    if isinstance(entry.value, Text) and not entry.value.text:
        return users, False
    for name, one in mapping(entry.value, "users").items():
        if isinstance(one.value, Text) and one.value.plain and one.value.text in {"", "~", "null"}:
            findings.note(one.place, f"user {shown(name)} is empty: docker_auth does not know them, nor do we")
            continue
        fields = mapping(one.value, f"user {shown(name)}")
        _refuse_unknown(fields, _USER_KEYS, "a user", findings)
        if name == "":
            has_anonymous = _anonymous(one, fields, findings)
            continue
        user = _user(one, fields, user_problem, findings)
        if user is not None:
            users[name] = user
    return users, has_anonymous


def _anonymous(entry: Entry, fields: dict[str, Entry], findings: Findings) -> bool:
    if "password" in fields or "labels" in fields:
        findings.problem(
            entry.place, 'user "" (who is not logged in) has a password or labels: here nobody in particular has none'
        )
        return False
    return True


def _user(entry: Entry, fields: dict[str, Entry], user_problem: UserProblem, findings: Findings) -> User | None:
    name = entry.key
    if "password" not in fields:
        findings.problem(
            entry.place,
            f"user {shown(name)} has no password, so docker_auth accepts any: give them one, or remove them",
        )
        return None
    stored = fields["password"].value
    password = stored.text if isinstance(stored, Text) else string(stored, "the password")
    problem = user_problem(name, password) or (
        "the name has an empty part between slashes" if "" in name.split("/") else None
    )
    if problem is not None:
        findings.problem(entry.place, f"user {shown(name)} is not imported: {problem}")
        return None
    return User(name, password, _labels(fields["labels"]) if "labels" in fields else {})


def _labels(entry: Entry) -> dict[str, tuple[str, ...]]:
    return {
        label: tuple(string(item, f"a value of {shown(label)}") for item in items(one.value, f"label {shown(label)}"))
        for label, one in mapping(entry.value, "labels").items()
    }


def text_of(entry: Entry, what: str) -> str:
    """A text that may be empty, as `account: ""` is."""
    node = entry.value
    if isinstance(node, Text) and not node.plain:
        return node.text
    if isinstance(node, Text) and not node.text:
        raise LoadError(entry.place, f"{what} is empty", 'write "" for an empty text, or remove the key')
    return string(node, what)
