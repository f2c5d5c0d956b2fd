"""Other people's vulnerabilities, each as the test that would have found it here.

Named after their ids, so that a search for one leads to its test. Every hostile token stands beside a good one that
differs in nothing else (`tests/token/forging.py`); the long table is `tests/token/test_forged_tokens.py`.
"""

import hashlib
import hmac
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from packaging.version import Version

from tests.token.forging import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    attacker,
    base64url,
    token,
    trusted,
    trusted_keys,
    verify,
    with_claims,
    with_header,
)
from token_service.access import Access, covers
from token_service.scope import parse_scope, parse_scopes
from token_service.token.verifier import InvalidToken, Verifier


def refused(forged: str) -> bool:
    """Whether a token is refused by a verifier that takes its good sibling."""
    assert verify(token()).subject == "alice"
    with pytest.raises(InvalidToken):
        verify(forged)
    return True


def foreign_jwk() -> dict[str, object]:
    public = attacker().private.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    return {**jwk, "kid": "es256"}


# Keys that a token brings along


def test_cve_2025_24976_distribution_trusted_a_jwk_for_its_kid_alone() -> None:
    """Also GHSA-phw4-mc57-4hwc: the header's `jwk` carried a trusted `kid` and the attacker's key."""
    assert refused(with_header(attacker(), jwk=foreign_jwk()))


def test_cve_2026_27962_authlib_trusted_a_jwk_in_the_header_where_no_key_was_given() -> None:
    assert refused(with_header(attacker(), jwk=foreign_jwk(), kid=...))
    nothing = Verifier(dict, ISSUER, AUDIENCE, lambda: NOW)
    with pytest.raises(InvalidToken, match="trusted keys"):
        nothing.verify(with_header(attacker(), jwk=foreign_jwk()))


def test_cve_2018_0114_cisco_node_jose_trusted_a_jwk_in_the_header() -> None:
    jwk = {name: value for name, value in foreign_jwk().items() if name != "kid"}
    assert refused(with_header(attacker(), jwk=jwk))


WITHOUT_SOCKETS_AND_FILES = """
import sys
from tests.token.forging import attacker, verify, token, with_header
from token_service.token.verifier import InvalidToken

tokens = [with_header(attacker(), **planted) for planted in (
    {"jku": "http://127.0.0.1:9/"}, {"x5u": "http://127.0.0.1:9/"}, {"jku": "file:///dev/null"}, {"kid": "/dev/null"},
)]
assert verify(token()).subject == "alice"

def no_way_out(event, arguments):
    if event.startswith(("socket.", "urllib.", "subprocess.", "os.")) or event == "open":
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(no_way_out)
for forged in tokens:
    try:
        verify(forged)
    except InvalidToken:
        print("refused")
"""


def test_pyjwt_2_13_and_others_fetched_keys_from_where_a_token_said() -> None:
    """CVE-2026-48522 to -48526: no look-up may leave the verifier's own dictionary."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS_AND_FILES], capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (["refused"] * 4, "", 0)


# Algorithms that a token chooses


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_cve_2026_28802_authlib_took_alg_none(alg: str) -> None:
    head = base64url(json.dumps({**trusted()["es256"].header, "alg": alg}).encode())
    body = token().split(".")[1]
    for forged in (f"{head}.{body}.", f"{head}.{body}.AA", with_header(alg=alg)):
        assert refused(forged)


def test_cve_2022_29217_pyjwt_took_a_public_key_for_an_hmac_secret() -> None:
    """The key spelled as `ssh-…` or `ecdsa-sha2-…` passed PyJWT's guard against that."""
    public = trusted()["es256"].private.public_key()
    openssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert refused(_hmac(openssh))


def test_cve_2024_33663_python_jose_took_public_keys_in_der_and_openssh_for_secrets() -> None:
    public = trusted()["es256"].private.public_key()
    for encoding in (serialization.Encoding.DER, serialization.Encoding.PEM):
        assert refused(_hmac(public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)))


def test_cve_2015_9235_jsonwebtoken_and_cve_2017_11424_pyjwt_took_rsa_keys_for_secrets() -> None:
    public = trusted()["rs256"].private.public_key()
    for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1):
        assert refused(_hmac(public.public_bytes(serialization.Encoding.PEM, form), kid="rs256"))


def _hmac(secret: bytes, kid: str = "es256") -> str:
    head = base64url(json.dumps({"typ": "JWT", "alg": "HS256", "kid": kid}).encode())
    text = f"{head}.{token().split('.')[1]}"
    return f"{text}.{base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def test_pyjwt_2_13_let_a_jwk_widen_the_allowed_algorithms() -> None:
    """One of CVE-2026-48522 to -48526."""
    assert refused(with_header(trusted()["rs256"], "PS256", alg="PS256"))
    assert refused(with_header(trusted()["rs256"], "RS512", alg="RS512"))


def test_cve_2026_49852_joserfc_took_an_empty_hmac_key() -> None:
    assert refused(_hmac(b""))


def test_cve_2022_21449_java_took_a_signature_of_noughts() -> None:
    head, body, _ = token().split(".")
    assert refused(f"{head}.{body}.{base64url(bytes(64))}")


# Headers that must be understood


def test_cve_2026_32597_pyjwt_ignored_crit() -> None:
    assert refused(with_header(crit=["urn:example:policy"], **{"urn:example:policy": "deny"}))


def test_cve_2025_59420_authlib_ignored_crit() -> None:
    assert refused(with_header(crit=["cnf"], cnf={"jkt": "AAAA"}))
    assert refused(with_header(crit=["alg"]))


def test_pyjwt_2_13_spent_itself_on_b64_false() -> None:
    """One of CVE-2026-48522 to -48526."""
    assert refused(with_header(b64=False, crit=["b64"]))


# Claims


@pytest.mark.parametrize("near", [ISSUER[:-1], ISSUER[:8], "https://", "t", ""])
def test_cve_2024_53861_pyjwt_took_a_part_of_the_issuer(near: str) -> None:
    assert refused(with_claims(iss=near))


@pytest.mark.parametrize("aud", [[AUDIENCE], [AUDIENCE, "other"], ..., None, "", AUDIENCE.upper()])
def test_cve_2024_5798_vault_and_cve_2023_22482_argo_cd_did_not_insist_on_the_audience(aud: object) -> None:
    assert refused(with_claims(aud=aud))


def test_cve_2026_49998_centrifugo_took_another_issuers_key_of_the_same_kid() -> None:
    """Keys are bound to one issuer here, so a good key under another issuer's name is no key."""
    other = Verifier(trusted_keys, "https://other.example.com", AUDIENCE, lambda: NOW)
    with pytest.raises(InvalidToken, match="iss"):
        other.verify(token())
    assert refused(with_claims(iss="https://other.example.com"))


@pytest.mark.parametrize("name", [name for name in CLAIMS if name != "access"])
def test_harbor_6313a55_panicked_for_a_missing_claim(name: str) -> None:
    assert refused(with_claims(**{name: ...}))


@pytest.mark.parametrize("value", [str(NOW + 300), float(NOW + 300), True, [NOW + 300], None])
def test_pyjwt_takes_numbers_in_other_types(value: object) -> None:
    """Not an advisory: PyJWT takes a text and a fraction for `exp` to this day."""
    assert refused(with_claims(exp=value))


# Size and depth


def test_cve_2025_27144_go_jose_and_cve_2025_66506_fulcio_split_tokens_without_end() -> None:
    assert refused("." * 10_000_000)
    assert refused(token() + "." * 10_000)


def test_cve_2025_65015_joserfc_put_a_large_token_into_its_error() -> None:
    for forged in ("A" * 200_000, with_header(x5c=["A" * 200_000]), with_claims(sub=["A" * 20_000])):
        with pytest.raises(InvalidToken) as raised:
            verify(forged)
        assert len(str(raised.value)) < 100


def test_ghsa_5jhw_7jv7_qcqq_joserfc_took_several_spellings_of_one_signature() -> None:
    head, body, tail = token().split(".")
    for spelling in (f"{tail}=", f"{tail}==", f"{tail}\n", tail[:-1] + chr(ord(tail[-1]) + 1)):
        assert refused(f"{head}.{body}.{spelling}")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_orjson_and_pyjwt_recursed_without_end(opening: str) -> None:
    """CVE-2025-67221 and the RecursionError that PyJWT 2.15 caught."""
    closing = {"[": "]", '{"a":': "1}"}[opening]
    deep = opening * 15_000 + closing[:-1] + closing[-1] * 15_000
    assert refused(token(payload=f'{{"iss":{deep}}}'.encode()))


# Scopes and access


def test_pulp_container_1286_checked_only_the_first_scope_of_a_mount() -> None:
    target, source = Access("repository", "a", ("pull", "push")), Access("repository", "b", ("pull",))
    granted = (target,)
    assert covers(granted, target)
    assert not covers(granted, source)
    assert len(parse_scopes(["repository:a:pull,push repository:b:pull"])) == 2


def test_docker_auth_reads_a_type_that_only_begins_like_one() -> None:
    for text in ("%%repository:a:pull", "repository%%:a:pull", "xrepository(:a:pull"):
        assert parse_scope(text) is None


def test_zot_7bb211bc_took_push_for_delete() -> None:
    granted = (Access("repository", "a", ("pull", "push")),)
    assert not covers(granted, Access("repository", "a", ("delete",)))


@pytest.mark.parametrize("name", ["a/../b", "a//b", "a%2fb", "a/./b", "..", "a\\b", "/a", "a/"])
def test_cve_2026_33494_oathkeeper_and_others_read_a_path_in_two_ways(name: str) -> None:
    assert parse_scope(f"repository:{name}:pull") is None


# Versions with known holes


@pytest.mark.parametrize(
    ("package", "floor", "because"),
    [
        ("pyjwt", "2.15.0", "CVE-2026-32597, CVE-2026-48522 to CVE-2026-48526"),
        ("authlib", "1.8", "CVE-2026-28802, CVE-2026-27962, CVE-2026-44681"),
        ("joserfc", "1.8.0", "CVE-2025-65015, CVE-2026-49852"),
        ("cryptography", "50.0.0", "CVE-2026-26007, CVE-2026-69247, CVE-2026-69248"),
        ("starlette", "1.9.0", "CVE-2026-48710, CVE-2025-62727"),
        ("httptools", "0.9.0", "requests with Content-Length and Transfer-Encoding"),
        ("orjson", "3.11.6", "CVE-2025-67221"),
    ],
)
def test_no_installed_version_has_a_known_hole(package: str, floor: str, because: str) -> None:
    assert Version(version(package)) >= Version(floor), because


@pytest.mark.parametrize("package", ["python-jose", "passlib", "python-multipart"])
def test_cve_2024_33664_python_jose_and_others_are_not_here(package: str) -> None:
    with pytest.raises(PackageNotFoundError):
        version(package)
