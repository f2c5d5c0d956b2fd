"""A table of forged and damaged tokens. Each is a good token with one thing changed, and is refused for that thing.

The sources of the ideas: RFC 8725 and its successor, RFC 7515 section 10, and the advisories in `test_advisories.py`.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.token.forging import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    attacker,
    base64url,
    sign_text,
    token,
    trusted,
    verify,
    with_claims,
    with_header,
)
from token_service.token.claims import VerifiedToken
from token_service.token.verifier import InvalidToken

Row = tuple[str, str]
"""A token, and a part of the reason for which it has to be refused."""

ES256, NEXT, ES384, RS256, EDDSA = (trusted()[kid] for kid in ("es256", "es256-next", "es384", "rs256", "eddsa"))
HEAD, BODY, TAIL = token().split(".")
ONES = base64url(b"\xff" * 64)
SIGNATURE = urlsafe_b64decode(TAIL + "==")
PUBLIC = ES256.private.public_key()
SPKI, PEM = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def unsigned(**members: object) -> str:
    """A header with these members over the good claims, and nothing where the signature should be."""
    return f"{base64url(json.dumps({**ES256.header, **members}).encode())}.{BODY}"


def by_hmac(algorithm: str, secret: bytes) -> str:
    """What a verifier takes that lets the token choose, and uses a public key as an HMAC secret."""
    text = unsigned(alg=algorithm)
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{text}.{base64url(hmac.new(secret, text.encode(), digest).digest())}"


def by_attacker(**members: object) -> str:
    """Signed well, by a key that the token brings along, under the name of a trusted one."""
    return with_header(attacker(), **members)


def attackers_jwk(**members: object) -> dict[str, object]:
    public = attacker().private.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    numbers = public.public_numbers()
    point = {"x": base64url(numbers.x.to_bytes(32, "big")), "y": base64url(numbers.y.to_bytes(32, "big"))}
    return {"kty": "EC", "crv": "P-256", **point, **members}


def other_spelling(segment: str) -> str:
    """The same bytes in base64url, with other values in the bits that do not count."""
    assert len(segment) % 4 in {2, 3}, "all bits count"
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


def loose(value: dict[str, object]) -> str:
    """A segment with bits that do not count: JSON may end in spaces."""
    raw = json.dumps(value).encode()
    while len(raw) % 3 == 0:
        raw += b" "
    return base64url(raw)


def spliced(value: dict[str, object], at_end: str) -> bytes:
    """JSON with something put before its last brace, since `json.dumps` makes no bad JSON."""
    return json.dumps(value)[:-1].encode() + at_end.encode() + b"}"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


ALGORITHM: dict[str, Row] = {
    "none, no signature": (unsigned(alg="none") + ".", "compact"),
    "none, the good signature": (f"{unsigned(alg='none')}.{TAIL}", "alg"),
    "none, any signature": (f"{unsigned(alg='none')}.AAAA", "alg"),
    "nOnE": (with_header(alg="nOnE"), "alg"),
    "NONE": (with_header(alg="NONE"), "alg"),
    "alg is empty": (with_header(alg=""), "alg"),
    "alg is missing": (with_header(alg=...), "alg"),
    "alg is null": (with_header(alg=None), "alg"),
    "alg is a list": (with_header(alg=["ES256"]), "alg"),
    "alg is an object": (with_header(alg={"ES256": True}), "alg"),
    "alg in small letters": (with_header(alg="es256"), "alg"),
    "alg with a space": (with_header(alg="ES256 "), "alg"),
    "HS256 with the PEM": (by_hmac("HS256", PUBLIC.public_bytes(PEM, SPKI)), "alg"),
    "HS256 with the PEM without its last line end": (by_hmac("HS256", PUBLIC.public_bytes(PEM, SPKI).strip()), "alg"),
    "HS256 with the DER": (by_hmac("HS256", PUBLIC.public_bytes(serialization.Encoding.DER, SPKI)), "alg"),
    "HS256 with the point": (
        by_hmac(
            "HS256",
            PUBLIC.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
        ),
        "alg",
    ),
    "HS256 with the JWK": (by_hmac("HS256", str(jwt.algorithms.ECAlgorithm.to_jwk(PUBLIC)).encode()), "alg"),  # type: ignore[arg-type]
    "HS256 with nothing": (by_hmac("HS256", b""), "alg"),
    "HS256 with the kid": (by_hmac("HS256", b"es256"), "alg"),
    "HS384 with the PEM": (by_hmac("HS384", PUBLIC.public_bytes(PEM, SPKI)), "alg"),
    "HS512 with the PEM": (by_hmac("HS512", PUBLIC.public_bytes(PEM, SPKI)), "alg"),
    "RS256 in the name of an EC key": (with_header(alg="RS256"), "alg"),
    "ES384 with a P-256 key": (with_header(ES256, "ES384", alg="ES384"), "alg"),
    "ES256K with a P-256 key": (with_header(alg="ES256K"), "alg"),
    "EdDSA in the name of an EC key": (with_header(alg="EdDSA"), "alg"),
    "ES256 with a P-384 key": (with_header(ES384, "ES256", alg="ES256"), "alg"),
    "PS256 with an RSA key": (with_header(RS256, "PS256", alg="PS256"), "alg"),
    "RS384 with an RSA key": (with_header(RS256, "RS384", alg="RS384"), "alg"),
    "RS512 with an RSA key": (with_header(RS256, "RS512", alg="RS512"), "alg"),
    "PSS under the name RS256": (with_header(RS256, "PS256"), "signature is wrong"),
    "RS512 under the name RS256": (with_header(RS256, "RS512"), "signature is wrong"),
    "SHA-384 under the name ES256": (with_header(ES256, "ES384"), "signature is wrong"),
    "Ed25519 by its new name": (with_header(EDDSA, alg="Ed25519"), "alg"),
    "Ed448": (with_header(EDDSA, alg="Ed448"), "alg"),
}

KEY: dict[str, Row] = {
    "signed by the attacker": (by_attacker(), "signature is wrong"),
    "the attacker's jwk under a good kid": (by_attacker(jwk=attackers_jwk(kid="es256")), "signature is wrong"),
    "the attacker's jwk alone": (by_attacker(kid=..., jwk=attackers_jwk()), "kid"),
    "the attacker's jwk with a kid inside": (by_attacker(kid=..., jwk=attackers_jwk(kid="es256")), "kid"),
    "jku": (by_attacker(jku="https://attacker.example/jwks.json"), "signature is wrong"),
    "jku alone": (by_attacker(kid=..., jku="https://attacker.example/jwks.json"), "kid"),
    "x5u": (by_attacker(x5u="https://attacker.example/cert.pem"), "signature is wrong"),
    "x5c": (by_attacker(x5c=["MIIB"]), "signature is wrong"),
    "x5c alone": (by_attacker(kid=..., x5c=["MIIB"]), "kid"),
    "x5t": (by_attacker(**{"x5t#S256": "AAAA"}), "signature is wrong"),
    "kid is missing": (with_header(kid=...), "kid"),
    "kid is null": (with_header(kid=None), "kid"),
    "kid is empty": (with_header(kid=""), "kid"),
    "kid is a list": (with_header(kid=["es256"]), "kid"),
    "kid is an object": (with_header(kid={"es256": 1}), "kid"),
    "kid is a number": (with_header(kid=0), "kid"),
    "kid is true": (with_header(kid=True), "kid"),
    "kid is a path": (with_header(kid="../../../../dev/null"), "kid"),
    "kid is an address": (with_header(kid="https://attacker.example/key"), "kid"),
    "kid is SQL": (with_header(kid="' UNION SELECT 'key' --"), "kid"),
    "kid is very long": (with_header(kid="es256" * 100), "kid"),
    "kid in capitals": (with_header(kid="ES256"), "kid"),
    "kid with a space": (with_header(kid="es256 "), "kid"),
    "kid with a NUL": (with_header(kid="es256\x00"), "kid"),
    "kid of nobody": (with_header(kid="es512"), "kid"),
    "kid of another trusted key": (with_header(kid="es256-next"), "signature is wrong"),
    "kid of another trusted key, the other way": (with_header(NEXT, kid="es256"), "signature is wrong"),
    "kid of the RSA key": (with_header(kid="rs256"), "alg"),
    "kid and alg of the RSA key": (with_header(kid="rs256", alg="RS256"), "signature is wrong"),
    "kid and alg of the Ed25519 key": (with_header(kid="eddsa", alg="EdDSA"), "signature is wrong"),
    "kid and alg of the P-384 key": (with_header(kid="es384", alg="ES384"), "signature is wrong"),
    "the Ed25519 key in the name of the P-256 key": (with_header(EDDSA, kid="es256", alg="ES256"), "signature"),
}

HEADER: dict[str, Row] = {
    "crit": (with_header(crit=["exp"]), "extension"),
    "crit of an unknown header": (with_header(crit=["urn:example"], **{"urn:example": 1}), "extension"),
    "crit is empty": (with_header(crit=[]), "extension"),
    "crit is null": (with_header(crit=None), "extension"),
    "b64 false": (with_header(b64=False, crit=["b64"]), "extension"),
    "b64 false without crit": (with_header(b64=False), "extension"),
    "b64 true": (with_header(b64=True), "extension"),
    "typ at+jwt": (with_header(typ="at+jwt"), "typ"),
    "typ JOSE": (with_header(typ="JOSE"), "typ"),
    "typ application/jwt": (with_header(typ="application/jwt"), "typ"),
    "typ dpop+jwt": (with_header(typ="dpop+jwt"), "typ"),
    "typ is empty": (with_header(typ=""), "typ"),
    "typ is null": (with_header(typ=None), "typ"),
    "typ is a list": (with_header(typ=["JWT"]), "typ"),
    "header is a list": (token([ES256.header]), "not an object"),
    "header is a text": (token("ES256"), "not an object"),
    "header is null": (token(b"null"), "not an object"),
    "header is a number": (token(b"1"), "not an object"),
    "header is no JSON": (token(b"es256"), "strict JSON"),
    "header is an empty object": (token({}), "kid"),
    "header with two algs, the good one last": (
        token(b'{"alg":"none",' + json.dumps(ES256.header).encode()[1:]),
        "JSON",
    ),
    "header with two algs, the good one first": (token(spliced(ES256.header, ',"alg":"none"')), "strict JSON"),
    "header with two kids alike": (token(spliced(ES256.header, ',"kid":"es256"')), "strict JSON"),
    "header with two kids, one escaped": (token(spliced(ES256.header, r',"\u006bid":"es256"')), "strict JSON"),
    "header with a comma too many": (token(spliced(ES256.header, ",")), "strict JSON"),
    "header with NaN": (token(spliced(ES256.header, ',"x":NaN')), "strict JSON"),
    "header with a fraction": (token(spliced(ES256.header, ',"x":1.5')), "strict JSON"),
    "header nested seventeen deep": (token(spliced(ES256.header, f',"x":{nested(17)}')), "strict JSON"),
    "header deep nested": (token(spliced(ES256.header, f',"x":{nested(3_000)}')), "strict JSON"),
    "header in UTF-16": (token(json.dumps(ES256.header).encode("utf-16-le")), "strict JSON"),
    "header with a byte order mark": (token(json.dumps(ES256.header).encode("utf-8-sig")), "strict JSON"),
    "header that is no UTF-8": (token(spliced(ES256.header, ',"x":"y"').replace(b"y", b"\xff")), "strict JSON"),
    "header with a tail": (token(json.dumps(ES256.header).encode() + b"{}"), "strict JSON"),
    "header of 20 kB": (with_header(x5c=["A" * 20_000]), "header"),
    "header of 20 kB that hides its end": (token(json.dumps(ES256.header).encode() + b" " * 20_000 + b"{"), "header"),
}

FORM: dict[str, Row] = {
    "nothing": ("", "compact"),
    "dots": ("..", "compact"),
    "one part": (HEAD, "compact"),
    "two parts": (f"{HEAD}.{BODY}", "compact"),
    "two parts and a dot": (f"{HEAD}.{BODY}.", "compact"),
    "four parts": (f"{HEAD}.{BODY}.{TAIL}.{TAIL}", "compact"),
    "four parts, the last empty": (f"{HEAD}.{BODY}.{TAIL}.", "compact"),
    "five parts, as a JWE has": (f"{HEAD}.{TAIL}.{TAIL}.{BODY}.{TAIL}", "compact"),
    "empty header": (f".{BODY}.{TAIL}", "compact"),
    "empty payload": (sign_text(HEAD, ""), "compact"),
    "a thousand dots": ("." * 1_000, "compact"),
    "JSON, flattened": (json.dumps({"protected": HEAD, "payload": BODY, "signature": TAIL}), "compact"),
    "JSON, general": (
        json.dumps({"payload": BODY, "signatures": [{"protected": HEAD, "signature": TAIL}]}),
        "compact",
    ),
    "Bearer before it": (f"Bearer {token()}", "compact"),
    "space before": (f" {token()}", "compact"),
    "space after": (f"{token()} ", "compact"),
    "line feed after": (f"{token()}\n", "compact"),
    "carriage return after": (f"{token()}\r", "compact"),
    "NUL after": (f"{token()}\x00", "compact"),
    "line feed inside": (f"{HEAD}.{BODY[:20]}\n{BODY[20:]}.{TAIL}", "compact"),
    "tab inside": (f"{HEAD}.{BODY[:20]}\t{BODY[20:]}.{TAIL}", "compact"),
    "letter above ASCII": (f"{HEAD}.{BODY}.{TAIL[:-1]}\uff21", "compact"),
    "lone surrogate": (f"{HEAD}.{BODY}.{TAIL}\ud800", "compact"),
    "padded header": (sign_text(loose(ES256.header) + "=", BODY), "compact"),
    "padded payload": (sign_text(HEAD, loose(CLAIMS) + "="), "compact"),
    "padded signature": (f"{HEAD}.{BODY}.{TAIL}==", "compact"),
    "standard base64 in the signature": (f"{HEAD}.{BODY}.{ONES.replace('_', '/')}", "compact"),
    "other spelling of the header": (sign_text(other_spelling(loose(ES256.header)), BODY), "canonical"),
    "other spelling of the payload": (sign_text(HEAD, other_spelling(loose(CLAIMS))), "canonical"),
    "other spelling of the signature": (f"{HEAD}.{BODY}.{other_spelling(TAIL)}", "canonical"),
    "header that no bytes encode to": (sign_text(HEAD + "A" * (5 - len(HEAD) % 4), BODY), "base64url"),
    "payload that no bytes encode to": (sign_text(HEAD, BODY + "A" * (5 - len(BODY) % 4)), "base64url"),
    "signature that no bytes encode to": (f"{HEAD}.{BODY}.{TAIL[:85]}", "base64url"),
    "70 kB": (with_claims(padding="x" * 70_000), "compact"),
    "a megabyte of letters": ("A" * 1_000_000, "compact"),
    "an opaque secret of ours": ("tsa_" + "A" * 43, "compact"),
}

SIGNING: dict[str, Row] = {
    "one byte short": (f"{HEAD}.{BODY}.{base64url(SIGNATURE[:-1])}", "signature"),
    "one byte long": (f"{HEAD}.{BODY}.{base64url(SIGNATURE + bytes(1))}", "signature"),
    "one byte before": (f"{HEAD}.{BODY}.{base64url(bytes(1) + SIGNATURE)}", "signature"),
    "half of it": (f"{HEAD}.{BODY}.{base64url(SIGNATURE[:32])}", "signature"),
    "twice": (f"{HEAD}.{BODY}.{base64url(SIGNATURE * 2)}", "signature"),
    "one bit changed": (f"{HEAD}.{BODY}.{base64url(bytes([SIGNATURE[0] ^ 1]) + SIGNATURE[1:])}", "signature"),
    "halves swapped": (f"{HEAD}.{BODY}.{base64url(SIGNATURE[32:] + SIGNATURE[:32])}", "signature"),
    "all nought": (f"{HEAD}.{BODY}.{base64url(bytes(64))}", "signature"),
    "all ones": (f"{HEAD}.{BODY}.{ONES}", "signature"),
    "one byte": (f"{HEAD}.{BODY}.AA", "signature"),
    "in DER": (
        f"{HEAD}.{BODY}."
        + base64url(
            encode_dss_signature(int.from_bytes(SIGNATURE[:32], "big"), int.from_bytes(SIGNATURE[32:], "big"))
        ),
        "signature",
    ),
    "of another token": (f"{HEAD}.{BODY}.{with_claims(jti='token-2').split('.')[2]}", "signature is wrong"),
    "over other claims": (f"{HEAD}.{with_claims(sub='root').split('.')[1]}.{TAIL}", "signature is wrong"),
    "over another header": (f"{with_header(cty='x').split('.')[0]}.{BODY}.{TAIL}", "signature is wrong"),
    "RSA, empty": (f"{'.'.join(token(key=RS256).split('.')[:2])}.AA", "signature"),
    "RSA, one bit changed": (token(key=RS256)[:-4] + "AAAA", "signature"),
    "Ed25519, one byte short": (token(key=EDDSA)[:-2], "signature"),
}

PAYLOAD: dict[str, Row] = {
    "payload is a list": (token(payload=[CLAIMS]), "not an object"),
    "payload is a text": (token(payload="alice"), "not an object"),
    "payload is null": (token(payload=b"null"), "not an object"),
    "payload is no JSON": (token(payload=b"alice"), "strict JSON"),
    "payload is an empty object": (token(payload={}), "iss"),
    "payload with two subs": (token(payload=spliced(CLAIMS, ',"sub":"root"')), "strict JSON"),
    "payload with two subs alike": (token(payload=spliced(CLAIMS, ',"sub":"alice"')), "strict JSON"),
    "payload with two exps": (token(payload=spliced(CLAIMS, ',"exp":9999999999')), "strict JSON"),
    "access with two names": (
        token(payload=json.dumps(CLAIMS).replace('"a/b"', '"a/b","name":"c/d"').encode()),
        "strict JSON",
    ),
    "payload with a comma too many": (token(payload=spliced(CLAIMS, ",")), "strict JSON"),
    "payload with a comment": (token(payload=spliced(CLAIMS, "/**/")), "strict JSON"),
    "payload with a tail": (token(payload=json.dumps(CLAIMS).encode() + b"{}"), "strict JSON"),
    "payload in UTF-16": (token(payload=json.dumps(CLAIMS).encode("utf-16")), "strict JSON"),
    "payload in UTF-16 without a mark": (token(payload=json.dumps(CLAIMS).encode("utf-16-le")), "strict JSON"),
    "payload in UTF-32": (token(payload=json.dumps(CLAIMS).encode("utf-32-be")), "strict JSON"),
    "payload with a byte order mark": (token(payload=json.dumps(CLAIMS).encode("utf-8-sig")), "strict JSON"),
    "payload that is no UTF-8": (
        token(payload=json.dumps(CLAIMS).encode().replace(b"alice", b"\xff")),
        "strict JSON",
    ),
    "payload in overlong UTF-8": (
        token(payload=json.dumps(CLAIMS).encode().replace(b"alice", b"\xc1\xa1lice")),
        "strict JSON",
    ),
    "NaN": (token(payload=spliced(CLAIMS, ',"x":NaN')), "strict JSON"),
    "Infinity": (token(payload=spliced(CLAIMS, ',"x":-Infinity')), "strict JSON"),
    "exp is 1e400": (token(payload=json.dumps(CLAIMS).replace(str(NOW + 300), "1e400").encode()), "strict JSON"),
    "exp has 5,000 digits": (
        token(payload=json.dumps(CLAIMS).replace(str(NOW + 300), "9" * 5_000).encode()),
        "strict JSON",
    ),
    "nested seventeen deep": (token(payload=spliced(CLAIMS, f',"x":{nested(17)}')), "strict JSON"),
    "deep nested list": (token(payload=spliced(CLAIMS, f',"x":{nested(20_000)}')), "strict JSON"),
    "deep nested object": (
        token(payload=spliced(CLAIMS, ',"x":' + '{"a":' * 5_000 + "1" + "}" * 5_000)),
        "strict JSON",
    ),
}

CLAIM: dict[str, Row] = {
    **{f"{name} is missing": (with_claims(**{name: ...}), name) for name in CLAIMS if name != "access"},
    **{f"{name} is null": (with_claims(**{name: None}), name) for name in CLAIMS if name != "access"},
    **{
        f"{name} is {value!r}": (with_claims(**{name: value}), name)
        for name in ("iss", "sub", "aud", "jti")
        for value in (1, True, ["x"], {"x": 1})
    },
    **{
        f"{name} is {value!r}": (with_claims(**{name: value}), name)
        for name in ("exp", "nbf", "iat")
        for value in (str(NOW), True, [NOW], {"x": NOW}, -1, -NOW, 10**12, 10**20)
    },
    **{
        f"{name} is a fraction": (with_claims(**{name: NOW + 100.0}), "strict JSON") for name in ("exp", "nbf", "iat")
    },
    "exp is 0": (with_claims(exp=0), "exp"),
    "exp is false": (with_claims(exp=False), "exp"),
    "expired, leeway and all": (with_claims(exp=NOW - 60), "exp"),
    "expired long ago": (with_claims(exp=NOW - 86_400), "exp"),
    "not yet valid, leeway and all": (with_claims(nbf=NOW + 61), "nbf"),
    "issued in the future, leeway and all": (with_claims(iat=NOW + 61), "iat"),
    "aud is a list of one": (with_claims(aud=[AUDIENCE]), "aud"),
    "aud is a list of two": (with_claims(aud=[AUDIENCE, "other.example.com"]), "aud"),
    "aud is another registry": (with_claims(aud="other.example.com"), "aud"),
    "aud is empty": (with_claims(aud=""), "aud"),
    "aud in capitals": (with_claims(aud=AUDIENCE.upper()), "aud"),
    "aud with a dot": (with_claims(aud=f"{AUDIENCE}."), "aud"),
    "aud with a space": (with_claims(aud=f"{AUDIENCE} "), "aud"),
    "aud with a port": (with_claims(aud=f"{AUDIENCE}:443"), "aud"),
    "aud with a NUL": (with_claims(aud=f"{AUDIENCE}\x00"), "aud"),
    "aud with a suffix": (with_claims(aud=f"{AUDIENCE}.attacker.example"), "aud"),
    "aud with a prefix": (with_claims(aud=f"x{AUDIENCE}"), "aud"),
    "aud cut short": (with_claims(aud=AUDIENCE[:-1]), "aud"),
    "iss is another issuer": (with_claims(iss="https://attacker.example"), "iss"),
    "iss with a slash": (with_claims(iss=f"{ISSUER}/"), "iss"),
    "iss with a suffix": (with_claims(iss=f"{ISSUER}.attacker.example"), "iss"),
    "iss cut short": (with_claims(iss=ISSUER[:-1]), "iss"),
    "iss in capitals": (with_claims(iss=ISSUER.upper()), "iss"),
    "iss over http": (with_claims(iss=ISSUER.replace("https", "http")), "iss"),
    "iss is empty": (with_claims(iss=""), "iss"),
    "iss is a list of one": (with_claims(iss=[ISSUER]), "iss"),
    "jti is empty": (with_claims(jti=""), "jti"),
}

GOOD_ENTRY = {"type": "repository", "name": "a/b", "actions": ["pull"]}

ACCESS: dict[str, Row] = {
    f"access is {access!r}": (with_claims(access=access), "access")
    for access in (
        GOOD_ENTRY,
        "repository:a/b:pull",
        1,
        True,
        ["repository:a/b:pull"],
        [None],
        [[GOOD_ENTRY]],
        [{**GOOD_ENTRY, "type": None}],
        [{**GOOD_ENTRY, "type": ["repository"]}],
        [{**GOOD_ENTRY, "name": 1}],
        [{"name": "a/b", "actions": ["pull"]}],
        [{"type": "repository", "actions": ["pull"]}],
        [{**GOOD_ENTRY, "actions": "pull"}],
        [{**GOOD_ENTRY, "actions": {"pull": True}}],
        [{**GOOD_ENTRY, "actions": ["pull", 1]}],
        [{**GOOD_ENTRY, "actions": [["pull"]]}],
        [{**GOOD_ENTRY, "class": 1}],
        [{**GOOD_ENTRY, "class": None}],
        [GOOD_ENTRY, {}],
    )
}

TABLES = {
    "alg": ALGORITHM,
    "key": KEY,
    "header": HEADER,
    "form": FORM,
    "signature": SIGNING,
    "payload": PAYLOAD,
    "claim": CLAIM,
    "access": ACCESS,
}
ROWS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}


@pytest.mark.parametrize(("forged", "because"), ROWS.values(), ids=ROWS.keys())
def test_a_forged_or_damaged_token_is_refused(forged: str, because: str) -> None:
    assert isinstance(verify(token()), VerifiedToken)  # the same set-up takes the good sibling
    with pytest.raises(InvalidToken) as refused:
        verify(forged)
    assert because in str(refused.value)
    assert len(forged) < 20 or forged not in str(refused.value)


@pytest.mark.parametrize("kid", trusted())
def test_the_good_sibling_of_every_key_is_accepted(kid: str) -> None:
    assert verify(token(key=trusted()[kid])).subject == "alice"


def test_the_table_is_as_long_as_we_say() -> None:
    assert len(ROWS) >= 200
    assert len({forged for forged, _ in ROWS.values()}) == len(ROWS)
