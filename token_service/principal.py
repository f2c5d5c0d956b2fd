"""Who is asking. Pure. How somebody proves to be a principal is `authn/`'s matter, not this module's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_NO_LABELS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Kind(StrEnum):
    """The kinds that policies tell apart (`user:alice`, `service-account:ci`, `workload:gitlab/…`)."""

    ANONYMOUS = "anonymous"
    USER = "user"
    SERVICE_ACCOUNT = "service-account"
    WORKLOAD = "workload"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated identity, or `ANONYMOUS`. `name` becomes the token's `sub`.

    `groups` are those that the authenticator brought (a policy may add more). A label may have several values.
    """

    name: str
    kind: Kind = Kind.USER
    groups: frozenset[str] = frozenset()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_LABELS)

    @property
    def is_anonymous(self) -> bool:
        return self.kind is Kind.ANONYMOUS


ANONYMOUS = Principal("", Kind.ANONYMOUS)
"""Nobody in particular. Its `sub` is the empty string, as Distribution's jwt.md asks."""
