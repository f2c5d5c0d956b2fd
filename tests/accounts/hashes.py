"""The cheapest stored hashes of each scheme: a test is about what is compared, not about how slow that is."""

from passlib.hash import argon2, bcrypt

CHEAP_BCRYPT = bcrypt.using(rounds=4)
CHEAP_ARGON2 = argon2.using(type="ID", memory_cost=8, time_cost=1, parallelism=1)


def bcrypt_of(password: str | bytes) -> str:
    return str(CHEAP_BCRYPT.hash(password))


def argon2_of(password: str | bytes) -> str:
    return str(CHEAP_ARGON2.hash(password))
