"""The token endpoint against requests that no honest client sends, and what an attacker could learn from answers.

Ids such as S3 are those of the security checklist in `docs/security.md`.
"""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.authn.spying import spy_on
from tests.server.asking import AS_ALICE, AS_BOB, FORM, PATHS, form, refused
from tests.server.house import ALICE, GONE, ISSUER, MARK, REGISTRY, Answer, House, basic
from token_service.server.token import MAX_FORM_BYTES, MAX_QUERY_BYTES

Ask = Callable[[House], Answer]

# --- nothing is guessed (S2, S3) -------------------------------------------------------------------------------

SINGLE = ("service", "account", "grant_type", "username", "password", "client_id", "refresh_token", "offline_token")


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("path", PATHS)
def test_a_repeated_parameter_is_400_in_query_form_or_both(house: House, name: str, path: str) -> None:
    twice = f"{name}=a&{name}=a"
    body = "&".join(f"{key}={quote(value)}" for key, value in form() if key != name)
    for answer in (
        house.get(twice, [AS_ALICE], path=path),
        house.post(f"{body}&{twice}", path=path),
        house.post(f"{body}&{name}=a", path=path, query=f"{name}=a".encode()),
        house.post(f"{body}&{name}=a", path=path, query=f"{name}=".encode()),
    ):
        assert refused(answer, 400) == "a parameter is repeated"


def test_a_scope_may_stand_in_the_query_of_a_post_as_well(house: House) -> None:
    answer = house.post(
        form("alice", ALICE, ("scope", "repository:alice/a:pull")), query=b"scope=repository:alice/b:pull"
    )
    assert house.granted(answer) == ["repository:alice/a:pull", "repository:alice/b:pull"]


@pytest.mark.parametrize(
    "headers",
    [
        [AS_ALICE, AS_ALICE],
        [AS_ALICE, AS_BOB],
        [AS_ALICE, ("authorization", f"Bearer {MARK}")],
        [AS_ALICE, ("authorization", "")],
    ],
    ids=["same", "differing", "Basic and Bearer", "Basic and empty"],
)
def test_two_authorization_headers_are_400(house: House, headers: list[tuple[str, str]]) -> None:
    refused(house.get("", headers), 400)
    refused(house.post(form(), headers), 400)


@pytest.mark.parametrize("who", [AS_BOB, basic("alice", "wrong"), basic("", ALICE), basic("alice", "")])
def test_a_form_and_a_header_that_differ_are_400(house: House, who: tuple[str, str]) -> None:
    assert "different credentials" in refused(house.post(form(), [who]), 400)


def test_a_form_and_a_header_that_say_the_same_are_one(house: House) -> None:
    assert house.verified(house.post(form(), [AS_ALICE])).subject == "alice"


def test_basic_does_not_fill_in_for_an_empty_form(house: House) -> None:
    no_one = [pair for pair in form() if pair[0] not in ("username", "password")]
    refused(house.post(no_one, [AS_ALICE]), 400)


MALFORMED = {
    "bad UTF-8": "x=%ff",
    "an overlong slash": "scope=repository:a%c0%afb:pull",
    "a surrogate": "service=%ed%a0%80",
    "half an escape": "scope=%4",
    "no hexadecimal": "scope=%zz",
    "NUL": "service=a%00b",
    "a line end": "scope=repository:a%0d%0aX:pull",
    "a tab": "account=a%09b",
    "DEL": "client_id=%7f",
    "a terminal sequence": "client_id=%1b[2J",
    "1001 parameters": "&".join(["scope=x"] * 1001),
}


@pytest.mark.parametrize("query", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("path", PATHS)
def test_what_is_malformed_is_400_in_query_and_form(house: House, query: str, path: str) -> None:
    rest = "&".join(f"{key}={quote(value)}" for key, value in form() if f"{key}=" not in query)
    refused(house.get(query, [AS_ALICE], path=path), 400)
    refused(house.post(f"{rest}&{query}", path=path), 400)
    refused(house.post(rest, path=path, query=query.encode()), 400)


@given(query=st.binary(max_size=80), body=st.binary(max_size=80), header=st.none() | st.binary(max_size=40))
def test_no_bytes_whatever_are_a_5xx(house: House, query: bytes, body: bytes, header: bytes | None) -> None:
    headers = [] if header is None else [("authorization", header)]
    for answer in (
        house.ask("GET", query=query, headers=headers),
        house.ask("POST", query=query, headers=[FORM, *headers], body=body),
        house.ask("POST", headers=[FORM, *headers], body=b"grant_type=password&" + body),
    ):
        if answer.status == 200:
            assert house.granted(answer) == []
        else:
            assert answer.status in (400, 401)
            refused(answer, answer.status, answer.json()["error"], answer.json()["errors"][0]["code"])


# --- what is asked never widens what is granted ----------------------------------------------------------------

WORDS = ["repository", "registry", "catalog", "metrics", "pull", "push", "delete", "alice", "bob", "team", "public"]
PARTS = [*WORDS, *":::,,//().-_%*", "**", "..", "frozen", "localhost:5000", "{principal}", "A", "\u212a"]


def test_five_hundred_random_scopes_get_over_http_what_the_policy_says_and_never_a_5xx(house: House) -> None:
    """The volume (a hundred thousand) is in tests/grants/test_handler.py; this is the same over both verbs."""
    chance = random.Random(20270115)
    allowed = {"repository": ("bob/", "team/", "public/", "localhost:5000/"), "registry": ("metrics",)}
    for _ in range(50):
        scopes = ["".join(chance.choices(PARTS, k=chance.randint(1, 8))) for _ in range(10)]
        scopes += [f"repository:{chance.choice(['bob', 'team', 'secret'])}/x:{chance.choice(['pull', 'push', '*'])}"]
        pairs = [("scope", scope) for scope in scopes]
        by_get, by_post = house.get(pairs, [AS_BOB]), house.post(form("bob", f"{MARK}-bob", *pairs))
        granted = house.access(by_get)
        assert house.access(by_post) == granted
        for entry in granted:
            assert entry.name.startswith(allowed[entry.type])
            assert set(entry.actions) <= (
                {"pull", "push", "delete"} if entry.name.startswith("bob/") else {"pull", "read"}
            )


# --- what answers tell (S4, S5, S10) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask", [lambda h, who: h.get("", [basic(*who)]), lambda h, who: h.post(form(*who))], ids=["GET", "POST"]
)
def test_unknown_wrong_and_disabled_are_the_same_bytes_and_cost_the_same(
    own_house: House, monkeypatch: pytest.MonkeyPatch, ask: Callable[[House, tuple[str, str]], Answer]
) -> None:
    """R9. The cost is counted, not timed: each costs one comparison, at every attempt."""
    spy = spy_on(monkeypatch)
    whose = [
        ("alice", "wrong"), ("nobody", "wrong"), ("gone", "wrong"), ("gone", GONE), ("ALICE", ALICE), ("alice", ""),
        ("alice", "p" * 73), ("nobody", "p" * 5000), ("alice\0", ALICE),
    ]  # fmt: skip
    answers = []
    for attempt in range(2):
        for number, who in enumerate(whose):
            answers.append(ask(own_house, who))
            assert spy.count == attempt * len(whose) + number + 1
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(answer.headers) for answer in answers}) == 1


EVERY_KIND_OF_ANSWER: list[tuple[str, Ask]] = [
    ("200 GET", lambda h: h.get("", [AS_ALICE])),
    ("200 POST", lambda h: h.post(form())),
    ("200 anonymous", lambda h: h.get("")),
    ("400", lambda h: h.get("x=1&x=1")),
    ("400 service", lambda h: h.get("service=x")),
    ("400 grant type", lambda h: h.post("grant_type=x")),
    ("401 GET", lambda h: h.get("", [basic("alice", "wrong")])),
    ("401 POST", lambda h: h.post(form("alice", "wrong"))),
    ("404", lambda h: h.ask("GET", "/nothing")),
    ("405", lambda h: h.ask("PUT")),
    ("405 HEAD", lambda h: h.ask("HEAD")),
    ("405 JWKS", lambda h: h.ask("POST", "/.well-known/jwks.json")),
    ("413", lambda h: h.ask("POST", headers=[FORM], body=b"x" * (MAX_FORM_BYTES + 1))),
    ("414", lambda h: h.ask("GET", query=b"x" * (MAX_QUERY_BYTES + 1))),
    ("415", lambda h: h.ask("POST", body=b"{}")),
    ("healthz", lambda h: h.ask("GET", "/healthz")),
    ("readyz", lambda h: h.ask("GET", "/readyz")),
]


@pytest.mark.parametrize(
    "ask", [row[1] for row in EVERY_KIND_OF_ANSWER], ids=[row[0] for row in EVERY_KIND_OF_ANSWER]
)
def test_no_answer_is_stored_by_anyone(house: House, ask: Ask) -> None:
    answer = ask(house)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("server") is None
    assert answer.header("access-control-allow-origin") is None


HOSTILE: list[tuple[str, list[tuple[str, str]]]] = [
    ("another host", [("host", "evil.example.net")]),
    ("a host with a path", [("host", "evil.example.net/x?y#z")]),
    ("an empty host", [("host", "")]),
    ("a forwarded host", [("x-forwarded-host", "evil.example.net"), ("x-forwarded-proto", "http")]),
    ("a forwarded prefix", [("x-forwarded-prefix", "/evil"), ("x-forwarded-port", "1")]),
    ("a forwarded address", [("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "127.0.0.1")]),
    ("RFC 7239", [("forwarded", "for=127.0.0.1;host=evil.example.net;proto=http")]),
    ("a rewritten URL", [("x-original-url", "/healthz"), ("x-rewrite-url", "/healthz")]),
    ("another method", [("x-http-method-override", "PUT")]),
    ("an origin", [("origin", "https://evil.example.net"), ("referer", "https://evil.example.net")]),
]
LOOKED_AT: list[Callable[[House, list[tuple[str, str]]], Answer]] = [
    lambda h, more: h.get("scope=repository:inside/x:pull", [basic("alice", "wrong"), *more]),
    lambda h, more: h.get("service=x", [AS_ALICE, *more]),
    lambda h, more: h.post(form("alice", "wrong"), more),
    lambda h, more: h.ask("GET", "/.well-known/oauth-authorization-server", headers=more),
    lambda h, more: h.ask("GET", "/.well-known/jwks.json", headers=more),
    lambda h, more: h.ask("GET", "/nothing", headers=more),
    lambda h, more: h.ask("GET", "/token/x", headers=more),
    lambda h, more: h.ask("GET", "/healthz/", headers=more),
    lambda h, more: h.ask("PUT", headers=more),
]


@pytest.mark.parametrize("hostile", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_host_and_forwarded_headers_change_no_byte_of_any_answer(
    house: House, hostile: list[tuple[str, str]]
) -> None:
    """S64: the issuer and every link come from the configuration."""
    for ask in LOOKED_AT:
        assert ask(house, hostile) == ask(house, [])
    token = house.get("scope=repository:inside/x:pull", [AS_ALICE, *hostile])
    assert house.granted(token) == []
    assert (
        json.loads(house.ask("GET", "/.well-known/oauth-authorization-server", headers=hostile).body)["issuer"]
        == ISSUER
    )


def test_an_address_is_believed_from_a_trusted_proxy_only(tmp_path: Path) -> None:
    house = House(tmp_path, trusted_proxies=["192.0.2.0/24"])
    scope = "scope=repository:inside/x:pull"
    for peer, forwarded, granted in (
        ("192.0.2.1", "10.1.1.1", True),
        ("192.0.2.1", "198.51.100.1, 10.1.1.1", True),
        ("192.0.2.1", "10.1.1.1, 198.51.100.1", False),
        ("192.0.2.1", "garbage", False),
        ("198.51.100.1", "10.1.1.1", False),
        ("10.1.1.1", "198.51.100.1", True),
        ("::ffff:10.1.1.1", "198.51.100.1", True),
    ):
        answer = house.get(scope, [("x-forwarded-for", forwarded)], client=(peer, 1))
        assert bool(house.granted(answer)) is granted, (peer, forwarded)
    assert house.granted(house.get(scope, client=None)) == []


# --- secrets (S72, R24) ----------------------------------------------------------------------------------------


def test_no_password_or_token_is_in_logs_audit_or_errors(
    own_house: House,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Marked secrets in every place where a client can put one. What is logged when something breaks is tried with
    the log as it is configured for a running service, in tests/cli/test_serve.py."""
    caplog.set_level("DEBUG")
    secrets = [f"{MARK}-{word}" for word in ("query", "form", "header", "name", "scope")]
    tokens = [own_house.get("", [AS_ALICE]).json()["token"], own_house.post(form()).json()["token"]]
    asks: list[Ask] = [
        lambda h: h.get(f"password={MARK}&access_token={MARK}", [basic("alice", f"{MARK}-wrong")]),
        lambda h: h.get(f"service={MARK}", [AS_ALICE]),
        lambda h: h.get("", [("authorization", f"Bearer {tokens[0]}")]),
        lambda h: h.get("", [("authorization", f"Basic {MARK}")]),
        lambda h: h.post([*form("alice", f"{MARK}-wrong"), ("refresh_token", MARK), ("client_secret", MARK)]),
        lambda h: h.post([("grant_type", MARK), *form()[1:]]),
        lambda h: h.post(form("alice", f"{MARK}\0")),
        lambda h: h.ask(
            "POST", headers=[("content-type", "application/json")], body=json.dumps({"password": MARK}).encode()
        ),
        lambda h: h.ask("GET", f"/{MARK}"),
        lambda h: h.ask("PUT", headers=[AS_ALICE], body=MARK.encode()),
    ]
    for ask in asks:
        assert MARK not in repr(ask(own_house))
    written = capfd.readouterr()
    everything = "\n".join(
        [
            caplog.text,
            written.out,
            written.err,
            (own_house.folder / "audit.log").read_text(),
            repr(own_house.settings),
        ]
    )
    for secret in (MARK, *secrets, *(part for token in tokens for part in token.split("."))):
        assert secret not in everything


# --- audit (R23) -----------------------------------------------------------------------------------------------


def test_every_decision_is_one_line_of_the_audit_log(own_house: House) -> None:
    own_house.get([("scope", "repository:alice/x:pull,push repository:secret/y:pull")], [AS_ALICE])
    own_house.post(form("alice", "wrong"))
    own_house.get("service=unknown", [AS_BOB])
    own_house.get("")
    first, second, third, fourth = own_house.audit_lines
    assert first == {
        "event": "token",
        "outcome": "issued",
        "time": own_house.now,
        "subject": "alice",
        "kind": "user",
        "groups": ["developers"],
        "labels": {},
        "service": REGISTRY,
        "requested": ["repository:alice/x:pull,push", "repository:secret/y:pull"],
        "granted": ["repository:alice/x:pull,push"],
        "rules": ["own"],
        "audit_rules": [],
        "token_id": first["token_id"],
        "lifetime": 300,
        "client_id": "",
        "source_ip": "192.0.2.1",
    }
    assert (second["outcome"], second["subject"], second["error"], second["client_id"]) == (
        "refused", "alice", "invalid_grant", "containerd-client"
    )  # fmt: skip
    assert (third["outcome"], third["subject"], third["status"]) == ("refused", "bob", 400)
    assert (fourth["subject"], fourth["kind"]) == ("", "anonymous")
    assert len({line.get("token_id") for line in (first, fourth)}) == 2


@pytest.mark.parametrize("name", ["a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "x" * 200, "\0"])
def test_a_name_that_is_no_login_name_is_not_logged(own_house: House, name: str) -> None:
    own_house.get("", [basic(name, "x")])
    (line,) = own_house.audit_lines
    assert line["subject"] == ""
    assert (own_house.folder / "audit.log").read_bytes().isascii()


@pytest.mark.parametrize("client_id", ["é", "x" * 129, "\u202e"])
def test_a_client_id_that_is_not_printable_ascii_is_not_logged(own_house: House, client_id: str) -> None:
    own_house.get([("client_id", client_id)])
    assert own_house.audit_lines[0]["client_id"] == ""


# --- limits ----------------------------------------------------------------------------------------------------


def test_a_query_of_32_kib_is_read_and_a_longer_one_is_414(house: House) -> None:
    padding = MAX_QUERY_BYTES - len("x=")
    assert house.get(f"x={'y' * padding}").status == 200
    refused(house.get(f"x={'y' * (padding + 1)}"), 414)
    refused(house.post(form(), query=b"y" * (MAX_QUERY_BYTES + 1)), 414)


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_form_of_64_kib_is_read_and_a_longer_one_is_413(house: House, pieces: int) -> None:
    whole = "&".join(f"{name}={quote(value)}" for name, value in form()).encode() + b"&x="
    for surplus, status in ((0, 200), (1, 413)):
        body = whole + b"y" * (MAX_FORM_BYTES - len(whole) + surplus)
        size = -(-len(body) // pieces)
        cut = [body[start : start + size] for start in range(0, len(body), size)]
        assert len(cut) == pieces
        assert house.ask("POST", body=cut, headers=[FORM]).status == status


def test_a_form_in_pieces_is_one_form(house: House) -> None:
    body = "&".join(f"{name}={quote(value)}" for name, value in form()).encode()
    assert house.ask("POST", body=[body[n : n + 1] for n in range(len(body))], headers=[FORM]).status == 200


def test_a_client_that_leaves_before_its_form_is_whole_is_not_answered(house: House) -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/token", "query_string": b"", "headers": headers}

    async def leave() -> None:
        await house.app(scope, receive, send)

    asyncio.run(leave())
    assert sent == []


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", [("authorization", "Bearer abc")], 401),
        ("service=a&service=b", [AS_ALICE], 400),
        ("scope=%ff", [AS_ALICE], 400),
        (f"scope={'x' * MAX_QUERY_BYTES}", [AS_ALICE], 414),
    ],
)
def test_a_request_too_malformed_to_be_handled_is_one_audit_line_too(
    own_house: House, query: str, headers: list[tuple[str, str]], status: int
) -> None:
    assert own_house.get(query, headers).status == status
    (line,) = own_house.audit_lines
    assert (line["outcome"], line["status"], line["subject"]) == ("refused", status, "")


def test_credentials_in_the_url_are_refused(house: House) -> None:
    body = "&".join(f"{key}={quote(value)}" for key, value in form() if key not in ("username", "password"))
    answer = house.post(body, query=b"username=alice&password=CANARY")
    assert refused(answer, 400) == "credentials belong into the form, not into the query"
    assert b"CANARY" not in answer.body
