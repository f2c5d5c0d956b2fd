"""podman: its own storage under the client's home, so that nothing is shared and nothing stays behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools, chained, with_own_blob_cache
from tests.interop.images import Image
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import PODMAN
from tests.interop.wire import Account


class Podman:
    title: ClassVar[str] = "podman"
    tools: ClassVar[Tools] = (PODMAN,)
    cannot: ClassVar[Mapping[Capability, str]] = {}
    complaint: ClassVar[str] = "invalid username/password: unauthorized: {message}"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        # It wants the file to be there even when nobody logged in.
        (bench.home / "auth.json").write_text("{}")
        self._credentials = ("--authfile", str(bench.home / "auth.json"))
        authority = bench.authority
        self._tls = ("--cert-dir", str(authority.parent)) if authority else ("--tls-verify=false",)

    def login(self, account: Account) -> Outcome:
        options = (*self._credentials, *self._tls, "--username", account.name, "--password-stdin")
        return self._run("login", *options, self._bench.host, stdin=account.password)

    def push(self, image: Image, reference: str) -> Outcome:
        tree = image.write_tree(self._bench.home / f"{image.marker}.tar")
        imported = self._run("import", str(tree), self._bench.reference(reference))
        return self._push(reference) if imported.ok else imported

    def pull(self, reference: str) -> Outcome:
        return self._run("pull", *self._credentials, *self._tls, self._bench.reference(reference))

    def mount(self, source: str, target: str) -> Outcome:
        pulled = self.pull(source)
        return chained(pulled, self.push_pulled(source, target)) if pulled.ok else pulled

    def push_pulled(self, source: str, target: str) -> Outcome:
        """Pushes an image that was pulled before under another name."""
        tagged = self._run("tag", self._bench.reference(source), self._bench.reference(target))
        return chained(tagged, self._push(target))

    def tags(self, repository: str) -> Outcome:
        options = ("--list-tags", *self._credentials, *self._tls)
        return self._run("search", *options, self._bench.reference(repository))

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        login = self.login(account)
        if login.ok:
            return login
        credentials = f"{account.name}:{account.password}"
        options = ("--creds", credentials, *self._tls)
        return chained(login, self._run("pull", *options, self._bench.reference(reference)))

    def _push(self, reference: str) -> Outcome:
        return self._run("push", *self._credentials, *self._tls, self._bench.reference(reference))

    def _run(self, command: str, *arguments: str, stdin: str | None = None) -> Outcome:
        home = self._bench.home
        # vfs: overlay needs more of the kernel than a container or a small machine gives.
        storage = ("--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs")
        own = ("--tmpdir", str(home / "tmp"), "--cgroup-manager", "cgroupfs", "--events-backend", "none")
        whole: list[str | Path] = [*with_own_blob_cache(home), PODMAN.path, *storage, *own, command, *arguments]
        return self._bench.place.run(whole, env=plain_environment(home), stdin=stdin)
