"""Digests: parsing them and computing them. Pure.

Source: image-spec `descriptor.md`. Which algorithms are accepted is decided here and nowhere else; a string that
came from a client or a link file becomes a `Digest` before it becomes part of a path.
"""

import hashlib
import re
from dataclasses import dataclass

CANONICAL = "sha256"
"""Content is stored under this algorithm; every other digest is a link to it."""

_ALGORITHMS = {
    "sha256": re.compile(r"[0-9a-f]{64}", re.ASCII),
    "sha512": re.compile(r"[0-9a-f]{128}", re.ASCII),
}
ALGORITHMS = tuple(_ALGORITHMS)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest that `parse_digest` or `digest_of` has made: its parts are safe as file names."""

    algorithm: str
    encoded: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


def parse_digest(text: str) -> Digest | None:
    """`algorithm:hex` in its one accepted spelling, else None."""
    algorithm, _, encoded = text.partition(":")
    pattern = _ALGORITHMS.get(algorithm)
    if pattern is None or pattern.fullmatch(encoded) is None:
        return None
    return Digest(algorithm, encoded)


def digest_of(content: bytes, algorithm: str = CANONICAL) -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())
