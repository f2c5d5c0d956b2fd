"""oras: pushes and pulls files as artifacts rather than images."""

from collections.abc import Mapping
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools
from tests.interop.images import Image, digest_of
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import ORAS
from tests.interop.wire import Account


class Oras:
    title: ClassVar[str] = "oras"
    tools: ClassVar[Tools] = (ORAS,)
    cannot: ClassVar[Mapping[Capability, str]] = {}
    complaint: ClassVar[str] = "{message}"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def login(self, account: Account) -> Outcome:
        options = (*self._options(), "--username", account.name, "--password-stdin")
        return self._run("login", *options, self._bench.host, stdin=account.password)

    def push(self, image: Image, reference: str) -> Outcome:
        (self._bench.home / "artifact").write_text(image.marker)
        return self._run("push", *self._options(), self._bench.reference(reference), "artifact:text/plain")

    def pull(self, reference: str) -> Outcome:
        into = self._bench.home / "pulled"
        done = self._run("pull", *self._options(), "--output", str(into), self._bench.reference(reference))
        if not done.ok:
            return done
        return Outcome(0, done.output + "".join(digest_of(file.read_bytes()) for file in into.iterdir()))

    def mount(self, source: str, target: str) -> Outcome:
        options = (*self._options("from-"), *self._options("to-"))
        return self._run("copy", *options, self._bench.reference(source), self._bench.reference(target))

    def tags(self, repository: str) -> Outcome:
        return self._run("repo", "tags", *self._options(), self._bench.reference(repository))

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        return self.login(account)

    def _options(self, side: str = "") -> tuple[str, ...]:
        config = (f"--{side}registry-config", str(self._bench.home / "auth.json"))
        if self._bench.authority:
            return (*config, f"--{side}ca-file", str(self._bench.authority))
        return (*config, f"--{side}plain-http")

    def _run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        home = self._bench.home
        return self._bench.place.run([ORAS.path, *arguments], env=plain_environment(home), cwd=home, stdin=stdin)
