"""The scope grammar: what a client asks for. Pure; nothing here decides anything.

Source: Distribution's `docs/content/spec/auth/scope.md`, and for names the grammar that binds in practice,
github.com/distribution/reference `regexp.go`. Every expression is used with `fullmatch` only.

Two things differ from the printed grammar, because clients and registries do:

* `*` is an action (`registry:catalog:*`, skopeo's `repository:x:*`), although `[a-z]*` does not admit it.
* A name may hold colons (`repository:localhost:5000/a/b:pull`): the type ends at the first colon and the actions
  begin after the last one.

Junk is ignored and its neighbours are kept: Distribution copies `?from=` unvalidated into its challenges, so a
client may send us anything in good faith. The parser therefore never raises.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MAX_NAME_LENGTH = 255
MAX_ACTIONS = 32

_ALNUM = r"[a-z0-9]+"
_SEPARATOR = r"(?:[._]|__|-+)"
_COMPONENT = rf"{_ALNUM}(?:{_SEPARATOR}{_ALNUM})*"
_DOMAIN_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_DOMAIN_LABEL}(?:\.{_DOMAIN_LABEL})*|\[[a-fA-F0-9:]+\])"
_HOSTNAME = rf"{_HOST}(?::[0-9]+)?"

COMPONENT = re.compile(_COMPONENT, re.ASCII)
PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
RESOURCE_NAME = re.compile(rf"(?:{_HOSTNAME}/)?{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
RESOURCE_TYPE = re.compile(r"([a-z0-9]+)(?:\(([a-z0-9]+)\))?", re.ASCII)
ACTION = re.compile(r"[a-z]+|\*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What was asked: actions on one resource. It grants nothing; what is granted is an `Access`.

    `type` is without its class, so `repository(plugin)` is type `repository`, class `plugin`. `actions` are sorted
    and without doubles. An empty `actions` asks for nothing, and an empty `name` exists only for zot, which
    demands `repository::pull` for its catalogue.
    """

    type: str
    name: str
    actions: tuple[str, ...]
    resource_class: str = ""

    def __str__(self) -> str:
        kind = f"{self.type}({self.resource_class})" if self.resource_class else self.type
        return f"{kind}:{self.name}:{','.join(self.actions)}"


def is_resource_name(name: str) -> bool:
    """Whether Distribution would accept this as a repository name, host part and all, within 255 characters."""
    return len(name) <= MAX_NAME_LENGTH and RESOURCE_NAME.fullmatch(name) is not None


def is_path(text: str) -> bool:
    """Whether this is a repository name without a host part: one or more components joined by `/`."""
    return len(text) <= MAX_NAME_LENGTH and PATH.fullmatch(text) is not None


def parse_scope(text: str) -> Scope | None:
    """One `type:name:actions`, or None where it is not one. Never raises; linear in the length of `text`.

    A scope without actions (`repository:a/b:`, buildkit sends it) is a scope that asks for nothing.
    """
    kind, first, rest = text.partition(":")
    name, last, actions = rest.rpartition(":")
    if not first or not last:
        return None
    matched_type = RESOURCE_TYPE.fullmatch(kind)
    if matched_type is None or not (name == "" or is_resource_name(name)):
        return None
    asked = _parse_actions(actions)
    if asked is None:
        return None
    return Scope(matched_type[1], name, asked, matched_type[2] or "")


_REMEMBERED_LENGTH = 512
_remembered = lru_cache(maxsize=8192)(parse_scope)
"""The same few thousand scopes are asked for all day; longer texts are not worth the memory (4 MiB at the most)."""


def _parse_actions(text: str) -> tuple[str, ...] | None:
    words = {word for word in text.split(",", MAX_ACTIONS) if word}
    if len(words) > MAX_ACTIONS or not all(ACTION.fullmatch(word) for word in words):
        return None
    return tuple(sorted(words))


def parse_scopes(values: Iterable[str]) -> tuple[Scope, ...]:
    """All scopes of a request, merged per resource, in the order in which each resource was first named.

    `values` are the values of every `scope` parameter. Each may hold several scopes: containerd joins them with
    spaces, containers/image repeats the parameter, go-containerregistry does both. Only a space separates: what
    else Unicode takes for one makes a scope junk, as it does in the grammar. Junk is left out. Never raises.
    """
    merged: dict[tuple[str, str, str], set[str]] = {}
    for value in values:
        for text in value.split(" "):
            scope = _remembered(text) if len(text) <= _REMEMBERED_LENGTH else parse_scope(text)
            if scope is not None:
                merged.setdefault((scope.type, scope.name, scope.resource_class), set()).update(scope.actions)
    return tuple(
        Scope(kind, name, tuple(sorted(actions)), resource_class)
        for (kind, name, resource_class), actions in merged.items()
    )
