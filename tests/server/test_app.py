"""What the public listener answers at all: a closed list of paths, matched as they stand."""

import warnings

import pytest

from tests.server.asking import AS_ALICE, refused
from tests.server.house import House
from token_service.server.app import TokenServiceApp


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
        "/openapi.json",
        "/metrics",
        "/v2/",
        "/token/x",
        "/token//",
        "//token",
        "/Token",
        "/TOKEN",
        "/token ",
        "/token;x",
        "/./token",
        "/x/../token",
        "/token\0",
        "/auth",
        "/healthz/",
        "/readyz/",
        "/.well-known/jwks.json/",
        "/.well-known/",
        "/.well-known/openid-configuration",
        "/api/v1/",
        "/console/",
        "http://evil.example.net/token",
        "*",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_any_other_path_is_404_in_the_shape_that_clients_show(house: House, path: str, method: str) -> None:
    answer = house.ask(method, path, headers=[AS_ALICE])
    assert refused(answer, 404, registry_code="NAME_UNKNOWN") == "there is nothing here"
    assert answer.header("location") is None


def test_there_is_nothing_but_what_was_put_there_on_purpose(house: House) -> None:
    assert isinstance(house.app, TokenServiceApp)
    with warnings.catch_warnings():  # one function answers GET and HEAD
        warnings.filterwarnings("ignore", "Duplicate Operation ID")
        paths = sorted(house.app.rest.openapi()["paths"])
    assert paths == ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/healthz", "/readyz"]


def test_no_answer_redirects(house: House) -> None:
    for path in ("/token", "/token/", "/healthz", "/healthz/", "/docs"):
        assert house.ask("GET", path).status in (200, 404)
