"""Query strings and forms, read strictly. Pure: bytes to values.

Frameworks take the last of repeated parameters and turn bad UTF-8 into U+FFFD; here both are 400, because a service
that guesses what was asked will one day sign it (RFC 6749 sections 2.3 and 3.2).
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from token_service.errors import invalid_request

REPEATABLE = "scope"
"""containers/image and jib repeat it, in queries and in forms."""

_VERBATIM = ("username", "password")
"""Compared exactly as sent; a control character in them is a wrong password (401), not a malformed request."""

MAX_PARAMETERS = 1000
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Parameters:
    """Parameters of one request. An empty value counts as absent (RFC 6749 section 3.2)."""

    def __init__(self, single: dict[str, str], scopes: tuple[str, ...]) -> None:
        self._single = single
        self.scopes = scopes

    def get(self, name: str) -> str:
        return self._single.get(name, "")


def parse(*sources: bytes) -> Parameters:
    """Parse a query and, for POST, a form after it. Raises OAuthError (400).

    A parameter that stands twice, be it once in each, is refused, except `scope`.
    """
    single: dict[str, str] = {}
    scopes: list[str] = []
    for name, value in _pairs(sources):
        if name == REPEATABLE:
            scopes.append(value)
        elif name in single:
            raise invalid_request("a parameter is repeated")
        else:
            single[name] = value
    return Parameters(single, tuple(scopes))


def _pairs(sources: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for source in sources:
        parts = source.split(b"&", MAX_PARAMETERS)
        if len(parts) > MAX_PARAMETERS:
            raise invalid_request("too many parameters")
        for part in parts:
            if part:
                name, _, value = part.partition(b"=")
                key = _decode(name)
                text = _decode(value)
                if key not in _VERBATIM and _CONTROL.search(text):
                    raise invalid_request("a parameter holds a control character")
                yield key, text


def _decode(raw: bytes) -> str:
    if b"%" in raw and _BROKEN_ESCAPE.search(raw):
        raise invalid_request("a parameter is not well percent-encoded")
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_request("a parameter is not UTF-8") from None
