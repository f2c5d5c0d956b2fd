"""`users.yaml`: accounts with groups, labels and a switch. Text to accounts, no I/O.

```yaml
users:
  alice:
    password_hash: "$argon2id$…"      # or bcrypt; `token-service hash-password` makes one
    groups: [developers]
    labels: {team: [core, web]}       # one value or a list
  ci:
    kind: service-account             # user (default) or service-account
    password_hash: "$2y$…"
    expires: "2027-01-02T00:00:00Z"   # from then on it is disabled, and no token outlives it
    disabled: true
```
"""

from token_service import strict_yaml
from token_service.accounts.account import Account, Accounts, name_problem
from token_service.accounts.passwords import hash_problem
from token_service.errors import LoadError
from token_service.principal import Kind

_KEYS = ("password_hash", "kind", "groups", "labels", "disabled", "expires")
_KINDS = {Kind.USER.value: Kind.USER, Kind.SERVICE_ACCOUNT.value: Kind.SERVICE_ACCOUNT}


def parse_users(content: bytes, place: str) -> Accounts:
    """Accounts by name. Raises LoadError with `file:line`; a hash is never shown."""
    top = strict_yaml.mapping(strict_yaml.load(content, place), "the file")
    strict_yaml.refuse_unknown(top, ("users",), "the users file")
    if "users" not in top:
        raise LoadError(f"{place}:1", "there is no `users`", "write `users:` and the accounts below it")
    accounts: dict[str, Account] = {}
    for name, entry in strict_yaml.mapping(top["users"].value, "`users`").items():
        problem = name_problem(name)
        if problem is not None:
            raise LoadError(entry.place, problem, "rename the user")
        accounts[name] = _parse_user(name, entry)
    return accounts


def _parse_user(name: str, entry: strict_yaml.Entry) -> Account:
    fields = strict_yaml.mapping(entry.value, f"`{name}`")
    strict_yaml.refuse_unknown(fields, _KEYS, "a user")
    if "password_hash" not in fields:
        raise LoadError(entry.place, "the user has no `password_hash`", "make one with `token-service hash-password`")
    stored = _hash(fields["password_hash"].value)
    problem = hash_problem(stored)
    if problem is not None:
        raise LoadError(fields["password_hash"].place, problem, "make one with `token-service hash-password`")
    labels = strict_yaml.mapping(fields["labels"].value, "`labels`") if "labels" in fields else {}
    return Account(
        name,
        stored,
        _parse_kind(fields.get("kind")),
        frozenset(_texts(fields["groups"].value, "a group") if "groups" in fields else ()),
        {label: _texts(value.value, f"label `{label}`") for label, value in labels.items()},
        "disabled" in fields and strict_yaml.boolean(fields["disabled"].value, "`disabled`"),
        strict_yaml.timestamp(fields["expires"].value, "`expires`") if "expires" in fields else None,
    )


def _hash(node: strict_yaml.Node) -> str:
    """The text as it stands: a general check for ambiguous texts would show it, and it may be a password."""
    return node.text if isinstance(node, strict_yaml.Text) else strict_yaml.string(node, "`password_hash`")


def _parse_kind(entry: strict_yaml.Entry | None) -> Kind:
    if entry is None:
        return Kind.USER
    kind = _KINDS.get(strict_yaml.string(entry.value, "`kind`"))
    if kind is None:
        raise LoadError(entry.place, "`kind` is not one that a file can hold", f"use {' or '.join(_KINDS)}")
    return kind


def _texts(node: strict_yaml.Node, what: str) -> tuple[str, ...]:
    if isinstance(node, strict_yaml.List):
        return tuple(strict_yaml.string(item, what) for item in node.items)
    return (strict_yaml.string(node, what),)
