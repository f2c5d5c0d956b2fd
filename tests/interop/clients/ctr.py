"""containerd's ctr with a containerd that the tests started; each client in a containerd namespace of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools, chained
from tests.interop.images import Image
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import CONTAINERD, CTR
from tests.interop.wire import Account


class Ctr:
    title: ClassVar[str] = "ctr"
    tools: ClassVar[Tools] = (CTR, CONTAINERD)
    cannot: ClassVar[Mapping[Capability, str]] = {
        Capability.LOGIN: "ctr has no login; it takes `--user` with each command",
        Capability.TAGS: "ctr has no command that lists tags",
    }
    # It never shows a body: the status is all that its users see.
    complaint: ClassVar[str] = "401 Unauthorized"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._user: tuple[str, ...] = ()
        self._transport = ("--plain-http",) if bench.authority is None else ("--hosts-dir", self._hosts_folder())

    def login(self, account: Account) -> Outcome:
        self._user = ("--user", f"{account.name}:{account.password}")
        return Outcome(0, "")

    def push(self, image: Image, reference: str) -> Outcome:
        name = self._bench.reference(reference)
        archive = image.write_archive(self._bench.home / f"{image.marker}.tar", name)
        imported = self._run("import", "--no-unpack", str(archive))
        return self._remote("push", name) if imported.ok else imported

    def pull(self, reference: str) -> Outcome:
        return self._remote("pull", "--snapshotter", "native", self._bench.reference(reference))

    def mount(self, source: str, target: str) -> Outcome:
        pulled = self.pull(source)
        if not pulled.ok:
            return pulled
        name = self._bench.reference(target)
        return chained(pulled, self._run("tag", self._bench.reference(source), name), self._remote("push", name))

    def tags(self, repository: str) -> Outcome:
        raise NotImplementedError(self.cannot[Capability.TAGS])

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        self.login(account)
        return self.pull(reference)

    def _hosts_folder(self) -> str:
        folder = self._bench.home / "hosts"
        host = folder / self._bench.host
        host.mkdir(parents=True)
        (host / "hosts.toml").write_text(
            f'server = "https://{self._bench.host}"\n'
            f'[host."https://{self._bench.host}"]\nca = "{self._bench.authority}"\n'
        )
        return str(folder)

    def _remote(self, command: str, *arguments: str) -> Outcome:
        return self._run(command, *self._transport, *self._user, *arguments)

    def _run(self, *arguments: str) -> Outcome:
        home = self._bench.home
        whole: list[str | Path] = [
            CTR.path,
            "--address",
            str(self._bench.engine),
            "--namespace",
            home.name,
            "images",
            *arguments,
        ]
        return self._bench.place.run(whole, env=plain_environment(home))
