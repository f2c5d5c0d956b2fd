"""One registry process among several on a volume: `python -m tests.registry.worker FOLDER KEY`, for test_workers.

Prints its port, and ends when its standard input does.
"""

import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.registry.conftest import ISSUER, NOW, REALM, SERVICE
from token_service.registry import CachingVerifier, RegistryOptions, build_registry
from token_service.token.verifier import TrustedKey


def _ignore(_line: Mapping[str, object]) -> None:
    pass


def main(root: Path, key_file: Path) -> None:
    key = load_pem_public_key(key_file.read_bytes())
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("not an EC key")
    keys = {"test": TrustedKey("ES256", key)}
    verifier = CachingVerifier(lambda: keys, ISSUER, SERVICE, lambda: NOW)
    app = build_registry(RegistryOptions(root=root, realm=REALM, service=SERVICE), verifier, _ignore, lambda: NOW)
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", access_log=False, log_level="warning", lifespan="off")
    )
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def stop_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run([listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
