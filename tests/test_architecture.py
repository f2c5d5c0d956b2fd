"""The shape of the house: who imports whom, how large a module is, that it says what it is for, and has its tests."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "token_service"
TESTS = ROOT / "tests"
PACKAGES = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py")}
MODULES = sorted(path.relative_to(PACKAGE).as_posix().removesuffix(".py") for path in PACKAGE.rglob("*.py"))
MAX_MODULE_LINES = 500
MAX_LINES_OF_MOST = 300

ABOUT_THE_WHOLE = {
    "interop": "real registries and clients",
    "conformance": "the OCI suite",
    "test_advisories": "past vulnerabilities, ours and others'",
    "test_architecture": "this file",
    "test_dependencies": "what is installed",
    "test_docs": "the documentation",
    "test_wheel": "the built package",
    "policy/test_docs": "the documents about policies",
    "policy/test_reference": "the engine beside a second one that shares no code",
    "registry/test_any_request": "any request whatever",
    "registry/test_attacks": "what a hostile client tries",
    "registry/test_crash": "death at any moment",
    "registry/test_disk_full": "a full disk",
    "registry/test_guarding": "the gate before another application",
    "registry/test_workers": "several processes on one folder",
    "server/test_reload": "files that change under load",
    "token/test_forged_tokens": "the verifier, by a table of forgeries",
}
"""Tests (or folders of them) that mirror no module, and what they are about."""

TESTED_ELSEWHERE = {
    "authn/proof": "a value; by those that make one",
    "__main__": "runs cli/main",
    "cli/client": "by tests/cli/test_demo.py, whose client it is",
    "cli/main": "by every test of a command",
    "clock": "two calls",
    "grants/grant": "a protocol",
    "grants/request": "values",
}
"""Modules without a test file of their own, and why that will do."""


def test_imports_look_down_only() -> None:
    """The contracts of `pyproject.toml`, by import-linter."""
    run = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for_and_is_of_a_readable_size(module: str) -> None:
    text = (PACKAGE / f"{module}.py").read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert len(docstring.split()) >= 4, "a docstring that says what belongs here"
    assert len(text.splitlines()) <= MAX_MODULE_LINES


def test_nearly_all_modules_stay_below_three_hundred_lines() -> None:
    large = [
        module for module in MODULES if (PACKAGE / f"{module}.py").read_text("utf-8").count("\n") > MAX_LINES_OF_MOST
    ]
    assert len(large) <= len(MODULES) // 10, large


TEST_FILES = sorted(path.relative_to(TESTS).as_posix().removesuffix(".py") for path in TESTS.rglob("test_*.py"))


def mirrored(test: str) -> str | None:
    """The module or package that a test file is about: tests/ROOM/test_NAME.py or test_NAME_ASPECT.py is about
    ROOM/NAME."""
    room, _, name = test.rpartition("/")
    words = name.removeprefix("test_").split("_")
    for length in range(len(words), 0, -1):
        module = "/".join(filter(None, (room, "_".join(words[:length]))))
        if module in MODULES or module in PACKAGES:
            return module
    return None


@pytest.mark.parametrize("test", TEST_FILES)
def test_every_test_file_mirrors_a_module(test: str) -> None:
    folder = test.split("/", maxsplit=1)[0]
    if folder not in ABOUT_THE_WHOLE and test not in ABOUT_THE_WHOLE:
        assert mirrored(test) is not None, "name it after a module, or list it above with what it is about"


def test_every_module_has_tests_of_its_own() -> None:
    tested = {mirrored(test) for test in TEST_FILES} | TESTED_ELSEWHERE.keys()
    untested = [
        module
        for module in MODULES
        if not module.endswith("__init__") and not {module, module.rpartition("/")[0]} & tested
    ]
    assert untested == []


def test_no_exception_is_listed_in_vain() -> None:
    for name in ABOUT_THE_WHOLE:
        assert name in TEST_FILES or (TESTS / name).is_dir(), name
    assert TESTED_ELSEWHERE.keys() <= set(MODULES)
    assert not TESTED_ELSEWHERE.keys() & {mirrored(test) for test in TEST_FILES}
