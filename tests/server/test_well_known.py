"""The public metadata: keys that registries fetch, and the description of the authorization server."""

import json
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.server.house import ISSUER, NOW, House
from token_service.server.well_known import metadata
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm

JWKS, DESCRIPTION = "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def rotate(house: House, publish: int, retire: int = 1000) -> None:
    keyfiles.rotate(house.folder / "keys", Algorithm.ES256, house.now, publish_seconds=publish, retire_seconds=retire)


def test_the_keys_verify_what_the_token_endpoint_signs(house: House) -> None:
    answer = house.ask("GET", JWKS)
    assert (answer.status, answer.header("content-type")) == (200, "application/jwk-set+json")
    token = house.get("").json()["token"]
    key = jwt.PyJWKSet.from_json(answer.body.decode())[jwt.get_unverified_header(token)["kid"]]
    jwt.decode(token, key, options={"verify_aud": False, "verify_nbf": False, "verify_iat": False})


def keys(house: House) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(house.ask("GET", JWKS).body)["keys"]
    return found


def test_through_a_rotation_every_token_finds_its_key_and_no_key_is_private(own_house: House) -> None:
    """S47: next, active and retiring keys, each under an id of its own."""
    signed_before = own_house.get("").json()["token"]
    rotate(own_house, publish=500, retire=1000)
    for now, count in ((NOW, 2), (NOW + 499, 2), (NOW + 500, 2), (NOW + 1499, 2), (NOW + 1500, 1)):
        own_house.now = now
        published = keys(own_house)
        ids = [key["kid"] for key in published]
        assert len(ids) == len(set(ids)) == count
        assert all(not PRIVATE_MEMBERS & key.keys() for key in published)
        assert all((key["use"], key["alg"]) == ("sig", "ES256") for key in published)
        assert jwt.get_unverified_header(own_house.get("").json()["token"])["kid"] in ids
        old = jwt.get_unverified_header(signed_before)["kid"]
        assert (old in ids) is (now < NOW + 1500)
        assert (jwt.get_unverified_header(own_house.get("").json()["token"])["kid"] == old) is (now < NOW + 500)


@pytest.mark.parametrize("path", [JWKS, DESCRIPTION])
def test_it_may_be_cached_and_read_by_anyone(house: House, path: str) -> None:
    answer = house.ask("GET", path)
    assert answer.header("cache-control") == "public, max-age=300"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("access-control-allow-credentials") is None
    assert answer.header("x-content-type-options") == "nosniff"
    head = house.ask("HEAD", path)
    assert (head.status, head.headers) == (200, answer.headers)


MATCHING: list[Callable[[str], str]] = [
    lambda etag: etag,
    lambda etag: f"W/{etag}",
    lambda etag: f'"x", {etag}',
    lambda etag: f'"x",W/{etag} , "y"',
    lambda _: "*",
]
OTHER: list[Callable[[str], str]] = [
    lambda _: '"x"',
    lambda etag: etag.strip('"'),
    lambda etag: etag[:-2] + '"',
    lambda _: "",
    lambda etag: f"w/{etag}",
]


@pytest.mark.parametrize("path", [JWKS, DESCRIPTION])
@pytest.mark.parametrize("write", MATCHING)
def test_who_has_it_already_gets_304(house: House, path: str, write: Callable[[str], str]) -> None:
    etag = house.ask("GET", path).header("etag")
    assert etag is not None
    answer = house.ask("GET", path, headers=[("if-none-match", write(etag))])
    assert (answer.status, answer.body, answer.header("etag")) == (304, b"", etag)
    assert answer.header("cache-control") == "public, max-age=300"


@pytest.mark.parametrize("write", OTHER)
def test_who_has_another_one_gets_it(house: House, write: Callable[[str], str]) -> None:
    etag = house.ask("GET", JWKS).header("etag")
    assert etag is not None
    assert house.ask("GET", JWKS, headers=[("if-none-match", write(etag))]).status == 200


def test_a_rotation_changes_the_tag(own_house: House) -> None:
    before = own_house.ask("GET", JWKS).header("etag")
    rotate(own_house, publish=0)
    after = own_house.ask("GET", JWKS)
    assert after.header("etag") != before
    assert own_house.ask("GET", JWKS, headers=[("if-none-match", str(before))]).status == 200


@pytest.mark.parametrize("path", [JWKS, DESCRIPTION])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_is_only_read(house: House, path: str, method: str) -> None:
    answer = house.ask(method, path)
    assert answer.status == 405
    assert set((answer.header("allow") or "").split(", ")) == {"GET", "HEAD"}
    assert answer.json()["errors"][0]["code"] == "UNSUPPORTED"


def test_the_description_names_the_issuer_byte_for_byte_and_only_what_there_is(house: House) -> None:
    document = house.ask("GET", DESCRIPTION).json()
    assert document == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "grant_types_supported": ["password"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
    }
    # Authlib takes an empty list for a missing one, though RFC 8414 does not.
    AuthorizationServerMetadata({**document, "response_types_supported": ["none"]}).validate()
    token = house.get("").json()["token"]
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == document["issuer"]


def test_a_realm_of_its_own_is_the_token_endpoint(tmp_path: Path) -> None:
    house = House(tmp_path, realm="https://login.example.com/v2/token")
    assert house.ask("GET", DESCRIPTION).json()["token_endpoint"] == "https://login.example.com/v2/token"


def test_a_plain_http_issuer_is_described_too_for_it_is_used_locally() -> None:
    assert metadata("http://localhost:5001", "http://localhost:5001/token")["issuer"] == "http://localhost:5001"
