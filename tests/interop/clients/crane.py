"""crane: one static program; credentials in a docker config folder of its own."""

from collections.abc import Mapping
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools, chained
from tests.interop.images import Image
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import CRANE
from tests.interop.wire import Account


class Crane:
    title: ClassVar[str] = "crane"
    tools: ClassVar[Tools] = (CRANE,)
    cannot: ClassVar[Mapping[Capability, str]] = {}
    complaint: ClassVar[str] = "UNAUTHORIZED: {message}"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        trust = {"SSL_CERT_FILE": str(bench.authority)} if bench.authority else {}
        self._env = plain_environment(bench.home, DOCKER_CONFIG=str(bench.home / ".docker"), **trust)

    def login(self, account: Account) -> Outcome:
        """Only stores the credentials: crane asks the registry when it needs something."""
        options = ("--username", account.name, "--password-stdin")
        return self._run("auth", "login", *options, self._bench.host, stdin=account.password)

    def push(self, image: Image, reference: str) -> Outcome:
        layout = image.write_layout(self._bench.home / image.marker, reference)
        return self._run("push", str(layout), self._bench.reference(reference))

    def pull(self, reference: str) -> Outcome:
        layout = self._bench.home / "pulled"
        done = self._run("pull", "--format", "oci", self._bench.reference(reference), str(layout))
        if not done.ok:
            return done
        return Outcome(0, done.output + (layout / "index.json").read_text())

    def mount(self, source: str, target: str) -> Outcome:
        return self._run("copy", self._bench.reference(source), self._bench.reference(target))

    def tags(self, repository: str) -> Outcome:
        return self._run("ls", self._bench.reference(repository))

    def catalog(self) -> Outcome:
        """The names of all repositories."""
        return self._run("catalog", self._bench.host)

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        stored = self.login(account)
        return chained(stored, self._run("digest", self._bench.reference(reference)))

    def _run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        return self._bench.place.run([CRANE.path, *arguments], env=self._env, stdin=stdin)
