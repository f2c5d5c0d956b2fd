"""Key rings for tests: each algorithm's is made once a process, because an RSA key takes its time."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from token_service.token import keyfiles
from token_service.token.keyring import KeyRing
from token_service.token.public_key import Algorithm

NOW = 1_800_000_000
DAY = 86_400


@cache
def ring_of(algorithm: Algorithm) -> KeyRing:
    """A CA with one leaf that signs from `NOW`, and a fixed key for the zot `zot.example.com`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        keyfiles.generate(folder, algorithm, NOW)
        return keyfiles.generate_for_service(folder, "zot.example.com", algorithm, NOW)
