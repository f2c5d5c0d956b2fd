"""docker: the CLI with a config folder of its own, and a dockerd that the tests started."""

from collections.abc import Mapping
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools, chained
from tests.interop.images import Image
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import CONTAINERD, DOCKER, DOCKERD
from tests.interop.wire import Account


class Docker:
    title: ClassVar[str] = "docker"
    tools: ClassVar[Tools] = (DOCKER, DOCKERD, CONTAINERD)
    cannot: ClassVar[Mapping[Capability, str]] = {Capability.TAGS: "docker has no command that lists tags"}
    complaint: ClassVar[str] = "unauthorized: {message}"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._env = plain_environment(
            bench.home, DOCKER_CONFIG=str(bench.home / ".docker"), DOCKER_HOST=f"unix://{bench.engine}"
        )

    def login(self, account: Account) -> Outcome:
        options = ("--username", account.name, "--password-stdin")
        return self._run("login", *options, self._bench.host, stdin=account.password)

    def push(self, image: Image, reference: str) -> Outcome:
        tree = image.write_tree(self._bench.home / f"{image.marker}.tar")
        name = self._bench.reference(reference)
        imported = self._run("import", "--change", 'CMD ["/marker"]', str(tree), name)
        return self._run("push", name) if imported.ok else imported

    def pull(self, reference: str) -> Outcome:
        return self._run("pull", self._bench.reference(reference))

    def mount(self, source: str, target: str) -> Outcome:
        pulled = self.pull(source)
        return chained(pulled, self.push_pulled(source, target)) if pulled.ok else pulled

    def push_pulled(self, source: str, target: str) -> Outcome:
        """Pushes an image that was pulled before under another name."""
        name = self._bench.reference(target)
        return chained(self._run("tag", self._bench.reference(source), name), self._run("push", name))

    def tags(self, repository: str) -> Outcome:
        raise NotImplementedError(self.cannot[Capability.TAGS])

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        return self.login(account)

    def _run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        return self._bench.place.run([DOCKER.path, *arguments], env=self._env, stdin=stdin)
