"""An account: a name, a password hash, and what a policy may know about its owner. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.principal import Kind, Principal

MAX_NAME_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Account:
    """One entry of a password file. A disabled or expired account fails exactly as a wrong password does.

    `expires_at` are seconds since 1970, None where there is no end.
    """

    name: str
    password_hash: str = field(repr=False)
    kind: Kind = Kind.USER
    groups: frozenset[str] = frozenset()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disabled: bool = False
    expires_at: int | None = None

    def is_open(self, now: int) -> bool:
        return not self.disabled and (self.expires_at is None or now < self.expires_at)

    def principal(self) -> Principal:
        return Principal(self.name, self.kind, self.groups, self.labels)


Accounts = Mapping[str, Account]
"""Accounts by name. Names are compared byte for byte: no case folding, no trimming."""


def name_problem(name: str) -> str | None:
    """Why this cannot be a login name, or None. A name holds no `:` (RFC 7617 section 2) and nothing invisible."""
    if not name:
        return "the name is empty"
    if len(name) > MAX_NAME_LENGTH:
        return f"the name is longer than {MAX_NAME_LENGTH} characters"
    if ":" in name:
        return "the name holds a colon, which ends the name in HTTP Basic"
    if not name.isprintable() or name != name.strip():
        return "the name holds a space at an end or a character that cannot be seen"
    return None
