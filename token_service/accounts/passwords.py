"""Password hashes. The only module that imports passlib (which libpass, its maintained fork, provides).

Everything that can be wrong with a stored hash is found when its file is loaded (`hash_problem`), and everything
that can be wrong with a password is simply a wrong password: `matches` never raises. Both cost the same whether or
not the password fits, because the slow hash is always computed.
"""

import re

from passlib.hash import argon2, bcrypt

MAX_PASSWORD_BYTES = 4096
"""Longer than any token that is sent as a password (a Kubernetes service account's is 1 to 3 kB)."""

MAX_BCRYPT_COST = 14
_MAX_BCRYPT_BYTES = 72

# The one canonical spelling of each scheme: unused bits are zero and numbers have no leading zeros. The libraries
# raise for anything else, and they would do so while somebody logs in.
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]", re.ASCII)
_NUMBER = r"([1-9]\d{0,7})"
_BASE64 = r"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?)"
_ARGON2 = re.compile(
    rf"\$argon2(?:id|i|d)\$v=19\$m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}", re.ASCII
)
_SALT_CHARACTERS = range(11, 87)
_DIGEST_CHARACTERS = range(16, 129)
_MAX_ARGON2_KIB = 1024 * 1024
_MAX_ARGON2_PASSES = 20
_MAX_ARGON2_LANES = 16

# OWASP's second choice, 19 MiB, 2 passes, 1 lane: about 20 ms of CPU. The library's default takes seven times that.
_HASHER = argon2.using(type="ID", memory_cost=19 * 1024, time_cost=2, parallelism=1)
_WRONG = "the password that nobody has"

# Loaded lazily otherwise, which is not safe from several threads at once.
argon2.set_backend("argon2_cffi")
bcrypt.set_backend("bcrypt")


def hash_password(password: str) -> str:
    """An Argon2id hash in PHC form. Raises ValueError for a password that `matches` would refuse."""
    if not _usable(password):
        raise ValueError(f"a password has 1 to {MAX_PASSWORD_BYTES} bytes and no NUL")
    hashed: str = _HASHER.hash(password)
    return hashed


def hash_problem(stored: str) -> str | None:
    """Why a stored hash cannot be used, or None: an unknown scheme, a malformed hash, or one that takes for ever."""
    found = _BCRYPT.fullmatch(stored)
    if found is not None:
        cost = int(found[1])
        return None if 4 <= cost <= MAX_BCRYPT_COST else f"bcrypt cost {cost} is not within 4 and {MAX_BCRYPT_COST}"
    found = _ARGON2.fullmatch(stored)
    if found is None:
        return "this is not a bcrypt ($2a$, $2b$, $2y$) or argon2 hash"
    memory, passes, lanes = (int(group) for group in found.groups()[:3])
    if len(found[4]) not in _SALT_CHARACTERS or len(found[5]) not in _DIGEST_CHARACTERS:
        return "the argon2 salt or digest is too short or too long"
    if not (
        8 * lanes <= memory <= _MAX_ARGON2_KIB
        and 1 <= passes <= _MAX_ARGON2_PASSES
        and 1 <= lanes <= _MAX_ARGON2_LANES
    ):
        return "the argon2 cost is out of bounds"
    return None


def matches(password: str, stored: str) -> bool:
    """Whether `password` is the one behind `stored`, which must be free of `hash_problem`s. Slow; never raises.

    A password that cannot be right (too long for bcrypt, which reads 72 bytes; NUL, which some schemes cut at) is
    compared all the same, with another one in its place, so that it costs as much as any wrong password.
    """
    handler = argon2 if stored.startswith("$argon2") else bcrypt
    usable = _usable(password) and (handler is argon2 or len(password.encode()) <= _MAX_BCRYPT_BYTES)
    fits = bool(handler.verify(password if usable else _WRONG, stored))
    return fits and usable


def _usable(password: str) -> bool:
    try:
        size = len(password.encode())
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return 0 < size <= MAX_PASSWORD_BYTES and "\0" not in password
