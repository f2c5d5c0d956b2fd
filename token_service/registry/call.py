"""One request on its way to a handler: everything about it is parsed, and the token is checked. No behaviour.

The repository's name is read from the path once, in `routes.py`; authorization and storage both see this value.
"""

from dataclasses import dataclass
from pathlib import Path

from anyio import CapacityLimiter
from starlette.requests import Request

from token_service.clock import Clock
from token_service.registry.digest import Digest
from token_service.registry.layout import Layout, Repository
from token_service.registry.query import Query
from token_service.token.claims import VerifiedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """What an operator decides. `root` is Distribution's `rootdirectory`; `service` is the tokens' audience."""

    root: Path
    realm: str
    service: str
    delete_enabled: bool = True
    read_only: bool = False
    max_manifest_bytes: int = 4 * 1024 * 1024
    max_upload_bytes: int = 32 * 1024 * 1024 * 1024
    max_uploads_per_repository: int = 256
    metrics_enabled: bool = False
    """Serve /metrics. For a listener that only the operator reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`name` is empty for the two resources without one. `reference` is the digest, tag or upload id of the path."""

    request: Request
    query: Query
    name: str
    reference: Digest | str
    token: VerifiedToken
    options: RegistryOptions
    layout: Layout
    clock: Clock
    hashing: CapacityLimiter

    @property
    def repository(self) -> Repository:
        return self.layout.repository(self.name)

    @property
    def digest(self) -> Digest:
        """The reference of a route whose references are digests."""
        if not isinstance(self.reference, Digest):
            raise TypeError("this route's reference is no digest")
        return self.reference

    @property
    def text(self) -> str:
        return str(self.reference)
