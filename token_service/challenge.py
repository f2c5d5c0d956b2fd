"""The `WWW-Authenticate` header of a registry (RFC 9110 section 11.6.1, RFC 6750 section 3). Pure.

One header, one challenge, Bearer. The builder is stricter than the RFCs because clients are: oras-go wants
lower-case keys and unquotes like Go, containers/image stops at an empty value, regclient refuses a space before a
comma, and the conformance suite takes the last occurrence of a scheme's name anywhere in the header.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from token_service.access import Access

INVALID_TOKEN = "invalid_token"  # noqa: S105 - RFC 6750's error code, not a secret
INSUFFICIENT_SCOPE = "insufficient_scope"

_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*", re.ASCII)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 section 5.6.2
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:[ \t]+|$)", re.ASCII)
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*', re.ASCII)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry tells a client that has no token, a bad one or too small a one.

    `scope` lists the resources in the order given, the target repository first. `error` is empty where no token
    was sent. Raises ValueError where a value cannot be put between quotes without an escape.
    """

    realm: str
    service: str
    scope: tuple[Access, ...] = ()
    error: str = ""

    def __post_init__(self) -> None:
        if not self.realm or not self.service:
            raise ValueError("realm and service must be non-empty printable ASCII")
        # A resource may be named by whoever asks, in a path or in `?from=`: it must not end the quotes or the header.
        for value in (self.realm, self.service, self.error, *map(scope_text, self.scope)):
            if not _PLAIN.fullmatch(value):
                raise ValueError("a challenge must be printable ASCII without quotes or backslashes")

    def __str__(self) -> str:
        parts = [f'realm="{self.realm}"', f'service="{self.service}"']
        if self.scope:
            parts.append(f'scope="{" ".join(scope_text(entry) for entry in self.scope)}"')
        if self.error:
            parts.append(f'error="{self.error}"')
        return "Bearer " + ",".join(parts)


def scope_text(entry: Access) -> str:
    """One resource of a challenge, `pull` before `push`: containerd compares scopes as strings."""
    return f"{entry.type}:{entry.name}:{','.join(entry.actions)}"


def basic(realm: str) -> str:
    """The challenge of the token endpoint itself, for a 401 on GET (RFC 7617 section 2)."""
    if not realm or not _PLAIN.fullmatch(realm):
        raise ValueError("realm must be non-empty printable ASCII without quotes or backslashes")
    return f'Basic realm="{realm}",charset="UTF-8"'


def parse(header: str) -> tuple[str, dict[str, str]]:
    """One challenge: its scheme in lower case and its parameters, keys in lower case.

    For our own clients (`demo --check`, tests). Raises ValueError on anything else than one whole challenge.
    """
    scheme = _SCHEME.match(header)
    if scheme is None:
        raise ValueError("no scheme")
    parameters: dict[str, str] = {}
    position = scheme.end()
    while position < len(header):
        found = _PARAMETER.match(header, position)
        if found is None or found[1].lower() in parameters:
            raise ValueError("misshapen parameters")
        quoted, plain = found[2], found[3]
        parameters[found[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        position = found.end()
        if position < len(header):
            if header[position] != ",":
                raise ValueError("misshapen parameters")
            position += 1
    return scheme[1].lower(), parameters


def from_accesses(realm: str, service: str, required: Iterable[Access], error: str = "") -> Challenge:
    """The challenge for a request that needs `required`; no `scope` parameter where it needs none."""
    return Challenge(realm, service, tuple(required), error)
