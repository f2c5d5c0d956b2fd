"""What the registry refuses, and the one place where a refusal becomes a response.

An error is a value: status, OCI code, message and perhaps a detail. Codes are those of distribution-spec
"Error Codes"; beside them only Distribution's UNKNOWN and UNAVAILABLE for what is the registry's own fault.
Messages hold nothing that a client sent: a terminal or a log shows them as they are.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from token_service.errors import ServiceError

API_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
"""Optional in OCI, but old docker takes a registry without it for a version 1 registry."""

_CODES = {
    404: ("UNSUPPORTED", "there is nothing at this path"),
    405: ("UNSUPPORTED", "this method is not supported here"),
}


@dataclass(eq=False)
class RegistryError(ServiceError):
    """A request that is answered with an error."""

    status: int
    code: str
    message: str
    detail: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


def render(error: RegistryError) -> Response:
    """The OCI error body. docker parses it only as `application/json`, else it shows the raw text."""
    entry = {"code": error.code, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail  # type: ignore[assignment]
    body = json.dumps({"errors": [entry]}).encode("ascii")
    headers = API_VERSION | {"X-Content-Type-Options": "nosniff"} | dict(error.headers)
    return Response(body, error.status, headers, "application/json")


def of_status(status: int, headers: Mapping[str, str] | None = None) -> RegistryError:
    """What the framework refuses by itself: an unknown path (404), an undeclared method (405), a crash (500)."""
    code, message = _CODES.get(status, ("UNKNOWN", "the registry failed; its log says why"))
    return RegistryError(status, code, message, headers=headers or {})


def blob_unknown() -> RegistryError:
    """The same words for "not in this repository" and "nowhere", so that a digest tells nothing."""
    return RegistryError(404, "BLOB_UNKNOWN", "this repository does not hold the blob")


def manifest_unknown() -> RegistryError:
    return RegistryError(404, "MANIFEST_UNKNOWN", "this repository does not hold the manifest")


def name_unknown() -> RegistryError:
    return RegistryError(404, "NAME_UNKNOWN", "the registry does not hold this repository")


def name_invalid() -> RegistryError:
    return RegistryError(400, "NAME_INVALID", "not a repository name: lower-case components joined by single slashes")


def upload_unknown() -> RegistryError:
    return RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload: it has ended, expired or belongs to another")


def digest_invalid(message: str = "not a sha256 or sha512 digest in lower-case hex") -> RegistryError:
    return RegistryError(400, "DIGEST_INVALID", message)


def manifest_invalid(message: str) -> RegistryError:
    return RegistryError(400, "MANIFEST_INVALID", message)


def tag_invalid() -> RegistryError:
    return manifest_invalid("not a tag: up to 128 letters, digits, dots, dashes and underscores")


def manifest_too_large(limit: int) -> RegistryError:
    return RegistryError(413, "MANIFEST_INVALID", f"a manifest may have at most {limit} bytes")


def references_unknown(digests: Iterable[str]) -> RegistryError:
    missing = [{"digest": digest} for digest in digests]
    message = "the manifest refers to content that this repository does not hold: push that first"
    return RegistryError(400, "MANIFEST_BLOB_UNKNOWN", message, missing)


def upload_range_invalid(message: str, headers: Mapping[str, str]) -> RegistryError:
    return RegistryError(416, "BLOB_UPLOAD_INVALID", message, headers=headers)


def upload_busy() -> RegistryError:
    return RegistryError(
        409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload", headers={"Retry-After": "1"}
    )


def body_broken() -> RegistryError:
    """Nobody is left to read this; the audit line has its status."""
    return request_invalid("the connection ended before the body did")


def upload_too_large(limit: int) -> RegistryError:
    return RegistryError(413, "SIZE_INVALID", f"an upload may have at most {limit} bytes")


def upload_size_invalid() -> RegistryError:
    return RegistryError(400, "SIZE_INVALID", "the body is not as long as Content-Range says")


def too_many_uploads(limit: int) -> RegistryError:
    message = f"this repository has {limit} unfinished uploads: finish or cancel some, or wait until they expire"
    return RegistryError(429, "TOOMANYREQUESTS", message, headers={"Retry-After": "60"})


def request_invalid(message: str) -> RegistryError:
    """A malformed query or header, for which the OCI list has no better code."""
    return RegistryError(400, "UNSUPPORTED", message)


def switched_off(message: str) -> RegistryError:
    return RegistryError(405, "UNSUPPORTED", message)


def denied(message: str) -> RegistryError:
    """403 and no challenge: what is refused so, no token of the same bearer would grant."""
    return RegistryError(403, "DENIED", message)


def disk_full() -> RegistryError:
    """RFC 4918 section 11.5. Nothing that was acknowledged is lost; the client may begin again later."""
    message = "the registry's disk is full: tell its operator, and begin again later"
    return RegistryError(507, "UNAVAILABLE", message, headers={"Retry-After": "60"})
