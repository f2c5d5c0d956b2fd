"""What is installed is what `pyproject.toml` asks for: floors that have security reasons, and no twin of a package.

An audit tool that cannot reach its database says "not found" and exits 0; this test says what it means, offline.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
LOCK = (ROOT / ".ci" / "requirements.lock").read_text()
LOCKED = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK, re.MULTILINE)
}
FORBIDDEN = {
    "passlib": "its last release fails with bcrypt 5, and libpass installs into the same folder",
    "python-jose": "CVE-2024-33663 and -33664, unmaintained",
    "jose": "the same",
    "python-multipart": "a form parser that nobody needs here: CVE-2024-53981, CVE-2026-42561",
}


def installed() -> set[str]:
    return {canonicalize_name(distribution.metadata["Name"]) for distribution in metadata.distributions()}


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *DEVELOPMENT], ids=lambda requirement: requirement.name)
def test_the_installed_version_is_within_what_is_asked_for(requirement: Requirement) -> None:
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *DEVELOPMENT], ids=lambda requirement: requirement.name)
def test_the_locked_version_is_within_what_is_asked_for(requirement: Requirement) -> None:
    assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)], prereleases=True)


@pytest.mark.parametrize("requirement", DEPENDENCIES, ids=lambda requirement: requirement.name)
def test_every_dependency_of_the_program_has_a_floor_and_no_ceiling(requirement: Requirement) -> None:
    """A ceiling would keep a security release out."""
    assert {specifier.operator for specifier in requirement.specifier} == {">="}


def test_the_lock_names_hashes_and_no_index() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(LOCKED) >= len(DEPENDENCIES)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|--(?:extra-)?index-url|--trusted-host", LOCK)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_nothing_forbidden_is_installed_or_locked(name: str) -> None:
    assert name not in installed()
    assert name not in LOCKED


def test_passlib_is_libpass_and_only_that() -> None:
    assert set(metadata.packages_distributions()["passlib"]) == {"libpass"}


@cache
def imported() -> tuple[tuple[Path, str], ...]:
    return tuple(_imports())


def _imports() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "token_service").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path, str(node.module)
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("jose", set()),
        ("authlib.jose", set()),
        ("multipart", set()),
        ("pickle", set()),
        ("marshal", set()),
        ("random", set()),
        ("joserfc", set()),
        ("passlib", {"accounts/passwords.py"}),
        ("argon2", set()),
        ("bcrypt", set()),
        ("time", {"clock.py"}),
        ("yaml", {"strict_yaml.py"}),
    ],
)
def test_only_who_may_imports_it(module: str, allowed: set[str]) -> None:
    """`time` is the clock's, so that tests can move it; `yaml` is the strict reader's; randomness is `secrets`'."""
    package = ROOT / "token_service"
    users = {
        str(path.relative_to(package)) for path, name in imported() if name == module or name.startswith(f"{module}.")
    }
    assert users <= allowed
