import pytest

from token_service.registry.errors import RegistryError
from token_service.registry.query import Query


def test_values_come_decoded_and_what_is_unknown_is_ignored() -> None:
    query = Query(b"digest=sha256%3Aab&tag=a&tag=b&ns=docker.io&empty=")
    assert query.one("digest") == "sha256:ab"
    assert query.one("empty") == ""
    assert query.one("absent") is None
    assert query.all("tag") == ("a", "b")


def test_a_repeated_parameter_is_refused_when_it_is_read() -> None:
    query = Query(b"from=a&from=a")
    with pytest.raises(RegistryError, match="400 UNSUPPORTED: the parameter from stands more than once"):
        query.one("from")


@pytest.mark.parametrize("raw", [b"a=%ff%fe", b"a=\xc3\xa4", b"&".join([b"a=1"] * 201)], ids=repr)
def test_what_is_not_clean_is_refused(raw: bytes) -> None:
    with pytest.raises(RegistryError, match="400 UNSUPPORTED"):
        Query(raw)
