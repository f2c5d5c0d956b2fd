"""What credentials prove: who somebody is, for what at most, and until when. A value only."""

from dataclasses import dataclass

from token_service.access import Access
from token_service.principal import ANONYMOUS, Principal


@dataclass(frozen=True, slots=True)
class Proof:
    """`ceiling` None: the credential itself sets no limit. `expires_at` (seconds since 1970) None: it has no end."""

    principal: Principal
    ceiling: tuple[Access, ...] | None = None
    expires_at: int | None = None


NOBODY = Proof(ANONYMOUS)
"""What no credentials prove."""
