"""Who may: from `Authorization` headers to a `VerifiedToken`, or to a 401 with its challenge.

The status is 401 for a missing, a bad and an insufficient token alike (RFC 6750 section 3.1 has 403 for the last):
clients fetch a wider token only after a 401. Tokens are read from the header only, never from a query or a form.
`Gate` and `CachingVerifier` are public: `docs/registry.md` guards another application with them.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256

from token_service import challenge
from token_service.access import Access, covers
from token_service.clock import Clock
from token_service.registry.errors import RegistryError, request_invalid
from token_service.token.claims import LEEWAY_SECONDS, VerifiedToken
from token_service.token.verifier import InvalidToken, TrustedKeys, Verifier

_MAX_CACHED_TOKENS = 4096


class CachingVerifier(Verifier):
    """A verifier that remembers good tokens, so that one seen before costs a hash and not a signature check.

    A remembered token ends in the very second in which `claims.check` would refuse it, and all are forgotten when
    the trusted keys are another object. The cache holds hashes, never tokens. For use on one event loop.
    """

    def __init__(self, keys: Callable[[], TrustedKeys], issuer: str, audience: str, clock: Clock) -> None:
        super().__init__(keys, issuer, audience, clock)
        self._seen_keys = keys()
        self._seen: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def verify(self, token: str) -> VerifiedToken:
        keys = self._keys()
        if keys is not self._seen_keys:
            self._seen.clear()
            self._seen_keys = keys
        fingerprint = sha256(token.encode("utf-8", "surrogatepass")).digest()
        seen = self._seen.get(fingerprint)
        if seen is not None and self._clock() < seen.expires_at + LEEWAY_SECONDS:
            self._seen.move_to_end(fingerprint)
            return seen
        self._seen.pop(fingerprint, None)
        verified = super().verify(token)
        self._seen[fingerprint] = verified
        if len(self._seen) > _MAX_CACHED_TOKENS:
            self._seen.popitem(last=False)
        return verified


class Gate:
    """Checks requests against the tokens of one verifier, and challenges for one realm and service."""

    def __init__(self, realm: str, service: str, verifier: Verifier) -> None:
        challenge.Challenge(realm, service)  # unusable values stop the start, not the first request
        self._realm = realm
        self._service = service
        self._verifier = verifier

    def authorize(self, authorization: Sequence[str], required: Sequence[Access]) -> VerifiedToken:
        """The token that grants all of `required`; with nothing required, any valid token will do.

        `authorization` are all `Authorization` headers of the request. Raises RegistryError: 401 with a challenge,
        or 400 for several headers, of which a proxy in front might have read another one.
        """
        verified = self.authenticate(authorization, required)
        self.check(verified, required)
        return verified

    def authenticate(self, authorization: Sequence[str], required: Sequence[Access]) -> VerifiedToken:
        """The first half of `authorize`: a valid token, whatever it grants. `required` is for the challenge."""
        if len(authorization) > 1:
            raise request_invalid("several Authorization headers")
        scheme, _, token = (authorization[0] if authorization else "").partition(" ")
        if scheme.lower() != "bearer":
            raise self._unauthorized("authentication required", required, "")
        try:
            return self._verifier.verify(token.strip(" "))
        except InvalidToken as error:
            message = "the token is not valid here: fetch a new one"
            raise self._unauthorized(message, required, challenge.INVALID_TOKEN) from error

    def check(self, verified: VerifiedToken, required: Sequence[Access]) -> None:
        """The second half of `authorize`: that the token grants all of `required`."""
        if not all(covers(verified.access, entry) for entry in required):
            message = "the token does not grant this access"
            raise self._unauthorized(message, required, challenge.INSUFFICIENT_SCOPE)

    def _unauthorized(self, message: str, required: Sequence[Access], error: str) -> RegistryError:
        header = str(challenge.from_accesses(self._realm, self._service, required, error))
        detail = [{"type": entry.type, "name": entry.name, "actions": list(entry.actions)} for entry in required]
        return RegistryError(401, "UNAUTHORIZED", message, detail, {"WWW-Authenticate": header})
