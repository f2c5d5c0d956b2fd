"""Mutation testing of what decides (`make mutation`): does a test fail for each small change of the code?

Every function of `scope.py` and `policy/` is changed in every way mutmut knows, one change at a time, and the tests
*of that module* are run: those that bear its name, for the engine also the comparison with the literal evaluator, for
the importer also those of the whole importer. What other modules' tests would notice does not count. A mutant that no
test notices has survived.

`python -m tests.mutation [-d FOLDER] [PART…]` does so for the modules whose path contains a PART, and writes the
survivors into FOLDER. `-o docs/assurance.md` writes the table there. It fails where too few are killed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAST = 90  # per cent of all mutants
COPIED = ("token_service", "tests", "policies", "docs", "README.md", "CHANGELOG.md")
ENGINE = ("decide", "index", "trie", "condition", "pattern")
"""The modules that `tests/policy/test_reference.py` compares with the literal evaluator."""

PAIRS = "8000"  # generated decisions a run of that comparison
CONFIGURATION = """\
[tool.mutmut]
source_paths = ["{module}"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
also_copy = {copied}
timeout_multiplier = 3.0
timeout_constant = 3.0
"""
_TABLE = re.compile(r"^\| module \| mutants .*?\n(?!\|)", re.MULTILINE | re.DOTALL)
_RESULT = re.compile(r"^ +(?P<mutant>token_service\S+): (?P<status>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a module's mutants: status (mutmut's words) → mutants."""

    module: str
    mutants: dict[str, list[str]]
    changes: dict[str, str]
    """Survivor → the change, as a diff."""

    @property
    def total(self) -> int:
        return sum(map(len, self.mutants.values()))

    @property
    def killed(self) -> int:
        return sum(len(self.mutants.get(status, [])) for status in ("killed", "timeout", "segfault"))


def modules(parts: list[str]) -> list[str]:
    """The modules that have anything to mutate, largest first, so that no large one is left to the end."""
    every = [ROOT / "token_service/scope.py", *(ROOT / "token_service/policy").rglob("*.py")]
    found = [path for path in every if re.search(r"^ *def ", path.read_text(), re.MULTILINE)]
    found.sort(key=lambda path: -path.stat().st_size)
    names = [str(path.relative_to(ROOT)) for path in found]
    return [name for name in names if not parts or any(part in name for part in parts)]


def own_tests(module: str) -> list[str]:
    path = Path(module)
    folder = Path("tests") / path.parent.relative_to("token_service")
    tests = [str(folder / f"test_{path.stem}.py")] if path.stem != "__init__" else []
    if path.parent.name == "docker_auth":
        tests.append("tests/policy/test_docker_auth.py")
    if path.stem in ENGINE:
        tests.append("tests/policy/test_reference.py")
    return [test for test in tests if (ROOT / test).exists()]


def mutate(module: str) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, Path(folder) / name)
        text = CONFIGURATION.format(module=module, tests=own_tests(module), copied=list(COPIED))
        Path(folder, "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + "\n" + text)
        ran = _mutmut(folder, "run", "--max-children", "1")
        if not json.loads(Path(folder, "mutants", f"{module}.meta").read_text())["exit_code_by_key"]:
            return Outcome(module, {}, {})  # nothing but decorated functions, say
        mutants: dict[str, list[str]] = {}
        for found in _RESULT.finditer(_mutmut(folder, "results", "--all", "true").stdout):
            mutants.setdefault(found["status"], []).append(found["mutant"])
        if ran.returncode or "not checked" in mutants:
            raise SystemExit(f"{module}: mutmut stopped\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
        survivors = [
            name for status, names in mutants.items() if status in ("survived", "no tests") for name in names
        ]
        changes = {name: _mutmut(folder, "show", name).stdout for name in survivors}
    return Outcome(module, mutants, changes)


def _mutmut(folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "POLICY_PAIRS": PAIRS, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def table(outcomes: list[Outcome]) -> str:
    outcomes = sorted((one for one in outcomes if one.total), key=lambda one: one.module)
    rows = [(f"`{one.module}`", one.total, one.killed) for one in outcomes]
    rows.append(("together", sum(total for _, total, _ in rows), sum(killed for _, _, killed in rows)))
    lines = [f"| {name} | {total} | {killed} | {killed / total:.1%} |" for name, total, killed in rows]
    return "\n".join(["| module | mutants | killed | |", "|---|---|---|---|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("-o", "--output", type=Path, help="a page with a table of mutants to replace")
    parser.add_argument("-d", "--diffs", type=Path, help="folder for the survivors' diffs, a file a module")
    arguments = parser.parse_args()
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for running in as_completed([pool.submit(mutate, module) for module in modules(arguments.parts)]):
            outcome = running.result()
            outcomes.append(outcome)
            counted = {status: len(names) for status, names in outcome.mutants.items()}
            print(f"{outcome.module}: {outcome.killed} of {outcome.total} killed {counted}", flush=True)
            if arguments.diffs:
                arguments.diffs.mkdir(exist_ok=True)
                name = outcome.module.replace("/", ".") + ".diff"
                (arguments.diffs / name).write_text("\n".join(outcome.changes.values()))
    made = table(outcomes)
    print(made)
    if arguments.output:
        page = arguments.output.read_text()
        arguments.output.write_text(_TABLE.sub(lambda _: made + "\n", page, count=1))
    killed, total = sum(one.killed for one in outcomes), sum(one.total for one in outcomes)
    if killed * 100 < total * LEAST:
        raise SystemExit(f"{total - killed} of {total} mutants survived: at least {LEAST} % must be killed")


if __name__ == "__main__":
    main()
