"""What a grant is: the one step in which grants differ, namely who asks. All the rest is the pipeline's.

Design: a grant cannot forget a check, because it makes none but its own (`grants/handler.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from token_service.access import Access
from token_service.grants.request import TokenRequest
from token_service.principal import Principal


@dataclass(frozen=True, slots=True)
class Proof:
    """Who asks, and at most for what: `ceiling` None means that the credential itself sets no limit."""

    principal: Principal
    ceiling: tuple[Access, ...] | None = None


class Grant(Protocol):
    @property
    def grant_types(self) -> Iterable[str]:
        """The values of `grant_type` that it answers; the empty one is GET's."""

    async def prove(self, request: TokenRequest) -> Proof:
        """Raises OAuthError where the request is incomplete or its credentials are bad."""
