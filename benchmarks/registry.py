"""The reference registry beside Distribution: `python -m benchmarks.registry [--size MiB] [--rounds N]`.

Each registry is a process of its own on loopback, with its volume beside the others' on one disk, and checks tokens
that our issuer signed. A round pushes a blob as docker does (POST, one chunked PATCH, PUT), pulls it, out of the page
cache, and asks for the HEAD of a manifest on one connection. The registries take turns, and each round begins with
another one. Distribution's logs are off; the reference registry writes its audit log, as it always does.

Ratios are medians of the rounds' own ratios; above 1 the reference registry is the better one. On a shared machine
wall times move by tens of percent from run to run, CPU times by about ten. `--memory` measures memory alone: one blob
of 4 GiB is pushed and pulled, and the exit code is 1 where the reference registry ever held 100 MiB.
"""

import argparse
import hashlib
import os
import re
import secrets
import socket
import statistics
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from tests.interop.process import Daemon, free_port, is_listening, plain_environment
from tests.interop.tools import DISTRIBUTION_2_8, DISTRIBUTION_3_1
from token_service.access import Access
from token_service.clock import system_clock
from token_service.registry import CachingVerifier
from token_service.token import keyfiles
from token_service.token.issuer import Audience, Issuer
from token_service.token.public_key import Algorithm
from token_service.token.trusted import load_trusted_keys
from token_service.token.verifier import Verifier

MIB = 1024 * 1024
HEADS, TOKENS, VERIFY_ROUNDS = 3000, 300, 9
MEMORY_BLOB_MIB, MEMORY_LIMIT_MIB = 4096, 100

OURS = "reference"
SERVICE, ISSUER, REALM = "registry.example.com", "http://localhost", "http://localhost/token"
REPOSITORY, MANIFEST_PATH = "bench/app", "/v2/bench/app/manifests/latest"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CHUNK = 32 * 1024  # as docker's HTTP client cuts a body
Command = Callable[[Path, int], list[str]]
_TICKS = os.sysconf("SC_CLK_TCK")

# What a round measures, and how it is shown. Of the last one, more is better.
HEADS_ROW = "HEADs per CPU s"
ROWS = {"push, wall s": ".2f", "push, CPU s": ".2f", "pull, wall s": ".2f", "pull, CPU s": ".2f", HEADS_ROW: ".0f"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=256, help="of the blob, in MiB")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--memory", action="store_true", help="measure the memory for a large blob, and only that")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-benchmark-") as name:
        bench = Bench(Path(name))
        if asked.memory:
            sys.exit(_memory(bench))
        _speed(bench, asked.size, asked.rounds)
        _verification(bench)


@dataclass(frozen=True)
class Server:
    """A running registry."""

    name: str
    pid: int
    port: int
    data: Path

    def cpu_seconds(self) -> float:
        """User and system time of the process and its children."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in _tree(self.pid)]
        return sum(int(stat[11]) + int(stat[12]) for stat in fields) / _TICKS

    def peak_memory_mib(self) -> float:
        status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in _tree(self.pid))
        return sum(int(kib) for kib in re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)) / 1024

    def forget(self, digest: str) -> None:
        """Give the disk back what a blob took."""
        encoded = digest.removeprefix("sha256:")
        (self.data / "docker/registry/v2/blobs/sha256" / encoded[:2] / encoded / "data").unlink()


def _tree(pid: int) -> list[int]:
    children = (child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split())
    return [pid, *(found for child in children for found in _tree(int(child)))]


class Bench:
    """Keys, tokens, and the commands that start registries which trust them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ring = keyfiles.generate(folder / "keys", Algorithm.ES256, system_clock())
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(ring.bundle(system_clock()))
        self._issuer = Issuer(lambda: ring, ISSUER, system_clock, lambda: secrets.token_urlsafe(16))

    def token(self) -> str:
        access = [Access("repository", REPOSITORY, ("pull", "push"))]
        return self._issuer.issue("ci", Audience(SERVICE), access, 3600).raw

    def start(self, stack: ExitStack, name: str, command: Command) -> Server:
        folder, port = self.folder / name, free_port()
        folder.mkdir()
        environment = plain_environment(folder, OTEL_TRACES_EXPORTER="none")
        daemon = stack.enter_context(Daemon(command(folder, port), log=folder / "log", env=environment))
        daemon.wait_for(lambda: is_listening(port, daemon.pid), f"{name} on port {port}")
        return Server(name, daemon.pid, port, folder / "data")

    def reference(self, folder: Path, port: int) -> list[str]:
        own = {"listen": {"port": port}, "root": "data", "keys_file": str(self.bundle), "audit": "audit.log"}
        config = folder / "registry.yaml"
        config.write_bytes(orjson.dumps(own | {"realm": REALM, "service": SERVICE, "issuer": ISSUER}))
        return [sys.executable, "-m", "token_service", "registry", "serve", "--config", str(config)]

    def distribution(self, program: Path, folder: Path, port: int) -> list[str]:
        token = {"realm": REALM, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.bundle)}
        storage = {"filesystem": {"rootdirectory": str(folder / "data")}}
        own = {"log": {"level": "error", "accesslog": {"disabled": True}}, "http": {"addr": f"127.0.0.1:{port}"}}
        config = folder / "config.yaml"
        config.write_bytes(orjson.dumps(own | {"version": 0.1, "storage": storage, "auth": {"token": token}}))
        return [str(program), "serve", str(config)]


class Connection:
    """HTTP/1.1 on one connection, with little of the client's own time in what is measured."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._common = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nAccept: {MANIFEST_TYPE}\r\n"
        self._buffer = bytearray(MIB)

    def request(self, method: str, path: str, body: bytes = b"", *, expect: int) -> str:
        """The Location of the answer, whose body is dropped."""
        head = (
            f"Content-Type: {MANIFEST_TYPE}\r\nContent-Length: {len(body)}\r\n" if method in ("POST", "PUT") else ""
        )
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{self._common}{head}\r\n".encode() + body)
        return self._answer(expect, has_body=method != "HEAD")

    def get(self, digest: str, take: Callable[[memoryview], object]) -> None:
        """Pull a blob."""
        self._socket.sendall(f"GET /v2/{REPOSITORY}/blobs/{digest} HTTP/1.1\r\n{self._common}\r\n".encode())
        self._answer(200, take)

    def push(self, pieces: Iterable[bytes], digest: Callable[[], str]) -> None:
        """Upload a blob as docker does. `digest` is called after the last piece."""
        location = self.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/", expect=202)
        head = "Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n"
        self._socket.sendall(f"PATCH {location} HTTP/1.1\r\n{self._common}{head}\r\n".encode())
        for piece in pieces:
            chunks = [piece[at : at + _CHUNK] for at in range(0, len(piece), _CHUNK)]
            self._socket.sendall(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks))
        self._socket.sendall(b"0\r\n\r\n")
        location = self._answer(202)
        self.request("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest()}", expect=201)

    def _answer(self, expect: int, take: Callable[[memoryview], object] = len, *, has_body: bool = True) -> str:
        held = b""
        while b"\r\n\r\n" not in held:
            held += self._received(MIB)
        head, _, rest = held.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if int(status.split()[1]) != expect:
            raise RuntimeError(f"answered {status!r}, not {expect}")
        left = int(headers.get("content-length", "0")) - len(rest) if has_body else 0
        take(memoryview(rest))
        while left > 0:
            part = self._received(min(left, MIB))
            take(part)
            left -= len(part)
        location = urlsplit(headers.get("location", ""))  # Distribution's is absolute
        return f"{location.path}?{location.query}" if location.query else location.path

    def _received(self, most: int) -> memoryview:
        count = self._socket.recv_into(self._buffer, most)
        if not count:
            raise ConnectionError("the registry closed the connection")
        return memoryview(self._buffer)[:count]


def _speed(bench: Bench, size: int, rounds: int) -> None:
    commands: dict[str, Command] = {OURS: bench.reference}
    for tool in (DISTRIBUTION_2_8, DISTRIBUTION_3_1):
        if missing := tool.missing():
            print(f"left out: {missing}")
        else:
            commands[f"Distribution {tool.shown_version()}"] = partial(bench.distribution, tool.path)
    with ExitStack() as stack:
        servers = [bench.start(stack, name, command) for name, command in commands.items()]
        measured: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
        for number in range(rounds):
            content, turn = os.urandom(size * MIB), number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                measured[server.name].append(_round(server, Connection(server.port, bench.token()), content))
    print(f"a blob of {size} MiB, {rounds} rounds, {HEADS} HEADs a round; medians")
    _print_table(measured)


def _push_manifest(connection: Connection) -> None:
    digest = "sha256:" + hashlib.sha256(b"{}").hexdigest()
    connection.push([b"{}"], lambda: digest)
    config = {"mediaType": MANIFEST_TYPE.replace("manifest", "config"), "digest": digest, "size": 2}
    manifest = orjson.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": []})
    connection.request("PUT", MANIFEST_PATH, manifest, expect=201)


def _round(server: Server, connection: Connection, content: bytes) -> dict[str, float]:
    _push_manifest(connection)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    pieces = [content[at : at + MIB] for at in range(0, len(content), MIB)]
    push = _timed(server, lambda: connection.push(pieces, lambda: digest))
    sizes: list[int] = []
    pull = _timed(server, lambda: connection.get(digest, lambda part: sizes.append(len(part))))
    if sum(sizes) != len(content):
        raise RuntimeError(f"pulled {sum(sizes)} bytes, not {len(content)}")
    server.forget(digest)
    _, cpu = _timed(server, lambda: [connection.request("HEAD", MANIFEST_PATH, expect=200) for _ in range(HEADS)])
    return dict(zip(ROWS, (*push, *pull, HEADS / cpu), strict=True))


def _timed(server: Server, work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = server.cpu_seconds(), time.perf_counter()
    work()
    return time.perf_counter() - wall, max(server.cpu_seconds() - cpu, 1 / _TICKS)


def _print_table(measured: dict[str, list[dict[str, float]]]) -> None:
    others = [name for name in measured if name != OURS]
    print(f"{'':15}", *(f"{name:>18}" for name in measured), *(f"{'to ' + name.split()[1]:>8}" for name in others))
    for row, form in ROWS.items():
        values = {name: [one[row] for one in rounds] for name, rounds in measured.items()}
        better = [(values[OURS], values[name])[:: 1 if row == HEADS_ROW else -1] for name in others]
        medians = (f"{statistics.median(some):18{form}}" for some in values.values())
        print(f"{row:15}", *medians, *(f"{_ratio(more, less):8.2f}" for more, less in better))


def _ratio(more: list[float], less: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(more, less, strict=True))


def _verification(bench: Bench) -> None:
    keys = load_trusted_keys(bench.bundle)
    tokens = [bench.token() for _ in range(TOKENS)]
    plain = Verifier(lambda: keys, ISSUER, SERVICE, system_clock)
    caching = CachingVerifier(lambda: keys, ISSUER, SERVICE, system_clock)
    _verify_all(caching, tokens)
    rounds = [(_verify_all(plain, tokens), _verify_all(caching, tokens)) for _ in range(VERIFY_ROUNDS)]
    first, again = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(f"verifying a token, CPU: first {first:.1f} us, again {again:.1f} us, ratio {first / again:.0f}")


def _verify_all(verifier: Verifier, tokens: list[str]) -> float:
    seconds = timeit.timeit(partial(list, map(verifier.verify, tokens)), timer=time.process_time, number=1)
    return seconds / len(tokens) * 1e6


def _memory(bench: Bench) -> bool:
    """Push and pull the large blob, made while it is sent. True where the registry took too much memory."""
    sent, got, noise = hashlib.sha256(), hashlib.sha256(), os.urandom(MIB - 8)

    def pieces() -> Iterator[bytes]:
        for number in range(MEMORY_BLOB_MIB):
            piece = number.to_bytes(8, "big") + noise
            sent.update(piece)
            yield piece

    with ExitStack() as stack:
        server = bench.start(stack, OURS, bench.reference)
        connection = Connection(server.port, bench.token())
        connection.push(pieces(), lambda: f"sha256:{sent.hexdigest()}")
        print(f"after a push of {MEMORY_BLOB_MIB} MiB: {server.peak_memory_mib():.0f} MiB")
        connection.get(f"sha256:{sent.hexdigest()}", got.update)
        peak = server.peak_memory_mib()
    print(f"after the pull, too: {peak:.0f} MiB; the limit is {MEMORY_LIMIT_MIB}")
    if got.digest() != sent.digest():
        raise RuntimeError("what was pulled is not what was pushed")
    return peak >= MEMORY_LIMIT_MIB


if __name__ == "__main__":
    main()
