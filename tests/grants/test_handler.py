"""The pipeline: what is signed is what was asked, what the policy allows and what the credential may, and no more.

The issuer, the keys and the policy engine are the real ones; only the grant is a fake, which says who asks.
"""

import random
from collections.abc import Mapping

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token.rings import NOW, ring_of
from token_service.access import ANY_ACTION, Access, from_claim
from token_service.authn.proof import Proof
from token_service.errors import OAuthError, bad_credentials, unavailable
from token_service.grants.handler import TokenHandler, TokenOptions
from token_service.grants.request import TokenRequest, TokenResponse
from token_service.policy.decide import Context, decide
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.parse import parse_policy
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import parse_scopes
from token_service.token.issuer import Audience, Issuer, Profile
from token_service.token.public_key import Algorithm

REGISTRY, ZOT = "registry.example.com", "zot.example.com"
AUDIENCES = {REGISTRY: Audience(REGISTRY), ZOT: Audience(ZOT, Profile.ZOT)}

POLICY = b"""
version: 1
groups: {admins: [alice]}
rules:
  - {id: own, allow: [pull, push, delete], principals: ["user:*"], resources: ["repository:{principal}/**"]}
  - {id: public, allow: [pull], principals: [anyone], resources: ["repository:public/**"]}
  - {id: team, allow: [pull, push], principals: ["group:developers"], resources: ["repository:team/**"]}
  - {id: frozen, deny: [push], principals: [anyone], resources: ["repository:team/frozen/**"]}
  - {id: quick, allow: [pull], principals: [authenticated], resources: ["repository:quick/**"], lifetime: 60}
  - {id: slow, allow: [pull], principals: [authenticated], resources: ["repository:slow/**"], lifetime: 3600}
  - {id: watched, deny: [pull], principals: [anyone], resources: ["repository:public/old/**"], mode: audit}
  - {id: star, allow: ["*"], principals: ["service-account:root"], resources: ["repository:**"]}
  - {id: catalogue, allow: ["*"], principals: ["group:admins"], resources: ["registry:catalog"]}
  - {id: searching, allow: [search], principals: ["user:bob"], resources: ["registry:catalog"]}
  - {id: metrics, allow: ["*"], principals: [authenticated], resources: ["registry:metrics"]}
  - {id: here, allow: [pull], principals: [anyone], resources: ["repository:zotted/**"],
     when: {service: [zot.example.com]}}
"""
ALICE = Principal("alice", groups=frozenset({"developers"}))
BOB = Principal("bob")
ROOT = Principal("root", Kind.SERVICE_ACCOUNT)


def compiled(content: bytes = POLICY) -> CompiledPolicy:
    file = parse_policy(content, "policy.yaml")
    return compile_policy(file.rules, file.groups)


class FakeGrant:
    """Proves whatever it was told to, or refuses."""

    grant_types = ("", "password")

    def __init__(self, proof: Proof | OAuthError) -> None:
        self._proof = proof

    async def prove(self, request: TokenRequest) -> Proof:
        if isinstance(self._proof, OAuthError):
            raise self._proof
        return self._proof


class Bench:
    """A handler for one proof, and what it wrote into the audit log."""

    policy = compiled()

    def __init__(
        self,
        proof: Proof | OAuthError,
        *,
        default: str | None = REGISTRY,
        now: int = NOW,
        lifetime: int = 300,
        max_resources: int = 400,
    ) -> None:
        self.events: list[Mapping[str, object]] = []
        self.policies_read = 0
        ids = iter(range(10**9))
        self._handler = TokenHandler(
            options=TokenOptions(
                audiences=AUDIENCES, default_audience=default, lifetime=lifetime, max_resources=max_resources
            ),
            grants=[FakeGrant(proof)],
            policy=self._read_policy,
            issuer=Issuer(
                lambda: ring_of(Algorithm.ES256), "https://t.example.com", lambda: now, lambda: str(next(ids))
            ),
            audit=self.events.append,
            clock=lambda: now,
        )

    def _read_policy(self) -> CompiledPolicy:
        self.policies_read += 1
        return self.policy

    async def ask(self, *scopes: str, service: str = "", **more: str) -> TokenResponse:
        return await self._handler.handle(TokenRequest(scopes=scopes, service=service, **more))  # type: ignore[arg-type]

    async def refusal(self, *scopes: str, service: str = "", **more: str) -> OAuthError:
        with pytest.raises(OAuthError) as caught:
            await self.ask(*scopes, service=service, **more)
        return caught.value


def claims(response: TokenResponse) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(response.token.raw, options={"verify_signature": False})
    return found


def granted(response: TokenResponse) -> list[str]:
    return [str(entry) for entry in from_claim(claims(response)["access"])]


@pytest.mark.parametrize(
    ("left", "lifetime"), [(None, 300), (10_000, 300), (301, 300), (300, 299), (90, 89), (61, 60)]
)
async def test_no_token_outlives_the_credential(left: int | None, lifetime: int) -> None:
    proof = Proof(ALICE, expires_at=None if left is None else NOW + left)
    response = await Bench(proof).ask("repository:team/a:pull")
    assert response.token.lifetime == lifetime
    assert claims(response)["exp"] == NOW + lifetime


@pytest.mark.parametrize("left", [60, 1, 0, -5])
async def test_a_credential_that_ends_before_a_token_could_be_used_has_ended(left: int) -> None:
    bench = Bench(Proof(ALICE, expires_at=NOW + left))
    assert await bench.refusal("repository:team/a:pull") == bad_credentials()
    assert [event["outcome"] for event in bench.events] == ["refused"]


async def test_what_is_denied_is_left_out_and_the_rest_is_signed() -> None:
    bench = Bench(Proof(ALICE))
    response = await bench.ask(
        "repository:team/a:pull,push", "repository:team/frozen/b:pull,push repository:bob/c:pull"
    )
    assert granted(response) == ["repository:team/a:pull,push", "repository:team/frozen/b:pull"]
    assert response.scope == "repository:team/a:pull,push repository:team/frozen/b:pull"
    assert (claims(response)["sub"], claims(response)["aud"]) == ("alice", REGISTRY)


async def test_a_policy_is_read_once_so_that_no_request_sees_half_a_reload() -> None:
    bench = Bench(Proof(ALICE))
    await bench.ask("repository:team/a:pull", "repository:team/b:pull", "repository:team/c:pull")
    assert bench.policies_read == 1


# --- audience --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", REGISTRY])
async def test_the_default_is_taken_where_none_is_named(service: str) -> None:
    assert claims(await Bench(Proof(BOB)).ask(service=service))["aud"] == REGISTRY


@pytest.mark.parametrize(
    "service",
    [
        "x",
        REGISTRY.upper(),
        REGISTRY + ".",
        REGISTRY + " ",
        " " + REGISTRY,
        REGISTRY + "\0",
        "registry.example.co",
        " ",
    ],
)
async def test_near_misses_of_a_registrys_name_get_nothing(service: str) -> None:
    bench = Bench(Proof(ALICE))
    error = await bench.refusal("repository:public/x:pull", service=service)
    assert (error.status, error.code) == (400, "invalid_request")
    assert bench.policies_read == 0


async def test_without_a_default_a_service_must_be_named() -> None:
    assert "service is needed" in (await Bench(Proof(ALICE), default=None).refusal()).description


async def test_rules_for_another_registry_do_not_count() -> None:
    bench = Bench(Proof(ANONYMOUS))
    assert granted(await bench.ask("repository:zotted/x:pull")) == []
    assert granted(await bench.ask("repository:zotted/x:pull", service=ZOT)) == ["repository:zotted/x:pull"]


# --- limits and lifetimes --------------------------------------------------------------------------------------


async def test_resources_are_counted_after_they_are_merged_and_junk_is_not() -> None:
    bench = Bench(Proof(ALICE), max_resources=2)
    two = [
        "repository:team/a:pull",
        "repository:team/a:push",
        "repository:team/b:pull",
        "junk",
        ":",
        "repository:X:pull",
    ]
    assert len(granted(await bench.ask(*two))) == 2
    error = await bench.refusal(*two, "repository:denied/c:pull")
    assert (error.status, error.description) == (400, "more than 2 resources in one request")


@pytest.mark.parametrize(
    ("scopes", "lifetime"),
    [
        (["repository:public/x:pull"], 300),
        (["repository:quick/x:pull"], 60),
        (["repository:slow/x:pull"], 3600),
        (["repository:quick/x:pull", "repository:slow/x:pull"], 60),
        (["repository:slow/x:push"], 300),
        ([], 300),
    ],
)
async def test_a_token_lives_as_long_as_its_shortest_rule(scopes: list[str], lifetime: int) -> None:
    response = await Bench(Proof(BOB)).ask(*scopes)
    assert response.token.lifetime == lifetime
    assert claims(response)["exp"] == NOW + lifetime


@pytest.mark.parametrize("lifetime", [0, 1, 59, 60])
async def test_no_token_lives_less_than_sixty_seconds(lifetime: int) -> None:
    assert (await Bench(Proof(BOB), lifetime=lifetime).ask()).token.lifetime == 60


async def test_without_a_key_that_may_sign_the_service_is_unavailable() -> None:
    bench = Bench(Proof(BOB), now=ring_of(Algorithm.ES256).leaves[0].expires_at)
    error = await bench.refusal()
    assert (error.status, error.retry_after) == (503, 5)
    assert [event["outcome"] for event in bench.events] == ["refused"]


# --- ceilings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ceiling", "expected"),
    [
        (None, ["repository:alice/x:delete,pull,push", "repository:team/a:pull,push"]),
        ((), []),
        ((Access("repository", "alice/x", ("pull",)),), ["repository:alice/x:pull"]),
        ((Access("repository", "alice/x", ("*",)),), ["repository:alice/x:delete,pull,push"]),
        ((Access("repository", "secret", ("pull", "push")),), []),
        ((Access("registry", "alice/x", ("pull",)),), []),
    ],
)
async def test_a_credentials_ceiling_cuts_what_the_policy_grants(
    ceiling: tuple[Access, ...] | None, expected: list[str]
) -> None:
    response = await Bench(Proof(ALICE, ceiling)).ask("repository:alice/x:*", "repository:team/a:pull,push")
    assert granted(response) == expected
    assert response.scope == " ".join(expected)


# --- zot -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "asked", "expected"),
    [
        (ALICE, ["repository::pull"], ["repository::pull"]),
        (ALICE, ["repository::pull", "registry:catalog:*"], ["repository::pull"]),
        (ALICE, ["repository::pull,push"], ["repository::pull"]),
        (ALICE, ["repository::"], []),
        (ALICE, ["repository::push"], []),
        (ALICE, ["repository::delete,push"], []),
        (ALICE, ["repository::*"], []),
        (ALICE, ["registry:catalog:*"], ["registry:catalog:*"]),
        (
            ALICE,
            ["repository::pull", "repository:team/a:pull,push"],
            ["repository::pull", "repository:team/a:pull,push"],
        ),
        (BOB, ["repository::pull"], []),
        (BOB, ["repository::pull", "registry:catalog:search"], []),
        (BOB, ["repository::pull", "registry:metrics:*"], ["registry:metrics:*"]),
        (ANONYMOUS, ["repository::pull"], []),
        (ROOT, ["repository::pull"], []),
    ],
)
async def test_zots_name_for_the_catalogue_is_translated_there_and_back(
    who: Principal, asked: list[str], expected: list[str]
) -> None:
    """zot demands `repository::pull`. It is granted where all of registry:catalog is, and for nothing else."""
    response = await Bench(Proof(who)).ask(*asked, service=ZOT)
    assert granted(response) == expected
    assert jwt.get_unverified_header(response.token.raw)["kid"] == ring_of(Algorithm.ES256).fixed[ZOT].key_id


async def test_another_registry_does_not_know_zots_name() -> None:
    assert granted(await Bench(Proof(ALICE)).ask("repository::pull")) == []


# --- audit -----------------------------------------------------------------------------------------------------


async def test_an_issued_token_is_one_event_that_says_why() -> None:
    bench = Bench(Proof(ALICE))
    response = await bench.ask(
        "repository:team/frozen/x:pull,push",
        "repository:public/old/y:pull",
        "junk",
        client_id="docker",
        source_ip="::1",
    )
    assert bench.events == [
        {
            "event": "token",
            "outcome": "issued",
            "time": NOW,
            "subject": "alice",
            "kind": "user",
            "groups": sorted(ALICE.groups),
            "labels": {name: list(values) for name, values in ALICE.labels.items()},
            "service": REGISTRY,
            "requested": ["repository:team/frozen/x:pull,push", "repository:public/old/y:pull"],
            "granted": ["repository:public/old/y:pull", "repository:team/frozen/x:pull"],
            "rules": ["frozen", "public", "team"],
            "audit_rules": ["watched"],
            "token_id": "0",
            "lifetime": 300,
            "client_id": "docker",
            "source_ip": "::1",
        }
    ]
    assert response.token.raw not in repr(bench.events)


@pytest.mark.parametrize(
    ("proof", "request_", "status", "code"),
    [
        (bad_credentials(), {}, 401, "invalid_grant"),
        (unavailable("the directory does not answer"), {}, 503, "temporarily_unavailable"),
        (Proof(ALICE), {"service": "x"}, 400, "invalid_request"),
        (Proof(ALICE), {"grant_type": "magic"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_refusal_is_one_event_too(
    proof: Proof | OAuthError, request_: dict[str, str], status: int, code: str
) -> None:
    bench = Bench(proof)
    error = await bench.refusal(**request_)
    (event,) = bench.events
    assert (error.status, error.code) == (status, code)
    assert (event["outcome"], event["status"], event["error"]) == ("refused", status, code)


# --- laws ------------------------------------------------------------------------------------------------------

WORDS = ["repository", "registry", "catalog", "metrics", "pull", "push", "delete", "search", "alice", "bob", "team",
         "public", "frozen", "old", "quick", "slow", "root", "localhost:5000", "{principal}", "**", "a"]  # fmt: skip
GLUE = [":", ":", ":", ",", ",", "/", "/", " ", "*", "(", ")", ".", "..", "-", "_", "", "%", "A", "\u212a", "\0", "é"]
PRINCIPALS = [ALICE, BOB, ROOT, ANONYMOUS]


def random_scope(chance: random.Random) -> str:
    """Half of them are nearly right, the others anything made of the same parts."""
    if chance.random() < 0.5:
        name = "/".join(chance.choices(WORDS, k=chance.randint(1, 3)))
        actions = ",".join(
            chance.choices(["pull", "push", "delete", "*", "read", "search", ""], k=chance.randint(1, 3))
        )
        return f"{chance.choice(['repository', 'registry', 'repository(plugin)'])}:{name}:{actions}"
    return "".join(chance.choice(chance.choice((WORDS, GLUE))) for _ in range(chance.randint(1, 9)))


async def test_a_hundred_thousand_random_scopes_are_granted_exactly_what_the_policy_says() -> None:
    """Through parsing, decision, signing and the claim; `decide` has a reference of its own in tests/policy."""
    chance = random.Random(20270115)
    benches = [Bench(Proof(principal)) for principal in PRINCIPALS]
    total = nonempty = 0
    while total < 100_000:
        scopes = [random_scope(chance) for _ in range(100)]
        number = chance.randrange(len(PRINCIPALS))
        response = await benches[number].ask(*scopes)
        asked = parse_scopes(scopes)
        decision = decide(Bench.policy, PRINCIPALS[number], asked, Context(REGISTRY, NOW))
        signed = from_claim(claims(response)["access"])
        assert signed == decision.access
        assert response.scope.split(" ") == [str(entry) for entry in signed] or not signed
        wanted = {(scope.type, scope.name, scope.resource_class): scope.actions for scope in asked}
        for entry in signed:
            actions = wanted[entry.type, entry.name, entry.resource_class]
            assert ANY_ACTION in actions or set(entry.actions) <= set(actions)
        total += len(scopes)
        nonempty += bool(signed)
    assert nonempty > 500  # else the scopes would be too wild to say anything
    assert sum(len(bench.events) for bench in benches) == total // 100


ENTRIES = st.builds(
    Access,
    st.sampled_from(["repository", "registry"]),
    st.sampled_from(["alice/x", "team/a", "team/frozen/b", "public/x", "catalog"]),
    st.lists(st.sampled_from(["pull", "push", "delete", "*"]), max_size=3).map(tuple),
)
SCOPES = ENTRIES.map(str)


@given(
    scopes=st.lists(SCOPES, max_size=6),
    ceiling=st.none() | st.lists(ENTRIES, max_size=5).map(tuple),
    who=st.sampled_from(PRINCIPALS),
    service=st.sampled_from([REGISTRY, ZOT]),
)
async def test_whatever_is_granted_was_asked_and_is_allowed_and_is_under_the_ceiling(
    scopes: list[str], ceiling: tuple[Access, ...] | None, who: Principal, service: str
) -> None:
    signed = from_claim(claims(await Bench(Proof(who, ceiling)).ask(*scopes, service=service))["access"])
    asked = parse_scopes(scopes)
    allowed = decide(Bench.policy, who, asked, Context(service, NOW)).access
    for entry in signed:
        for action in entry.actions:
            assert any(
                (scope.type, scope.name) == (entry.type, entry.name) and {action, ANY_ACTION} & set(scope.actions)
                for scope in asked
            )
            assert any(
                (other.type, other.name) == (entry.type, entry.name) and {action, ANY_ACTION} & set(other.actions)
                for other in allowed
            )
            assert ceiling is None or any(
                (limit.type, limit.name) == (entry.type, entry.name) and {action, ANY_ACTION} & set(limit.actions)
                for limit in ceiling
            )
