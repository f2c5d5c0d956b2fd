"""The token endpoint on the wire: what each client sends and must be told.

The numbers in the names of tests are those of the table of client behaviour that the design was made from; each is a
request that some client in use really sends.
"""

import asyncio
import re
from datetime import datetime
from itertools import permutations
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest

from tests.authn.spying import settle, spy_on
from tests.server.asking import AS_ALICE, AS_BOB, PATHS, form, refused
from tests.server.house import ALICE, BOB, CI, GONE, ISSUER, MARK, NOW, REGISTRY, Answer, House, basic, call
from token_service.access import Access
from token_service.challenge import parse as parse_challenge
from token_service.errors import LoadError
from token_service.grants.handler import MAX_ANSWER_BYTES
from token_service.server.token import MAX_QUERY_BYTES

DOCKER_LOGIN = f"account=alice&client_id=docker&offline_token=true&service={REGISTRY}"


# --- GET -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_01_docker_login_without_a_scope_gets_a_token_for_nothing(house: House, path: str) -> None:
    answer = house.get(DOCKER_LOGIN, [AS_ALICE], path=path)
    body = answer.json()
    assert answer.status == 200
    assert body.keys() == {"token", "access_token", "token_type", "expires_in", "issued_at"}
    assert body["token"] == body["access_token"]
    assert body["expires_in"] == 300
    assert datetime.fromisoformat(body["issued_at"]).timestamp() == NOW
    assert datetime.fromisoformat(body["issued_at"]).utcoffset() is not None
    proven = house.verified(answer)
    assert (proven.subject, proven.access) == ("alice", ())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("password", ["wrong", "", ALICE + "x", ALICE[:-1], ALICE.upper()])
def test_02_a_bad_password_is_401_and_never_an_anonymous_token(house: House, path: str, password: str) -> None:
    answer = house.get(f"{DOCKER_LOGIN}&scope=repository:public/x:pull", [basic("alice", password)], path=path)
    assert refused(answer, 401, "invalid_grant", "UNAUTHORIZED") == "wrong user name or password"
    assert parse_challenge(answer.header("www-authenticate") or "") == (
        "basic", {"realm": ISSUER, "charset": "UTF-8"}
    )  # fmt: skip


def test_03_nobody_gets_what_is_public_and_the_rest_is_left_out(house: House) -> None:
    answer = house.get("scope=repository:public/x:pull&scope=repository:team/x:pull")
    assert house.granted(answer) == ["repository:public/x:pull"]
    assert house.verified(answer).subject == ""


def test_03_where_anonymous_is_off_nobody_gets_401(tmp_path: Path) -> None:
    house = House(tmp_path, anonymous=False)
    answer = house.get("scope=repository:public/x:pull")
    assert refused(answer, 401, "invalid_grant", "UNAUTHORIZED") == "a user name and a password are needed"
    assert answer.header("www-authenticate") is not None
    assert house.granted(house.get("scope=repository:public/x:pull", [AS_BOB])) == ["repository:public/x:pull"]


def test_04_an_account_without_credentials_is_anonymous(house: House) -> None:
    answer = house.get(f"account=alice&service={REGISTRY}&scope=repository:alice/x:pull")
    assert (house.verified(answer).subject, house.granted(answer)) == ("", [])


@pytest.mark.parametrize("account", ["alice", "", "bob", "mallory", "a:b", "\u20ac"])
def test_05_who_asks_is_whom_the_credentials_prove_and_not_the_account(house: House, account: str) -> None:
    answer = house.get([("account", account), ("scope", "repository:bob/x:pull repository:alice/x:pull")], [AS_BOB])
    assert (house.verified(answer).subject, house.granted(answer)) == ("bob", ["repository:bob/x:pull"])


BOTH = ["repository:alice/a:pull,push", "repository:team/b:pull"]


@pytest.mark.parametrize(
    "query",
    [
        "scope=repository:alice/a:push,pull&scope=repository:team/b:pull",
        "scope=repository:team/b:pull&scope=repository:alice/a:pull,push",
        "scope=repository:alice/a:push,pull+repository:team/b:pull",
        "scope=repository:alice/a:push,pull%20repository:team/b:pull",
        "scope=repository:alice/a:push&scope=repository:alice/a:pull+repository:team/b:pull",
        "scope=++repository:alice/a:push,pull++repository:team/b:pull++",
    ],
    ids=["repeated", "the other way round", "joined by plus", "joined by a space", "both", "many spaces"],
)
def test_06_07_repeated_and_joined_scopes_are_all_granted(house: House, query: str) -> None:
    assert house.granted(house.get(query, [AS_ALICE])) == BOTH


@pytest.mark.parametrize("scopes", list(permutations(["pull", "pull,push", "push"])))
def test_08_scopes_of_one_repository_are_one_entry_with_the_union(house: House, scopes: tuple[str, ...]) -> None:
    query = [("scope", f"repository:alice/x:{actions}") for actions in scopes]
    assert house.access(house.get(query, [AS_ALICE])) == (Access("repository", "alice/x", ("pull", "push")),)


@pytest.mark.parametrize("query", ["scope=", "scope=&scope=", "", "scope", "scope=+", "scope=%20%20"])
def test_09_an_empty_scope_is_none(house: House, query: str) -> None:
    answer = house.get(query, [AS_ALICE])
    assert (answer.status, house.granted(answer)) == (200, [])


@pytest.mark.parametrize(
    "scope", ["repository:alice/x:", "repository:alice/x", "repository:alice/x:,", "repository:"]
)
def test_10_a_scope_without_actions_gives_nothing_and_spoils_nothing(house: House, scope: str) -> None:
    answer = house.get([("scope", scope), ("scope", "repository:alice/y:pull")], [AS_ALICE])
    assert house.granted(answer) == ["repository:alice/y:pull"]


@pytest.mark.parametrize(
    ("name", "secret", "granted"),
    [
        ("alice", ALICE, ["repository:team/app:pull,push"]),
        ("bob", BOB, ["repository:team/app:pull"]),
        ("ci", CI, ["repository:team/app:pull,push"]),
    ],
)
def test_11_a_star_is_all_that_the_asker_may_do_in_words(
    house: House, name: str, secret: str, granted: list[str]
) -> None:
    assert house.granted(house.get("scope=repository:team/app:*", [basic(name, secret)])) == granted
    assert house.granted(house.get("scope=repository:secret/app:*", [basic(name, secret)])) == []


def test_11_a_star_is_delete_too_for_the_owner(house: House) -> None:
    answer = house.get("scope=repository:alice/x:*", [AS_ALICE])
    assert house.granted(answer) == ["repository:alice/x:delete,pull,push"]


@pytest.mark.parametrize("scope", ["repository:team/app:push,pull,delete", "repository:team/app:pull,fly"])
def test_12_a_subset_of_what_was_asked_is_a_200(house: House, scope: str) -> None:
    assert house.granted(house.get([("scope", scope)], [AS_BOB])) == ["repository:team/app:pull"]


@pytest.mark.parametrize(
    ("scope", "who", "granted"),
    [
        ("registry:catalog:*", AS_ALICE, ["registry:catalog:*"]),
        ("registry:catalog:*", AS_BOB, []),
        ("registry:catalog:search", AS_ALICE, ["registry:catalog:search"]),
        ("registry:catalog:search", AS_BOB, []),
        ("registry:metrics:*", AS_BOB, ["registry:metrics:read"]),
    ],
)
def test_13_the_catalogue_is_for_administrators(
    house: House, scope: str, who: tuple[str, str], granted: list[str]
) -> None:
    assert house.granted(house.get([("scope", scope)], [who])) == granted


def test_13_the_catalogue_is_not_for_nobody(house: House) -> None:
    assert house.granted(house.get("scope=registry:catalog:*")) == []


def test_14_a_class_is_kept_and_an_unknown_type_gives_nothing(house: House) -> None:
    scopes = "repository(plugin):alice/x:pull,push starship:alice/y:pull repository:alice/z:pull"
    assert house.access(house.get([("scope", scopes)], [AS_ALICE])) == (
        Access("repository", "alice/x", ("pull", "push"), "plugin"),
        Access("repository", "alice/z", ("pull",)),
    )


def test_15_a_name_may_hold_a_port(house: House) -> None:
    answer = house.get("scope=repository:localhost:5000/x:pull,push", [AS_BOB])
    assert house.granted(answer) == ["repository:localhost:5000/x:pull"]


@pytest.mark.parametrize(
    "scope",
    [
        "repository:alice/x:pull,push",
        "repository%3Aalice%2Fx%3Apull%2Cpush",
        "repository%3aalice%2fx%3apull%2cpush",
        "repository%3Aalice/x%3Apull,push",
        "%72epository:alice/x:p%75ll,push",
    ],
)
def test_16_any_encoding_of_a_scope_is_read_alike(house: House, scope: str) -> None:
    assert house.granted(house.get(f"scope={scope}", [AS_ALICE])) == ["repository:alice/x:pull,push"]


@pytest.mark.parametrize("query", ["", "service=", "service"])
def test_17_one_registry_is_the_default(house: House, query: str) -> None:
    assert house.get(query, [AS_ALICE]).status == 200


def test_17_of_two_registries_none_is_the_default(tmp_path: Path) -> None:
    house = House(tmp_path, [{"name": REGISTRY}, {"name": "other.example.com"}])
    for query in ("", "service="):
        assert "service is needed" in refused(house.get(query, [AS_ALICE]), 400)
    token = house.get("service=other.example.com", [AS_ALICE]).json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == "other.example.com"


@pytest.mark.parametrize(
    "service",
    [
        "unknown",
        REGISTRY.upper(),
        REGISTRY.capitalize(),
        REGISTRY + ".",
        REGISTRY + " ",
        " " + REGISTRY,
        REGISTRY + "/",
        REGISTRY + ":443",
        REGISTRY[:-1],
        REGISTRY + "\u200b",
        REGISTRY.replace("r", "\uff52", 1),
        "https://" + REGISTRY,
        f"{REGISTRY},{REGISTRY}",
        "*",
    ],
)
def test_17_anything_but_the_very_name_of_a_registry_is_400(house: House, service: str) -> None:
    for answer in (
        house.get([("service", service), ("scope", "repository:public/x:pull")], [AS_ALICE]),
        house.post([("service", service), *[pair for pair in form() if pair[0] != "service"]]),
    ):
        assert "not a registry" in refused(answer, 400)


@pytest.mark.parametrize("joined", [False, True])
def test_18_a_mirrors_three_hundred_scopes_fit_into_one_request(house: House, joined: bool) -> None:
    scopes = [f"repository:team/base-images/name-{number:03}:pull" for number in range(300)]
    pairs = [("scope", " ".join(scopes))] if joined else [("scope", scope) for scope in scopes]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    assert 14_000 < len(query) <= MAX_QUERY_BYTES
    answer = house.get(query, [AS_ALICE])
    assert house.granted(answer) == sorted(scopes)
    assert len(answer.body) <= MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    ("who", "subject"),
    [
        (basic("ålice", f"pä:ss:{MARK}€"), "ålice"),
        (basic("alice", ALICE), "alice"),
        (basic("alice", ALICE, "latin-1"), "alice"),
        (("authorization", "Basic Og=="), ""),
    ],
    ids=["UTF-8 and colons", "plain", "Latin-1", "neither name nor password"],
)
def test_19_basic_in_any_form_that_clients_send(house: House, who: tuple[str, str], subject: str) -> None:
    assert house.verified(house.get("", [who])).subject == subject


@pytest.mark.parametrize(
    "who",
    [
        basic("alice", ""),
        basic("", "some-token"),
        basic("alice", "x" * 3000),
        basic("x" * 3000, "x"),
        basic("alice", "a:b:c"),
        basic("alice", "a\0b"),
        basic("\x1b[31m", "\r\n"),
        ("authorization", "Basic !!!"),
        ("authorization", "Basic YWxpY2U"),
        ("authorization", "Basic"),
        ("authorization", ""),
        ("authorization", b"Basic \xff\xfe"),
    ],
)
def test_19_basic_that_proves_nothing_is_401(house: House, who: tuple[str, str | bytes]) -> None:
    refused(house.get("scope=repository:public/x:pull", [who]), 401, "invalid_grant", "UNAUTHORIZED")


@pytest.mark.parametrize("scheme", ["Bearer", "Negotiate", "Digest", "bearer"])
def test_20_another_scheme_is_401_and_not_anonymous(house: House, scheme: str) -> None:
    for answer in (
        house.get("scope=repository:public/x:pull", [("authorization", f"{scheme} {MARK}")]),
        house.post(form(), [("authorization", f"{scheme} {MARK}")]),
    ):
        refused(answer, 401, "invalid_grant", "UNAUTHORIZED")


# --- POST ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-URLencoded ; charset=utf-8",
    ],
)
def test_21_containerds_mount_asks_for_three_scopes_at_once(house: House, path: str, kind: str) -> None:
    scopes = "repository:alice/a:pull,push repository:team/b:pull repository:secret/c:pull"
    body = "&".join(f"{name}={quote(value)}" for name, value in form("alice", ALICE, ("scope", scopes))).encode()
    answer = house.ask("POST", path, body=body, headers=[("content-type", kind)])
    said = answer.json()
    assert said.keys() == {"token", "access_token", "token_type", "expires_in", "issued_at", "scope"}
    assert said["access_token"] == said["token"]
    assert said["scope"] == " ".join(house.granted(answer)) == " ".join(BOTH)


@pytest.mark.parametrize("more", [[], [("scope", "")], [("scope", ""), ("scope", "")]])
@pytest.mark.parametrize("service", [REGISTRY, "", None])
def test_22_helms_login_without_scope_or_service(
    house: House, more: list[tuple[str, str]], service: str | None
) -> None:
    pairs = [pair for pair in form("alice", ALICE, *more) if pair[0] != "service"]
    answer = house.post(pairs if service is None else [*pairs, ("service", service)])
    assert (house.verified(answer).subject, answer.json()["scope"]) == ("alice", "")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", ALICE), ("gone", GONE), ("alice", "")])
def test_23_a_bad_password_in_a_form_is_401_too(house: House, path: str, name: str, password: str) -> None:
    answer = house.post(form(name, password), path=path)
    assert refused(answer, 401, "invalid_grant", "UNAUTHORIZED") == "wrong user name or password"


def test_24_nobody_is_given_a_refresh_token_unasked(house: House) -> None:
    for more in ([], [("access_type", "online")]):
        assert "refresh_token" not in house.post(form("alice", ALICE, *more)).json()
    assert "refresh_token" not in house.get(f"service={REGISTRY}", [AS_ALICE]).json()


@pytest.mark.parametrize("kind", ["", "magic", "client_credentials", "PASSWORD", "password ", "authorization_code"])
def test_30_an_unknown_grant_type_is_400(house: House, kind: str) -> None:
    answer = house.post([("grant_type", kind), *form()[1:]])
    code = "unsupported_grant_type" if kind else "invalid_request"
    refused(answer, 400, code, "UNSUPPORTED")


def test_30_no_grant_type_is_400(house: House) -> None:
    assert refused(house.post(form()[1:]), 400) == "grant_type is missing"
    assert refused(house.post(""), 400) == "grant_type is missing"


@pytest.mark.parametrize("missing", [{"username", "password"}, {"username"}])
def test_30_a_password_grant_without_a_name_gets_nothing(house: House, missing: set[str]) -> None:
    answer = house.post([pair for pair in form() if pair[0] not in missing])
    assert answer.status == (400 if len(missing) == 2 else 401)


@pytest.mark.parametrize(
    "headers",
    [
        [("content-type", "application/json")],
        [("content-type", "multipart/form-data; boundary=x")],
        [("content-type", "text/plain")],
        [("content-type", "")],
        [],
        [("content-type", "application/x-www-form-urlencoded")] * 2,
        [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", "gzip")],
        [("content-type", "application/x-www-form-urlencoded-not")],
    ],
)
def test_30_a_body_that_is_no_form_is_415(house: House, headers: list[tuple[str, str]]) -> None:
    answer = house.ask("POST", body=b'{"grant_type":"password"}', headers=headers)
    refused(answer, 415)


def test_30_a_client_id_is_not_needed(house: House) -> None:
    assert house.post([pair for pair in form() if pair[0] != "client_id"]).status == 200


# --- answers ---------------------------------------------------------------------------------------------------

GO_RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
"""What Go's time.Time takes from JSON: its RFC3339 layout, zone and all."""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_32_a_go_decoder_reads_every_field(house: House, method: str) -> None:
    """`int` takes no 300.0 and no "300", and `time.Time` takes no missing zone."""
    scope = ("scope", "repository:alice/x:pull")
    answer = house.get([scope], [AS_ALICE]) if method == "GET" else house.post(form("alice", ALICE, scope))
    text = answer.body.decode("ascii")
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-length") == str(len(answer.body))
    assert re.search(r'"expires_in":300[,}]', text)
    assert re.search(rf'"issued_at":"{GO_RFC_3339}"', text)
    assert re.search(r'"token_type":"Bearer"', text)
    if method == "POST":
        assert '"scope":"repository:alice/x:pull"' in text
    else:
        assert "scope" not in answer.json()


def test_32_issued_at_may_be_left_out(tmp_path: Path) -> None:
    house = House(tmp_path, token={"issued_at": False})
    assert "issued_at" not in house.get("", [AS_ALICE]).json()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_33_the_largest_answer_is_within_what_clients_read(house: House, method: str) -> None:
    """go-containerregistry reads 64 KiB. A token that does not fit twice is sent once, under the name that counts."""
    statuses, names = set(), set()
    for number, padding in ((10, 0), (100, 0), (300, 0), (390, 0), (390, 40)):
        long = f"team/a-rather-long-name{'-for-an-image' if method == 'POST' else ''}{'x' * padding}"
        scopes = [("scope", f"repository:{long}/{n:04}:pull,push") for n in range(number)]
        answer = house.post(form("alice", ALICE, *scopes)) if method == "POST" else house.get(scopes, [AS_ALICE])
        statuses.add(answer.status)
        assert len(answer.body) <= MAX_ANSWER_BYTES
        if answer.status == 200:
            assert len(house.granted(answer)) == number
            names.add(tuple(sorted(answer.json().keys() & {"token", "access_token"})))
        else:
            refused(answer, 400 if method == "POST" else 414)
    assert statuses == {200, 400 if method == "POST" else 414}
    assert names == {("access_token", "token"), ("token",) if method == "GET" else ("access_token",)}


def test_18_three_hundred_scopes_of_57_bytes_are_granted(house: House) -> None:
    """What a mirror sends: every reserved character encoded (a query of 17 kB)."""
    scopes = [f"repository:team/base-image-numbered-{number:03}:pull" for number in range(300)]
    query = "&".join(f"scope={quote(scope, safe='')}" for scope in scopes)
    assert len(query) + 1 >= 300 * 57
    assert len(house.granted(house.get(query, [AS_ALICE]))) == 300


def test_33_more_resources_than_configured_are_400(tmp_path: Path) -> None:
    house = House(tmp_path, limits={"max_resources": 3})
    three = [("scope", f"repository:public/{number}:pull") for number in range(3)]
    assert len(house.granted(house.get([*three, *three]))) == 3
    answer = house.get([*three, ("scope", "repository:public/3:pull")])
    assert "more than 3 resources" in refused(answer, 400)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_34_other_methods_are_405_and_say_which_are_allowed(house: House, path: str, method: str) -> None:
    answer = house.ask(method, path, headers=[AS_ALICE])
    assert answer.status == 405
    assert answer.header("allow") == "GET, POST"
    assert answer.header("cache-control") == "no-store"
    if method == "HEAD":
        assert answer.body == b""
    else:
        refused(answer, 405)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_34_both_paths_answer_alike_and_nothing_is_redirected(house: House, method: str) -> None:
    answers = [
        house.get(DOCKER_LOGIN, [AS_ALICE], path=path) if method == "GET" else house.post(form(), path=path)
        for path in PATHS
    ]
    assert [answer.status for answer in answers] == [200, 200]
    assert len({tuple(answer.headers) for answer in answers}) == 1


def test_34_whatever_fails_inside_is_a_500_that_clients_can_show(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No input is known that does this, so a part is broken: the last resort must hold for what nobody foresaw."""

    def broken(*_args: object) -> bool:
        raise RuntimeError(MARK)

    monkeypatch.setattr("token_service.authn.hashing.matches", broken)
    for answer in (own_house.get("", [AS_ALICE]), own_house.post(form())):
        assert refused(answer, 500, "server_error", "UNKNOWN") == "the service failed; its log says why"


def test_35_more_logins_than_fit_are_429_with_retry_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, limits={"password_workers": 1, "password_queue": 0})
    spy = spy_on(monkeypatch)

    async def scene() -> tuple[Answer, Answer]:
        with spy.held():
            first = asyncio.ensure_future(call(house.app, "GET", "/token", headers=[AS_ALICE]))
            await settle()
            second = await call(house.app, "GET", "/token", headers=[AS_BOB])
        return await first, second

    served, turned_away = asyncio.run(scene())
    assert served.status == 200
    refused(turned_away, 429, "temporarily_unavailable", "TOOMANYREQUESTS")
    assert turned_away.header("retry-after") == "1"
    assert turned_away.header("www-authenticate") is None


def test_35_where_no_key_may_sign_the_answer_is_503_and_not_401(own_house: House) -> None:
    own_house.now = NOW + 366 * 86_400
    for answer in (own_house.get("", [AS_ALICE]), own_house.post(form()), own_house.get("")):
        refused(answer, 503, "temporarily_unavailable", "UNAVAILABLE")
        assert answer.header("retry-after") == "5"


@pytest.mark.parametrize("clock", [-9, -5, 0, 5])
def test_36_a_registry_whose_clock_is_behind_accepts_a_fresh_token(house: House, clock: int) -> None:
    """Without any leeway: zot has none."""
    claims = jwt.decode(house.get("", [AS_ALICE]).json()["token"], options={"verify_signature": False})
    assert claims["nbf"] <= NOW + clock < claims["exp"]
    assert claims["iat"] <= NOW + clock
    assert claims["exp"] - claims["iat"] >= 60


@pytest.mark.parametrize("lifetime", [0, 59, -1])
def test_36_a_lifetime_below_sixty_seconds_is_refused_at_start(tmp_path: Path, lifetime: int) -> None:
    with pytest.raises(LoadError, match=r"token\.lifetime"):
        House(tmp_path, token={"lifetime": lifetime})


def test_36_a_rule_may_set_another_lifetime(house: House) -> None:
    answer = house.get("scope=repository:team/app:pull", [basic("ci", CI)])
    assert answer.json()["expires_in"] == 600
    assert house.verified(answer).expires_at == NOW + 600
