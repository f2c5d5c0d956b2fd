"""What the tests share: token service, registries, dockerd, containerd; each started when first needed."""

import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop import registries
from tests.interop.clients import CLIENTS, Bench, Client
from tests.interop.engines import containerd, dockerd, short_folder
from tests.interop.process import Place, free_port
from tests.interop.registries import KINDS, Registry
from tests.interop.site import Site
from tests.interop.wire import Wire

_ENGINES = {"docker": dockerd, "ctr": containerd}


@dataclass
class Grounds:
    """Started parts by name. Closing ends them all, the last one first."""

    folder: Path
    site: Site
    _homes: Path = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)
    _registries: dict[str, Registry] = field(default_factory=dict)
    _engines: dict[str, Path] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.site.place

    def open(self) -> None:
        """Lays the site out and starts its token service."""
        self._homes = self._stack.enter_context(short_folder())
        self.site.lay_out()
        self._stack.enter_context(self.site.start())

    def close(self) -> None:
        self._stack.close()

    def registry(self, name: str) -> Registry:
        if name not in self._registries:
            folder = self.folder / name
            registry = registries.start(KINDS[name], self.site, folder, free_port(), service_of(name))
            self._stack.enter_context(registry.daemon)
            self._registries[name] = registry
        return self._registries[name]

    @property
    def authority(self) -> Path | None:
        """The CA behind the site and its registries, when they speak TLS."""
        return self.site.tls.authority if self.site.tls else None

    def client(self, name: str, registry: Registry, authority: Path | None = None) -> Client:
        """A client with a home of its own, in which nothing is. It trusts the site's CA, or only the given one."""
        home = self._homes / uuid.uuid4().hex[:8]
        home.mkdir()
        bench = Bench(home, registry.host, self.place, authority or self.authority, self._engine(name))
        return CLIENTS[name](bench)

    def wire(self, registry: Registry) -> Wire:
        return self.site.wire(registry.host, registry.service)

    def _engine(self, client: str) -> Path | None:
        start = _ENGINES.get(client)
        if start is None:
            return None
        if client not in self._engines:
            self._engines[client] = self._stack.enter_context(start(self.folder / f"engine-{client}", self.place))
        return self._engines[client]


def service_of(registry: str) -> str:
    """The audience of the registry of that name."""
    return f"{registry}.interop.test"
