"""Lists in pages: `n`, `last` and the Link to the next page (distribution-spec end-8, RFC 8288). Pure.

`n` is capped and read as digits only: CVE-2023-2253 was a registry that made room for as many entries as it was
asked for.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from urllib.parse import quote, urlencode

from token_service.registry.errors import request_invalid
from token_service.registry.query import Query

MAX_ENTRIES = 1000
_MAX_DIGITS = 18


def page_size(query: Query) -> int:
    """How many entries a page has: `n`, at most 1000, and 1000 where it is not given."""
    text = query.one("n")
    if text is None:
        return MAX_ENTRIES
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise request_invalid("the parameter n is not a number")
    return min(int(text), MAX_ENTRIES)


def take_page(names: Iterable[str], size: int, path: str) -> tuple[list[str], dict[str, str]]:
    """The first `size` of `names`, and the header that leads on where there are more. An empty page leads nowhere."""
    taken = list(islice(names, size + 1))
    page = taken[:size]
    if not page or len(taken) == len(page):
        return page, {}
    return page, next_link(path, {"n": str(size), "last": page[-1]})


def next_link(path: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """A relative reference: the registry does not know under which name clients reach it, nor trusts their Host."""
    return {"Link": f'<{quote(path)}?{urlencode(parameters)}>; rel="next"'}
