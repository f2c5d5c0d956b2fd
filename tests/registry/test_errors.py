import json

import pytest

from token_service.registry import errors


def test_the_body_is_the_oci_shape_and_docker_may_parse_it() -> None:
    response = errors.render(
        errors.RegistryError(400, "DIGEST_INVALID", "no", [{"a": "\u2028\x1b"}], {"X-More": "1"})
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.headers["docker-distribution-api-version"] == "registry/2.0"
    assert response.headers["x-more"] == "1"
    assert bytes(response.body).isascii()
    assert json.loads(bytes(response.body)) == {
        "errors": [{"code": "DIGEST_INVALID", "message": "no", "detail": [{"a": "\u2028\x1b"}]}]
    }


def test_without_detail_there_is_no_detail() -> None:
    assert json.loads(bytes(errors.render(errors.blob_unknown()).body)) == {
        "errors": [{"code": "BLOB_UNKNOWN", "message": "this repository does not hold the blob"}]
    }


@pytest.mark.parametrize(("status", "code"), [(404, "UNSUPPORTED"), (405, "UNSUPPORTED"), (500, "UNKNOWN")])
def test_what_the_framework_refuses_has_a_code(status: int, code: str) -> None:
    error = errors.of_status(status, {"Allow": "GET"})
    assert (error.status, error.code, error.headers) == (status, code, {"Allow": "GET"})


def test_an_error_in_a_log_says_what_it_is() -> None:
    assert str(errors.name_unknown()) == "404 NAME_UNKNOWN: the registry does not hold this repository"
