"""The compatibility matrix: what is to be tried, what came out of it, and its place in docs/compatibility.md."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.clients import CLIENTS, Capability, Client
from tests.interop.registries import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- interop:begin -->", "<!-- interop:end -->"
PROPERTY = "interop-cell"

_IMPOSSIBLE = "\N{EN DASH}"

HTTP, TLS = "http", "TLS"
UNKNOWN_AUTHORITY = "unknown CA refused"
TLS_COLUMNS = (Capability.LOGIN, Capability.PUSH, Capability.PULL, UNKNOWN_AUTHORITY)


@dataclass(frozen=True)
class Cell:
    """One thing to try: a client, a registry, what to do, and over what."""

    transport: str
    registry: str
    client: str
    column: str

    def __str__(self) -> str:
        return "-".join((self.registry, self.client, self.column.replace(" ", "_")))


def _cells(transport: str, columns: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(
        Cell(transport, registry, client, column)
        for registry in KINDS
        for client in CLIENTS
        for column in columns
        if column not in CLIENTS[client].cannot
    )


HTTP_CELLS = _cells(HTTP, tuple(Capability))
TLS_CELLS = _cells(TLS, TLS_COLUMNS)
ALL_CELLS = frozenset(HTTP_CELLS + TLS_CELLS)


def record(cell: Cell, record_property: Callable[[str, object], None]) -> None:
    """Notes in the test's report which cell it is about."""
    record_property(PROPERTY, "|".join((cell.transport, cell.registry, cell.client, cell.column)))


def render(results: Mapping[Cell, bool]) -> str:
    """The matrix as Markdown. Says nothing that differs between two runs with one outcome."""
    lines = ["Tried by `make interop`, which writes this part.", "", *_versions(), ""]
    for transport, columns in ((HTTP, tuple(Capability)), (TLS, TLS_COLUMNS)):
        lines += [f"### Over {'http on localhost' if transport == HTTP else 'TLS with a private CA'}", ""]
        for registry in KINDS:
            lines += _table(results, transport, registry, columns)
    return "\n".join([*lines, *_reasons()])


def write(results: Mapping[Cell, bool], document: Path = DOCUMENT) -> None:
    """Puts the matrix between its markers and leaves the rest of the document alone."""
    text = document.read_text(encoding="utf-8")
    fresh = between_markers(text, render(results))
    if fresh != text:
        document.write_text(fresh, encoding="utf-8")


def between_markers(text: str, matrix: str) -> str:
    """The text with this between its markers. Raises ValueError where they are not both there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the markers {BEGIN} and {END} are not both there")
    return f"{before}{BEGIN}\n\n{matrix}\n\n{END}{after}"


def _versions() -> list[str]:
    registries = ", ".join(f"{kind.title} {kind.shown_version()}" for kind in KINDS.values() if kind.program)
    return [
        f"- Registries: {registries}, and the reference registry of this tree.",
        f"- Clients: {', '.join(_client_version(client) for client in CLIENTS.values())}.",
    ]


def _client_version(client: type[Client]) -> str:
    return f"{client.title} {client.tools[0].shown_version()}"


def _table(results: Mapping[Cell, bool], transport: str, registry: str, columns: Sequence[str]) -> list[str]:
    kind = KINDS[registry]
    title = f"{kind.title} {kind.shown_version()}" if kind.program else kind.title
    rows = []
    for client in CLIENTS:
        marks = [_mark(results, Cell(transport, registry, client, column)) for column in columns]
        rows.append(f"| {client} | {' | '.join(marks)} |")
    return [f"| {title} | {' | '.join(columns)} |", f"|---|{':-:|' * len(columns)}", *rows, ""]


def _mark(results: Mapping[Cell, bool], cell: Cell) -> str:
    if cell not in results:
        return _IMPOSSIBLE
    return "✓" if results[cell] else "✗"


def _reasons() -> list[str]:
    reasons = {f"{client.title}: {reason}" for client in CLIENTS.values() for reason in client.cannot.values()}
    return [
        f"{_IMPOSSIBLE}: not possible by the client's nature.",
        "",
        *(f"- {reason}." for reason in sorted(reasons)),
    ]
