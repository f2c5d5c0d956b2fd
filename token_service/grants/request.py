"""What a grant is asked and what it answers. Values only; HTTP's spelling of them is `server/token.py`'s matter."""

from dataclasses import dataclass, field

from token_service.authn.credentials import Credentials
from token_service.token.issuer import IssuedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request with nothing decided. `grant_type` is empty for GET, Distribution's own way of asking.

    `service` is empty where none was named; `scopes` are the raw values of every `scope` parameter; `account` of
    the wire is left out, because who asks is what the credentials prove. `source_ip` is None where it is unknown.
    """

    grant_type: str = ""
    service: str = ""
    scopes: tuple[str, ...] = ()
    credentials: Credentials | None = None
    client_id: str = ""
    source_ip: str | None = None


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A granted request. `scope` says what was granted, which may be less than what was asked (RFC 6749 3.3)."""

    token: IssuedToken
    scope: str = field(default="")
