"""What is granted, and what a registry demands: entries of a token's `access` claim. Pure.

Source: Distribution's `docs/content/spec/auth/jwt.md`. An `Access` is never made from a `Scope` by renaming it:
only a decision (`policy/decide.py`) or a verified token (`token/verifier.py`) brings one into being.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from token_service import name_filter as filters
from token_service import tag_rules as tags
from token_service.name_filter import NameFilter
from token_service.tag_rules import NO_TAG_RULES, TagRules

ANY_ACTION = "*"


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """Actions on one resource. `actions` are sorted and without doubles; empty means nothing is granted.

    `tag_rules` limit the actions to some tags, and `name_filter` a listing to some names, at registries that read
    them. Limits add up where entries are merged.
    """

    type: str
    name: str
    actions: tuple[str, ...]
    resource_class: str = ""
    tag_rules: TagRules = NO_TAG_RULES
    name_filter: NameFilter | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "actions", tuple(sorted(set(self.actions))))

    def __str__(self) -> str:
        """As a scope is spelled, class and all: what a token response calls `scope` must say what its token holds."""
        kind = f"{self.type}({self.resource_class})" if self.resource_class else self.type
        return f"{kind}:{self.name}:{','.join(self.actions)}"


def merge(entries: Iterable[Access]) -> tuple[Access, ...]:
    """One entry a resource, sorted; entries that grant nothing are left out."""
    merged: dict[tuple[str, str, str], list[Access]] = {}
    for entry in entries:
        if entry.actions:
            merged.setdefault((entry.type, entry.name, entry.resource_class), []).append(entry)
    return tuple(same[0] if len(same) == 1 else _merged(same) for _, same in sorted(merged.items()))


def _merged(same: list[Access]) -> Access:
    actions = {action for entry in same for action in entry.actions}
    first = same[0]
    return Access(
        first.type,
        first.name,
        tuple(actions),
        first.resource_class,
        tags.union(entry.tag_rules for entry in same),
        next((entry.name_filter for entry in same if entry.name_filter is not None), None),
    )


def covers(granted: Iterable[Access], required: Access) -> bool:
    """Whether `granted` holds every action of `required`, as Distribution checks it.

    Type and name match exactly and the class is ignored; a granted `*` stands for every action (Distribution 2.7
    to 3.1). Something that requires no action is not covered by anything: an empty demand is a mistake.
    """
    held: set[str] = set()
    for entry in granted:
        if entry.type == required.type and entry.name == required.name:
            held.update(entry.actions)
    return bool(required.actions) and (ANY_ACTION in held or held.issuperset(required.actions))


def intersect(granted: Iterable[Access], ceiling: Iterable[Access]) -> tuple[Access, ...]:
    """What both sides grant: `granted` cut down to a credential's `ceiling`. A `*` on either side means any."""
    limits: dict[tuple[str, str], set[str]] = {}
    for limit in ceiling:
        limits.setdefault((limit.type, limit.name), set()).update(limit.actions)
    return merge(
        replace(entry, actions=_common(set(entry.actions), limits.get((entry.type, entry.name), set())))
        for entry in granted
    )


def _common(granted: set[str], limit: set[str]) -> tuple[str, ...]:
    if ANY_ACTION in limit:
        return tuple(granted)
    if ANY_ACTION in granted:
        return tuple(limit)
    return tuple(granted & limit)


def to_claim(entries: Iterable[Access]) -> list[dict[str, object]]:
    """The `access` claim: sorted, one entry a resource, empty ones left out, `class` and `meta` only where needed."""
    claim: list[dict[str, object]] = []
    for entry in merge(entries):
        item: dict[str, object] = {"type": entry.type, "name": entry.name, "actions": list(entry.actions)}
        if entry.resource_class:
            item["class"] = entry.resource_class
        meta = tags.to_meta(entry.tag_rules)
        if entry.name_filter is not None:
            meta |= entry.name_filter.to_meta()
        if meta:
            item["meta"] = meta
        claim.append(item)
    return claim


def from_claim(claim: object) -> tuple[Access, ...]:
    """Read an `access` claim. Absent or null means no access; anything misshapen raises ValueError."""
    if claim is None:
        return ()
    if not isinstance(claim, list):
        raise ValueError("access is not a list")  # noqa: TRY004 - one error for every misshapen claim
    return merge(_entry(item) for item in claim)


def _entry(item: object) -> Access:
    if not isinstance(item, Mapping):
        raise ValueError("access entry is not an object")  # noqa: TRY004
    kind, name, resource_class = item.get("type"), item.get("name"), item.get("class", "")
    actions = item.get("actions")
    if not isinstance(kind, str) or not isinstance(name, str) or not isinstance(resource_class, str):
        raise ValueError("access entry without a type and a name")  # noqa: TRY004
    if actions is None:
        actions = []
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise ValueError("access entry whose actions are not a list of strings")
    meta = item.get("meta")
    return Access(kind, name, tuple(actions), resource_class, tags.from_meta(meta), filters.from_meta(meta))
