"""The reference registry passes the official conformance suite: `make conformance`."""

import json
from collections.abc import Callable, Mapping

import pytest

from tests.conformance import suite
from tests.conformance.suite import VERSIONS, Results
from tests.interop.registries import Registry
from tests.interop.tools import CONFORMANCE

pytestmark = pytest.mark.conformance

ANONYMOUS_MOUNT = "Blob anonymous mount"
"""Left out on purpose: `docs/registry.md` says why."""

SPARSE = "Sparse Manifests"
"""Off unless asked for, since most registries refuse an index whose manifests are missing. So does ours."""


@pytest.fixture(scope="module")
def results(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Results]:
    if CONFORMANCE.missing():
        return {}
    return {version: suite.run(registry, version, tmp_path_factory.mktemp("suite")) for version in VERSIONS}


@pytest.fixture(autouse=True)
def _need_suite(need_part: Callable[[str], None]) -> None:
    need_part(CONFORMANCE.missing())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_suite_passes(results: Mapping[str, Results], version: str) -> None:
    run = results[version]
    assert run.code == 0, run.output[-3000:]
    assert run.totals["FAIL"] == run.totals["Error"] == 0
    assert run.totals["Pass"] > 800
    assert set(run.verdicts.values()) <= {"Pass", "Skip", "Disabled"}


@pytest.mark.parametrize(
    ("version", "skipped", "not_in_this_version"),
    [
        ("1.0", set(), {ANONYMOUS_MOUNT, "Referrers", "Tag Param", "Tag Param sha512"}),
        ("1.1", {ANONYMOUS_MOUNT}, {"Tag Param", "Tag Param sha512"}),
        ("dev", {ANONYMOUS_MOUNT}, set()),
    ],
)
def test_only_what_is_left_out_on_purpose_is_skipped(
    results: Mapping[str, Results], version: str, skipped: set[str], not_in_this_version: set[str]
) -> None:
    run = results[version]
    assert run.having("Skip") == skipped
    assert SPARSE in run.having("Disabled")
    assert not_in_this_version <= run.having("Disabled")
    if version == "dev":
        assert run.having("Disabled") == {SPARSE}


def test_every_answer_was_given_to_a_token(results: Mapping[str, Results], registry: Registry) -> None:
    """The suite passes with the doors locked: without alice's token there is a refusal, or a malformed request."""
    assert results
    lines = [json.loads(line) for line in registry.daemon.log.read_text().splitlines() if "registry.request" in line]
    assert len(lines) > 1000
    assert {line["subject"] for line in lines if line["status"] < 400} == {"alice"}
    assert {line["status"] for line in lines if line.get("subject") == ""} == {400, 401}


def test_the_table_is_in_the_docs(results: Mapping[str, Results]) -> None:
    suite.write(results)
    assert suite.render(results) in suite.DOCUMENT.read_text(encoding="utf-8")
