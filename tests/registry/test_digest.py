import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.registry.digest import ALGORITHMS, digest_of, parse_digest


@given(st.binary(), st.sampled_from(ALGORITHMS))
def test_what_is_printed_is_parsed(content: bytes, algorithm: str) -> None:
    digest = digest_of(content, algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    assert parse_digest(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 64 + "\n",
        " sha256:" + "a" * 64,
        "sha256:" + "a" * 62 + "/.",
        "sha256:../../" + "a" * 58,
        "SHA256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "sha384:" + "a" * 96,
        "md5:" + "a" * 32,
        "blake3:" + "a" * 64,
        "sha256:sha256:" + "a" * 57,
        "sha256:" + "\N{FULLWIDTH DIGIT ONE}" * 64,
    ],
)
def test_other_spellings_are_no_digests(text: str) -> None:
    assert parse_digest(text) is None


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    digest = parse_digest(text)
    assert digest is None or str(digest) == text
