"""What a grant is: the one step in which grants differ, namely who asks. All the rest is the pipeline's.

Design: a grant cannot forget a check, because it makes none but its own (`grants/handler.py`).
"""

from collections.abc import Iterable
from typing import Protocol

from token_service.authn.proof import Proof
from token_service.grants.request import TokenRequest


class Grant(Protocol):
    @property
    def grant_types(self) -> Iterable[str]:
        """The values of `grant_type` that it answers; the empty one is GET's."""

    async def prove(self, request: TokenRequest) -> Proof:
        """Raises OAuthError where the request is incomplete or its credentials are bad."""
