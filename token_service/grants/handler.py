"""The pipeline that every token request goes through, whatever its grant:

limits → authenticate → audience → scopes → decide → ceiling → issue → audit.

Denied actions are dropped and the answer is still a token; only bad credentials and malformed requests are errors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from token_service.access import ANY_ACTION, Access, intersect, merge
from token_service.audit import AuditSink
from token_service.authn.proof import Proof
from token_service.clock import Clock
from token_service.errors import OAuthError, bad_credentials, invalid_request, unavailable
from token_service.grants.grant import Grant
from token_service.grants.request import TokenRequest, TokenResponse
from token_service.policy.decide import Context, Decision, decide
from token_service.policy.index import CompiledPolicy
from token_service.principal import ANONYMOUS
from token_service.scope import Scope, parse_scopes
from token_service.token.claims import MIN_LIFETIME_SECONDS
from token_service.token.issuer import Audience, IssuedToken, Issuer, Profile
from token_service.token.keyring import NoSigningKeyError

MAX_ANSWER_BYTES = 64 * 1024
"""What go-containerregistry reads of an answer. The token stands in it twice where that fits (ADR 8)."""

_ANSWER_FRAME_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """`lifetime` is in seconds. `max_resources` bounds one request's scopes after merging."""

    audiences: Mapping[str, Audience]
    default_audience: str | None
    lifetime: int
    max_resources: int


class TokenHandler:
    """Answers token requests. `policy` is called once a request, so that no request sees half a reload."""

    def __init__(
        self,
        *,
        options: TokenOptions,
        grants: Sequence[Grant],
        policy: Callable[[], CompiledPolicy],
        issuer: Issuer,
        audit: AuditSink,
        clock: Clock,
    ) -> None:
        self._options = options
        self._grants = {name: grant for grant in grants for name in grant.grant_types}
        self._policy = policy
        self._issuer = issuer
        self._audit = audit
        self._clock = clock

    async def handle(self, request: TokenRequest) -> TokenResponse:
        """Raises OAuthError; every outcome is one line of the audit log."""
        try:
            return await self._handle(request)
        except OAuthError as error:
            self.refuse(request, error)
            raise

    def refuse(self, request: TokenRequest, error: OAuthError) -> None:
        """Record a refusal; also for requests that were too malformed to be handled."""
        self._audit(_refused(request, error, self._clock()))

    async def _handle(self, request: TokenRequest) -> TokenResponse:
        grant = self._grants.get(request.grant_type)
        if grant is None:
            raise OAuthError("unsupported_grant_type", "this grant_type is not supported")
        proof = await grant.prove(request)
        audience = self._audience(request.service)
        scopes = parse_scopes(request.scopes)
        if len(scopes) > self._options.max_resources:
            raise invalid_request(f"more than {self._options.max_resources} resources in one request")
        decision = self._decide(proof, audience, scopes, request.source_ip)
        lifetime = self._lifetime(proof, decision.lifetime)
        granted = decision.access if proof.ceiling is None else intersect(decision.access, proof.ceiling)
        token = self._issue(proof, audience, granted, lifetime)
        scope = " ".join(str(entry) for entry in granted)
        # On GET the answer has no `scope`: Distribution's token protocol knows none.
        size = len(token.raw) + (len(scope) if request.grant_type else 0)
        if size > MAX_ANSWER_BYTES - _ANSWER_FRAME_BYTES:
            raise invalid_request("the answer would be larger than clients read: ask for fewer repositories at once")
        self._audit(_granted(request, proof, audience, scopes, decision, granted, token))
        return TokenResponse(token, scope)

    def _audience(self, service: str) -> Audience:
        name = service or self._options.default_audience
        if name is None:
            raise invalid_request("service is needed: it names the registry")
        audience = self._options.audiences.get(name)
        if audience is None:
            raise invalid_request("this service is not a registry that is known here")
        return audience

    def _decide(self, proof: Proof, audience: Audience, scopes: Sequence[Scope], source_ip: str | None) -> Decision:
        context = Context(audience.name, self._clock(), source_ip, audience.filters_catalogue)
        if audience.profile is not Profile.ZOT:
            return decide(self._policy(), proof.principal, scopes, context)
        decision = decide(self._policy(), proof.principal, _from_zot(scopes), context)
        return replace(decision, access=_to_zot(scopes, decision.access))

    def _lifetime(self, proof: Proof, by_rules: int | None) -> int:
        """No token outlives the credential, and none is too short to be used: then it is as good as expired.

        One second is spared for the clock to go on until the token is signed.
        """
        lifetime = max(by_rules or self._options.lifetime, MIN_LIFETIME_SECONDS)
        if proof.expires_at is None:
            return lifetime
        left = proof.expires_at - self._clock() - 1
        if left < MIN_LIFETIME_SECONDS:
            raise bad_credentials()
        return min(lifetime, left)

    def _issue(self, proof: Proof, audience: Audience, granted: tuple[Access, ...], lifetime: int) -> IssuedToken:
        try:
            return self._issuer.issue(proof.principal.name, audience, granted, lifetime)
        except NoSigningKeyError:
            raise unavailable("no signing key is valid at the moment") from None


# zot demands `repository::pull`, an empty name, for its catalogue (zot `pkg/api/authn.go`), and knows no `*`.
_ZOT_CATALOGUE = ("repository", "")
_CATALOGUE = Scope("registry", "catalog", ("*",))


def _from_zot(scopes: Sequence[Scope]) -> tuple[Scope, ...]:
    return tuple(_CATALOGUE if _asks_zot_catalogue(scope) else scope for scope in scopes)


def _to_zot(scopes: Sequence[Scope], access: tuple[Access, ...]) -> tuple[Access, ...]:
    """Only all of the catalogue is zot's catalogue: a part of it, or another resource of the registry, is not."""
    if not any(_asks_zot_catalogue(scope) for scope in scopes):
        return access
    catalogue = (_CATALOGUE.type, _CATALOGUE.name)
    whole = any((entry.type, entry.name) == catalogue and ANY_ACTION in entry.actions for entry in access)
    rest = [entry for entry in access if (entry.type, entry.name) != catalogue]
    return merge([Access(*_ZOT_CATALOGUE, ("pull",)), *rest] if whole else rest)


def _asks_zot_catalogue(scope: Scope) -> bool:
    return (scope.type, scope.name) == _ZOT_CATALOGUE and "pull" in scope.actions


def _granted(
    request: TokenRequest,
    proof: Proof,
    audience: Audience,
    scopes: Sequence[Scope],
    decision: Decision,
    granted: Sequence[Access],
    token: IssuedToken,
) -> dict[str, object]:
    return {
        "event": "token",
        "outcome": "issued",
        "time": token.issued_at,
        "subject": proof.principal.name,
        "kind": proof.principal.kind.value,
        "groups": sorted(proof.principal.groups),
        "labels": {name: list(values) for name, values in sorted(proof.principal.labels.items())},
        "service": audience.name,
        "requested": [str(scope) for scope in scopes],
        "granted": [str(entry) for entry in granted],
        "rules": sorted({rule for verdict in decision.verdicts for rule in verdict.rules}),
        "audit_rules": sorted({rule for verdict in decision.verdicts for rule in verdict.audit}),
        "token_id": token.token_id,
        "lifetime": token.lifetime,
        "client_id": request.client_id,
        "source_ip": request.source_ip,
    }


def _refused(request: TokenRequest, error: OAuthError, now: int) -> dict[str, object]:
    """The name is logged although it failed: without it nobody can be helped. The secret never is.

    A name that is no login name may be a password typed into the wrong field, so it is left out.
    """
    name = request.credentials.name if request.credentials else ANONYMOUS.name
    return {
        "event": "token",
        "outcome": "refused",
        "time": now,
        "subject": name if len(name) <= 128 and name.isprintable() else "",
        "error": error.code,
        "status": error.status,
        "reason": error.description,
        "client_id": request.client_id,
        "source_ip": request.source_ip,
    }
