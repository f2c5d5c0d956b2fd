"""Limits that a token carries within what it grants: tags it does not reach, names its catalogue does not show.

They are refusals that no other token of the same bearer would lift, so they are 403 and not a challenge.
"""

from collections.abc import Iterable

from token_service import tag_rules
from token_service.name_filter import NameFilter
from token_service.registry import errors
from token_service.registry.call import Call
from token_service.registry.digest import ALGORITHMS, digest_of
from token_service.tag_rules import TagRules


def check_push(call: Call, tags: Iterable[str], content: bytes) -> None:
    """Raises RegistryError where the token may not set one of `tags`, or may not move it to `content`."""
    rules = _tag_rules(call)
    if not rules:
        return
    # The same content may be known by its sha256 and its sha512: that is no move.
    pushed = {digest_of(content, algorithm) for algorithm in ALGORITHMS}
    for tag in tags:
        current = call.repository.tagged(tag)
        if rules.refuses_push(tag, moves=current is not None and current not in pushed):
            raise errors.denied("the token may not push this tag")


def check_delete(call: Call, tags: Iterable[str]) -> None:
    """Raises RegistryError where the token may not delete one of `tags`."""
    rules = _tag_rules(call)
    if any(rules.refuses_delete(tag) for tag in tags):
        raise errors.denied("the token may not delete this tag")


def check_delete_blob(call: Call) -> None:
    """Raises RegistryError for a token that protects any tag: the blob may be one of that tag's layers."""
    rules = _tag_rules(call)
    if rules.delete or rules.immutable:
        raise errors.denied("the token protects tags here, so it deletes no blobs")


def shown_names(call: Call) -> NameFilter | None:
    """What the token's catalogue shows; None shows all. A filter limits entries of other classes, too."""
    mine = (entry.name_filter for entry in call.token.access if (entry.type, entry.name) == ("registry", "catalog"))
    return next((names for names in mine if names is not None), None)


def _tag_rules(call: Call) -> TagRules:
    mine = (entry.tag_rules for entry in call.token.access if (entry.type, entry.name) == ("repository", call.name))
    return tag_rules.union(mine)
