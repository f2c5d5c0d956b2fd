"""Runs the official suite of the OCI distribution-spec, as it comes, and puts its outcome into the docs."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.interop.process import plain_environment
from tests.interop.registries import Registry
from tests.interop.site import ALICE
from tests.interop.tools import CONFORMANCE

VERSIONS = ("1.0", "1.1", "dev")
DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- conformance:begin -->", "<!-- conformance:end -->"
REPOSITORIES = ("team/conformance", "team/mounted")

_TOTAL = re.compile(r"^ +(Pass|Skip|Disabled|FAIL|Error|Total)\.+: +(\d+)$", re.MULTILINE)
_SECONDS = 120.0


@dataclass(frozen=True)
class Results:
    """What the suite says of one version: its verdict for each feature, and how many tests ended how."""

    version: str
    code: int
    output: str
    verdicts: Mapping[str, str]
    totals: Mapping[str, int]

    def having(self, verdict: str) -> set[str]:
        return {feature for feature, said in self.verdicts.items() if said == verdict}


def run(registry: Registry, version: str, folder: Path) -> Results:
    """One run, through Bearer tokens of the real token service. Nothing is switched off."""
    environment = plain_environment(
        folder,
        OCI_REGISTRY=registry.host,
        OCI_TLS="disabled",
        OCI_REPO1=REPOSITORIES[0],
        OCI_REPO2=REPOSITORIES[1],
        OCI_USERNAME=ALICE.name,
        OCI_PASSWORD=ALICE.password,
        OCI_VERSION=version,
        OCI_RESULTS_DIR=str(folder),
    )
    done = subprocess.run(
        [CONFORMANCE.path],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    said = yaml.safe_load((folder / "results.yaml").read_text())
    totals = {name: int(number) for name, number in _TOTAL.findall(done.stdout)}
    return Results(version, done.returncode, done.stdout, {**said["apis"], **said["data"]}, totals)


def render(results: Mapping[str, Results]) -> str:
    """The outcome as Markdown. Says nothing that differs between two runs with one outcome."""
    runs = [results[version] for version in VERSIONS]
    features = (
        f"| {feature} | {' | '.join(_mark(run.verdicts[feature]) for run in runs)} |" for feature in runs[0].verdicts
    )
    lines = [
        "Run by `make conformance`, which writes this part: the suite as it comes (module version",
        f"`{CONFORMANCE.tag}`), through Bearer tokens of our own token service.",
        "",
        f"| distribution-spec | {' | '.join(VERSIONS)} |",
        f"|---|{'--:|' * len(runs)}",
        *(
            f"| {name} | {' | '.join(str(run.totals[key]) for run in runs)} |"
            for name, key in (
                ("passed", "Pass"),
                ("skipped", "Skip"),
                ("not in this version", "Disabled"),
                ("failed", "FAIL"),
                ("errors", "Error"),
            )
        ),
        "",
        f"| feature | {' | '.join(VERSIONS)} |",
        f"|---|{':-:|' * len(runs)}",
        *features,
    ]
    return "\n".join(lines)


def write(results: Mapping[str, Results], document: Path = DOCUMENT) -> None:
    """Puts the tables between their markers, at the end of the document where there are none."""
    text = document.read_text(encoding="utf-8")
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Conformance of the reference registry\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    fresh = f"{before}{BEGIN}\n\n{render(results)}\n\n{END}{after}"
    if fresh != document.read_text(encoding="utf-8"):
        document.write_text(fresh, encoding="utf-8")


def _mark(verdict: str) -> str:
    return {"Pass": "✓", "Skip": "skipped", "Disabled": "\N{EN DASH}"}.get(verdict, "✗")
