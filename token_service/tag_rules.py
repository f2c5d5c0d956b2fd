"""Tags that an access does not reach, as they travel in a token. Pure.

They go in `access[].meta` under the names that GitLab's container registry reads (`tag_deny_access_patterns`,
`tag_immutable_patterns`), as anchored regular expressions. We write and read only those that come from our globs
(`*`, `?`, and the characters of a tag); any other expression is read as one that matches every tag, because a limit
that is not understood must not be dropped.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

MAX_PATTERN_LENGTH = 128
EVERY_TAG = "*"

_GLOB = re.compile(r"[A-Za-z0-9_.*?-]+", re.ASCII)
_EXPRESSION_PART = re.compile(r"\.\*|\\\.|\.|[A-Za-z0-9_-]", re.ASCII)
_TO_EXPRESSION = {"*": ".*", "?": ".", ".": r"\."}
_TO_GLOB = {expression: glob for glob, expression in _TO_EXPRESSION.items()}


@dataclass(frozen=True, slots=True, order=True)
class TagRules:
    """Globs of tags: those that may not be pushed, those that may not be deleted, and those that, once they exist,
    may be neither moved nor deleted. Each is sorted and without doubles."""

    push: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.push or self.delete or self.immutable)

    def refuses_push(self, tag: str, *, moves: bool) -> bool:
        """Whether `tag` may not be pushed; `moves` where it exists and points elsewhere."""
        return _any_matches(self.push, tag) or (moves and _any_matches(self.immutable, tag))

    def refuses_delete(self, tag: str) -> bool:
        return _any_matches(self.delete, tag) or _any_matches(self.immutable, tag)


NO_TAG_RULES = TagRules()


def is_tag_glob(text: str) -> bool:
    return len(text) <= MAX_PATTERN_LENGTH and _GLOB.fullmatch(text) is not None


def union(rules: Iterable[TagRules]) -> TagRules:
    """Limits add up, as denials do."""
    push: set[str] = set()
    delete: set[str] = set()
    immutable: set[str] = set()
    for rule in rules:
        push.update(rule.push)
        delete.update(rule.delete)
        immutable.update(rule.immutable)
    return TagRules(tuple(sorted(push)), tuple(sorted(delete)), tuple(sorted(immutable)))


def to_meta(rules: TagRules) -> dict[str, object]:
    """The members of `meta`; empty for no rules."""
    meta: dict[str, object] = {}
    denied = {
        action: [_expression(glob) for glob in globs]
        for action, globs in (("push", rules.push), ("delete", rules.delete))
        if globs
    }
    if denied:
        meta["tag_deny_access_patterns"] = denied
    if rules.immutable:
        meta["tag_immutable_patterns"] = [_expression(glob) for glob in rules.immutable]
    return meta


def from_meta(meta: object) -> TagRules:
    """Read `meta`; members of other names are none of our business. Raises ValueError where it is misshapen."""
    if meta is None:
        return NO_TAG_RULES
    if not isinstance(meta, Mapping):
        raise ValueError("access meta is not an object")  # noqa: TRY004 - one error for every misshapen claim
    denied = meta.get("tag_deny_access_patterns")
    if denied is None:
        denied = {}
    if not isinstance(denied, Mapping):
        raise ValueError("tag_deny_access_patterns is not an object")  # noqa: TRY004
    return union(
        [
            TagRules(
                _globs(denied.get("push")), _globs(denied.get("delete")), _globs(meta.get("tag_immutable_patterns"))
            )
        ]
    )


def _globs(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("tag patterns are not a list of strings")
    return tuple(_glob(item) for item in value)


def _expression(glob: str) -> str:
    return "^" + "".join(_TO_EXPRESSION.get(character, character) for character in glob) + "$"


def _glob(expression: str) -> str:
    inner = expression[1:-1]
    parts = _EXPRESSION_PART.findall(inner)
    if not (expression.startswith("^") and expression.endswith("$")) or "".join(parts) != inner:
        return EVERY_TAG
    return "".join(_TO_GLOB.get(part, part) for part in parts)


def _any_matches(globs: Iterable[str], tag: str) -> bool:
    return any(fnmatchcase(tag, glob) for glob in globs)
