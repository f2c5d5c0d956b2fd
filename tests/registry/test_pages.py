import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.registry.errors import RegistryError
from token_service.registry.pages import MAX_ENTRIES, next_link, page_size, take_page
from token_service.registry.query import Query


@pytest.mark.parametrize(
    ("query", "size"),
    [(b"", MAX_ENTRIES), (b"n=0", 0), (b"n=7", 7), (b"n=007", 7), (b"n=1000", 1000), (b"n=999999999999999999", 1000)],
)
def test_a_page_is_never_larger_than_a_thousand(query: bytes, size: int) -> None:
    assert page_size(Query(query)) == size


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "1e3", "%20", "x", "%D9%A1", "%C2%B2", "9" * 19, "0x10"])
def test_what_is_not_digits_is_refused(value: str) -> None:
    with pytest.raises(RegistryError, match="400 UNSUPPORTED: the parameter n is not a number"):
        page_size(Query(f"n={value}".encode()))


@given(st.lists(st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,9}", fullmatch=True), unique=True), st.integers(1, 5))
def test_following_the_links_gives_every_name_once(names: list[str], size: int) -> None:
    names = sorted(names)
    seen: list[str] = []
    last = ""
    while True:
        page, headers = take_page((name for name in names if name > last), size, "/v2/a/tags/list")
        seen += page
        if not headers:
            break
        match = re.fullmatch(rf'</v2/a/tags/list\?n={size}&last=([^>]+)>; rel="next"', headers["Link"])
        assert match is not None
        last = Query(f"last={match[1]}".encode()).one("last") or ""
    assert seen == names


def test_an_empty_page_leads_nowhere() -> None:
    assert take_page(["a"], 0, "/x") == ([], {})


def test_no_more_names_are_taken_than_needed() -> None:
    endless = iter(lambda: "a", "b")
    assert take_page(endless, 2, "/x")[0] == ["a", "a"]


def test_a_link_is_relative_and_escaped() -> None:
    assert next_link("/v2/a b", {"last": "c>&d"}) == {"Link": '</v2/a%20b?last=c%3E%26d>; rel="next"'}
