"""Which names of a listing its reader may see, as it travels in a token. Pure.

A catalogue that a policy filters comes with the patterns that its bearer may pull, in `access[].meta.name_filter`.
No registry but our reference registry reads it, so it is only issued for services that say they do.

Patterns are the policy language's with every placeholder filled: segments apart at `/`; `*` and `?` within one; `**`
any number of segments, at the end at least one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

MEMBER = "name_filter"
_PATTERN = re.compile(
    r"(?:[*?]*\[[A-Fa-f0-9*?]*:[A-Fa-f0-9:*?]*\][:0-9*?]*(?:/[a-z0-9._*?/-]+)?|[A-Za-z0-9._:*?/-]+)", re.ASCII
)
"""A host may be an IPv6 address in brackets. There is no longest: what fills placeholders makes patterns longer."""


@dataclass(frozen=True, slots=True, order=True)
class NameFilter:
    """Names that one of `allow` matches and none of `deny`. An empty `allow` is a filter that shows nothing."""

    allow: tuple[str, ...]
    deny: tuple[str, ...] = ()

    def shows(self, name: str) -> bool:
        return any(matches(one, name) for one in self.allow) and not any(matches(one, name) for one in self.deny)

    def to_meta(self) -> dict[str, object]:
        return {MEMBER: {"allow": list(self.allow), "deny": list(self.deny)}}


def from_meta(meta: object) -> NameFilter | None:
    """The filter in an access entry's `meta`, None where there is none. Raises ValueError where it is misshapen."""
    if not isinstance(meta, Mapping) or MEMBER not in meta:
        return None
    value = meta[MEMBER]
    if not isinstance(value, Mapping) or value.keys() != {"allow", "deny"}:
        raise ValueError("name_filter is not an object of allow and deny")
    return NameFilter(_patterns(value["allow"]), _patterns(value["deny"]))


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and _PATTERN.fullmatch(one) for one in value):
        raise ValueError("name_filter holds something that is no pattern")
    return tuple(value)


def matches(pattern: str, name: str) -> bool:
    """Anchored at both ends. At most (segments of the pattern) x (segments of the name) steps."""
    return _match(tuple(pattern.split("/")), tuple(name.split("/")))


@lru_cache(maxsize=4096)
def _match(pattern: Sequence[str], name: Sequence[str]) -> bool:
    # `reached` are the numbers of segments of the name that the pattern so far can account for.
    reached = {0}
    for position, part in enumerate(pattern):
        if part == "**":
            first = min(reached, default=len(name) + 1) + (position == len(pattern) - 1)
            reached = set(range(first, len(name) + 1))
        else:
            literal = part.replace("[", "[[]")  # to fnmatch, a bracket begins a set of characters
            reached = {at + 1 for at in reached if at < len(name) and fnmatchcase(name[at], literal)}
    return len(name) in reached
