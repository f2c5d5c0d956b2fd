"""What docker_auth grants, written down literally from its documentation and source; the importer's opponent.

It shares no code with `token_service.policy.docker_auth`. Facts: entries are tried in order and the first that
matches decides; the answer is what was asked and is among its actions, or all that was asked for `["*"]`. A field is
a glob (Go's `path.Match`) or, between slashes, a regular expression that may match anywhere (Python's `re` means the
same for what is used here). `${account}`, `${type}`, `${name}` and `${service}` go in quoted, labels as they are,
each value in turn.
"""

import re
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class BadPattern(Exception):
    pass


def path_match(pattern: str, name: str) -> bool:
    """`*` any run without a slash, `?` one character but a slash, `[a-z]` one of a class, `\\x` the character x."""
    if not pattern:
        return not name
    first = pattern[0]
    if first == "*":
        return path_match(pattern[1:], name) or (bool(name) and name[0] != "/" and path_match(pattern, name[1:]))
    if first == "?":
        return bool(name) and name[0] != "/" and path_match(pattern[1:], name[1:])
    if first == "[":
        is_in, rest = _class(pattern[1:], name[:1])
        return bool(name) and is_in and path_match(rest, name[1:])
    if first == "\\":
        if len(pattern) == 1:
            raise BadPattern
        return name[:1] == pattern[1] and path_match(pattern[2:], name[1:])
    return name[:1] == first and path_match(pattern[1:], name[1:])


def _class(text: str, character: str) -> tuple[bool, str]:
    negated = text.startswith("^")
    text = text[1:] if negated else text
    found, first = False, True
    while first or not text.startswith("]"):
        low, text = _member(text)
        high = low
        if text.startswith("-"):
            high, text = _member(text[1:])
        found |= bool(character) and low <= character <= high
        first = False
    return found is not negated, text[1:]


def _member(text: str) -> tuple[str, str]:
    if not text or text[0] in "-]":
        raise BadPattern
    if text[0] == "\\":
        text = text[1:]
        if not text:
            raise BadPattern
    return text[0], text[1:]


def field_matches(pattern: str, value: str, inserted: dict[str, str]) -> bool:
    for placeholder, text in inserted.items():
        pattern = pattern.replace(placeholder, text)
    try:
        if len(pattern) > 2 and pattern[0] == "/" and pattern[-1] == "/":
            return re.search(pattern[1:-1], value) is not None
        return path_match(pattern, value)
    except (BadPattern, re.error):
        return False


class Server:
    """A docker_auth with static users and a static `acl`, from its configuration as plain values."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.users: dict[str, dict[str, Any] | None] = config.get("users") or {}
        self.acl: list[dict[str, Any]] = config.get("acl") or []

    def grants(self, account: str, kind: str, name: str, actions: set[str], service: str, address: str) -> set[str]:
        """What somebody gets who logged in as `account` (\"\" without credentials)."""
        user = self.users.get(account)
        if user is None:
            return set()
        labels = user.get("labels") or {}
        for entry in self.acl:
            asked = {"account": account, "type": kind, "name": name, "service": service}
            if self._matches(entry["match"], asked, address, labels):
                return actions if entry["actions"] == ["*"] else actions & set(entry["actions"])
        return set()

    def _matches(
        self, match: dict[str, Any], asked: dict[str, str], address: str, labels: dict[str, list[str]]
    ) -> bool:
        quoted = {f"${{{key}}}": _SPECIAL.sub(r"\\\1", value) for key, value in asked.items()}
        for key, value in asked.items():
            if key in match and not self._with_labels(match[key], value, quoted, labels):
                return False
        if "ip" in match and not _contains(match["ip"], address):
            return False
        return all(
            any(field_matches(pattern, value, quoted) for value in labels.get(label, []))
            for label, pattern in (match.get("labels") or {}).items()
        )

    def _with_labels(self, pattern: str, value: str, quoted: dict[str, str], labels: dict[str, list[str]]) -> bool:
        if field_matches(pattern, value, quoted):
            return True
        used = [label for label in labels if f"${{labels:{label}}}" in pattern]
        return bool(used) and any(
            field_matches(pattern, value, quoted | {f"${{labels:{a}}}": b for a, b in zip(used, values, strict=True)})
            for values in product(*(labels[label] for label in used))
        )


def _contains(network: str, address: str) -> bool:
    """Go's `net.IPNet.Contains`: an IPv4 network may be spelled as a part of ::ffff:0:0/96."""
    whole = ip_network(network, strict=False)
    mapped = getattr(whole.network_address, "ipv4_mapped", None)
    if mapped is not None:
        whole = ip_network((int(mapped), whole.prefixlen - 96))
    return ip_address(address) in whole
