"""skopeo: no daemon, no storage; an image goes from an OCI layout to the registry and back into one."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.interop.clients.base import Bench, Capability, Tools, chained, with_own_blob_cache
from tests.interop.images import Image
from tests.interop.process import Outcome, plain_environment
from tests.interop.tools import SKOPEO
from tests.interop.wire import Account


class Skopeo:
    title: ClassVar[str] = "skopeo"
    tools: ClassVar[Tools] = (SKOPEO,)
    cannot: ClassVar[Mapping[Capability, str]] = {}
    complaint: ClassVar[str] = "invalid username/password: unauthorized: {message}"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._credentials = ("--authfile", str(bench.home / "auth.json"))

    def login(self, account: Account) -> Outcome:
        options = (*self._credentials, *self._tls(), "--username", account.name, "--password-stdin")
        return self._run("login", *options, self._bench.host, stdin=account.password)

    def push(self, image: Image, reference: str) -> Outcome:
        layout = image.write_layout(self._bench.home / image.marker, reference)
        source = f"oci:{layout}:{reference.rpartition(':')[2]}"
        return self._run("copy", *self._credentials, *self._tls("dest-"), source, self._remote(reference))

    def pull(self, reference: str) -> Outcome:
        layout = self._bench.home / "pulled"
        done = self._run("copy", *self._credentials, *self._tls("src-"), self._remote(reference), f"oci:{layout}:got")
        if not done.ok:
            return done
        return Outcome(0, done.output + (layout / "index.json").read_text())

    def mount(self, source: str, target: str) -> Outcome:
        # It tries a mount only of what it knows to be there, and learns that by pulling.
        pulled = self.pull(source)
        options = (*self._credentials, *self._tls("src-"), *self._tls("dest-"))
        return chained(pulled, self._run("copy", *options, self._remote(source), self._remote(target)))

    def tags(self, repository: str) -> Outcome:
        return self._run("list-tags", *self._credentials, *self._tls(), self._remote(repository))

    def delete(self, reference: str) -> Outcome:
        """Asks the token service for `*`."""
        return self._run("delete", *self._credentials, *self._tls(), self._remote(reference))

    def wrong_password(self, account: Account, reference: str) -> Outcome:
        login = self.login(account)
        if login.ok:
            return login
        credentials = f"{account.name}:{account.password}"
        return chained(login, self._run("inspect", "--creds", credentials, *self._tls(), self._remote(reference)))

    def _remote(self, reference: str) -> str:
        return f"docker://{self._bench.reference(reference)}"

    def _tls(self, side: str = "") -> tuple[str, ...]:
        if self._bench.authority:
            return (f"--{side}cert-dir", str(self._bench.authority.parent))
        return (f"--{side}tls-verify=false",)

    def _run(self, command: str, *arguments: str, stdin: str | None = None) -> Outcome:
        whole: list[str | Path] = [
            *with_own_blob_cache(self._bench.home),
            SKOPEO.path,
            "--insecure-policy",
            command,
            *arguments,
        ]
        return self._bench.place.run(whole, env=plain_environment(self._bench.home), stdin=stdin)
