"""The shell: folders are read whole, watched, and a broken one never replaces a good one."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing

from tests.policy.build import granted
from token_service.errors import LoadError
from token_service.policy.expectations import run
from token_service.policy.file import PolicyFolder, load_expectations, load_policy

RECHECK_SECONDS = 0.2
PATIENCE_SECONDS = 20


def text(rule_id: str, action: str = "pull", repository: str = "a") -> str:
    rule = {"id": rule_id, "allow": [action], "principals": ["anyone"], "resources": [f"repository:{repository}"]}
    return json.dumps({"version": 1, "rules": [rule]})


def test_all_policy_files_of_a_folder_are_one_policy(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a", "pull"))
    (tmp_path / "b.yml").write_text(text("b", "push"))
    (tmp_path / "b.test.yaml").write_text("not: a policy")
    (tmp_path / "b.test.yml").write_text("not: a policy")
    (tmp_path / ".hidden.yaml").write_text("not: a policy")
    (tmp_path / "notes.txt").write_text("not a policy")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.yaml").write_text("not: a policy")
    assert granted(load_policy(tmp_path), "alice", "repository:a:*") == ["repository:a:pull,push"]


def test_the_version_is_a_hash_of_the_contents(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    first = load_policy(tmp_path).version
    assert len(first) == 12
    assert load_policy(tmp_path).version == first
    (tmp_path / "a.test.yaml").write_text("x")
    assert load_policy(tmp_path).version == first
    (tmp_path / "a.yaml").write_text(text("a") + " ")
    assert load_policy(tmp_path).version != first


def version_of(folder: Path, files: dict[str, str]) -> str:
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)
    return load_policy(folder).version


def test_a_version_is_the_same_on_every_replica(tmp_path: Path) -> None:
    """Also on one of another release: by it, operators see whether all have loaded the same."""
    assert version_of(tmp_path, {"a.yaml": "version: 1\n"}) == "b13a168d3c20"


def test_text_that_moves_to_another_file_changes_the_version(tmp_path: Path) -> None:
    one, other = "version: 1\n#", "version: 1\n"
    folders = [
        {"a.yaml": one, "b.yaml": other},
        {"a.yaml": other, "b.yaml": one},
        {"a.yaml": one, "c.yaml": other},
        {"a.yaml": f"{one}b.yaml{other}"},
    ]
    assert len({version_of(tmp_path, files) for files in folders}) == len(folders)


def test_the_sample_policies_meet_their_expectations() -> None:
    folder = Path(__file__).parents[2] / "policies"
    results = run(load_policy(folder), load_expectations(folder))
    assert len(results) > 15
    assert [(result.case.name, result.problems) for result in results if not result.passed] == []


def test_expectations_of_a_folder_are_read_from_their_own_files(tmp_path: Path) -> None:
    assert load_expectations(tmp_path) == ()
    case = {"principal": "user:alice", "request": ["repository:a:pull"], "expect": []}
    for name in ("b.test.yml", "a.test.yaml", ".c.test.yaml", "d.yaml"):
        (tmp_path / name).write_text(json.dumps({"version": 1, "cases": [case | {"name": name}]}))
    assert [(case.name, case.place) for case in load_expectations(tmp_path)] == [
        ("a.test.yaml", f"{tmp_path}/a.test.yaml:1"),
        ("b.test.yml", f"{tmp_path}/b.test.yml:1"),
    ]


def test_errors_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    (tmp_path / "b.yaml").write_text("version: 1\nrules:\n- id: a\n  alow: [pull]\n")
    with pytest.raises(LoadError) as caught:
        load_policy(tmp_path)
    assert str(caught.value) == f"{tmp_path}/b.yaml:4: a rule has no key `alow` (did you mean `allow`?)"
    (tmp_path / "b.yaml").write_text(text("a"))
    with pytest.raises(LoadError, match="defined twice"):
        load_policy(tmp_path)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "the policy folder does not exist (create it, or name another folder)"),
        ("empty", "the folder holds no policy files (add a *.yaml, or name another folder)"),
        ("file", "the policy folder cannot be read: Not a directory (check it)"),
    ],
)
def test_a_folder_that_is_none(tmp_path: Path, what: str, message: str) -> None:
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
    if what == "file":
        folder.write_text("")
    with pytest.raises(LoadError) as caught:
        load_policy(folder)
    assert str(caught.value) == f"{folder}: {message}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(LoadError) as caught:
        load_policy(tmp_path)
    assert str(caught.value) == f"{tmp_path}/a.yaml: the file cannot be read: Is a directory (check its permissions)"


def test_a_broken_folder_is_refused_at_start_up(tmp_path: Path) -> None:
    with pytest.raises(LoadError):
        PolicyFolder(tmp_path)
    (tmp_path / "a.yaml").write_text("version: 1\nrules: {}")
    with pytest.raises(LoadError, match="rules is a mapping"):
        PolicyFolder(tmp_path)


def test_reload_swaps_what_is_good_and_keeps_it_when_it_breaks(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text("a"))
    folder = PolicyFolder(tmp_path)
    assert (folder.folder, folder.problem) == (tmp_path, None)
    first = folder.current
    assert not folder.reload()
    assert folder.current is first
    for broken in ("", "version: 1\nrules: 7", text("a") + text("b"), text("a", "PULL")):
        file.write_text(broken)
        assert not folder.reload()
        assert folder.current is first
        assert folder.problem is not None
        assert str(file) in folder.problem
    file.write_text(text("b"))
    assert folder.reload()
    assert folder.problem is None
    assert folder.current.rules[0].id == "b"


def test_mending_a_file_as_it_was_clears_the_problem(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text("a"))
    folder = PolicyFolder(tmp_path)
    file.write_text("broken")
    folder.reload()
    file.write_text(text("a"))
    assert not folder.reload()
    assert folder.problem is None


def test_a_problem_is_logged_once_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    folder = PolicyFolder(tmp_path)
    (tmp_path / "a.yaml").write_text("version: 3")
    with structlog.testing.capture_logs() as logs:
        folder.reload()
        folder.reload()
    (line,) = logs
    assert line == {
        "event": "policy_refused",
        "log_level": "error",
        "problem": f"{tmp_path}/a.yaml:1: version is not 1 (write `version: 1`)",
        "kept": folder.current.version,
    }
    (tmp_path / "a.yaml").write_text("version: one")
    with structlog.testing.capture_logs() as logs:
        folder.reload()
    assert [line["problem"] for line in logs] == [folder.problem]


def test_a_new_policy_is_logged_with_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    folder = PolicyFolder(tmp_path)
    before = folder.current.version
    (tmp_path / "b.yaml").write_text(text("b"))
    with structlog.testing.capture_logs() as logs:
        folder.reload()
        folder.reload()
    assert logs == [
        {
            "event": "policy_loaded",
            "log_level": "info",
            "version": folder.current.version,
            "before": before,
            "rules": 2,
        }
    ]


def test_a_loaded_folder_is_as_a_fresh_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    folder = PolicyFolder(tmp_path)
    rng = random.Random(3)
    for number in range(20):
        (tmp_path / f"{rng.randint(0, 3)}.yaml").write_text(text(f"r{number}", rng.choice(["pull", "push"])))
        folder.reload()
        assert folder.current.version == load_policy(tmp_path).version
        assert folder.current.rules == load_policy(tmp_path).rules


class Observed(PolicyFolder):
    """Counts how often the folder is looked at, read and given to the operating system to watch."""

    looks = reloads = watches = 0

    async def _look(self) -> int:
        self.looks += 1
        return await super()._look()

    def reload(self) -> bool:
        self.reloads += 1
        return super().reload()

    def _changes(self, stop: asyncio.Event, seconds: float) -> AsyncGenerator[object, None]:
        self.watches += 1
        return super()._changes(stop, seconds)


@asynccontextmanager
async def watched(path: Path, recheck_seconds: float = RECHECK_SECONDS) -> AsyncIterator[Observed]:
    folder = Observed(path)
    stop = asyncio.Event()
    task = asyncio.create_task(folder.watch(stop, recheck_seconds))
    yield folder
    stop.set()
    await asyncio.wait_for(task, PATIENCE_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - waits for a file system, which sets no event
            await asyncio.sleep(0.01)


async def test_a_watched_folder_is_reloaded(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    async with watched(tmp_path) as folder:
        (tmp_path / "a.yaml").write_text(text("b"))
        await until(lambda: folder.current.rules[0].id == "b")
        (tmp_path / "a.yaml").write_text("broken")
        await until(lambda: folder.problem is not None)
        assert folder.current.rules[0].id == "b"
        (tmp_path / "c.yaml").write_text(text("c"))
        (tmp_path / "a.yaml").unlink()
        await until(lambda: folder.current.rules[0].id == "c")
        assert folder.problem is None


async def test_a_folder_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """A mounted configuration is replaced as a whole: the watch must survive that."""
    path = tmp_path / "policies"
    path.mkdir()
    (path / "a.yaml").write_text(text("a"))
    async with watched(path) as folder:
        await until(lambda: folder.looks > 1)
        assert folder.watches == 1
        path.rename(tmp_path / "old")
        await until(lambda: folder.problem is not None)
        assert folder.current.rules[0].id == "a"
        await until(lambda: folder.watches > 1)
        path.mkdir()
        (path / "a.yaml").write_text(text("z"))
        await until(lambda: folder.current.rules[0].id == "z")


async def test_a_symbolic_link_that_is_switched(tmp_path: Path) -> None:
    """As Kubernetes switches `..data` of a ConfigMap."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(text(version))
    path = tmp_path / "policies"
    path.mkdir()
    (path / "..data").symlink_to(tmp_path / "one")
    (path / "a.yaml").symlink_to(path / "..data" / "a.yaml")
    async with watched(path) as folder:
        assert folder.current.rules[0].id == "one"
        (path / "..new").symlink_to(tmp_path / "two")
        (path / "..new").rename(path / "..data")
        await until(lambda: folder.current.rules[0].id == "two")


async def test_a_folder_is_read_again_only_where_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "policies"
    path.mkdir()
    (path / "a.yaml").write_text(text("a"))
    async with watched(path, 0.05) as folder:
        current = folder.current
        await until(lambda: folder.looks > 3)
        assert (folder.reloads, folder.watches) == (0, 1)
        assert folder.current is current
        (tmp_path / "new").write_text(text("b"))
        (tmp_path / "new").rename(path / "a.yaml")
        await until(lambda: folder.current is not current)
        looks = folder.looks
        await until(lambda: folder.looks > looks + 3)
        assert (folder.reloads, folder.watches) == (1, 1)


@pytest.mark.parametrize("parent", ["srv", ".venv"])
async def test_a_change_is_seen_long_before_the_folder_is_looked_at_anyway(tmp_path: Path, parent: str) -> None:
    """`.venv` is one of the folders that the watcher passes over, unless it is told not to."""
    path = tmp_path / parent / "policies"
    path.mkdir(parents=True)
    (path / "a.yaml").write_text(text("a"))
    async with watched(path, recheck_seconds=3600) as folder:
        await until(lambda: folder.watches == 1)
        (path / "a.yaml").write_text(text("b"))
        await until(lambda: folder.current.rules[0].id == "b")


async def test_a_watch_can_be_cancelled(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("a"))
    task = asyncio.create_task(PolicyFolder(tmp_path).watch())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def test_a_request_sees_one_policy_or_the_other(tmp_path: Path) -> None:
    """Two files that belong together are swapped together: nobody sees pull from one and push from the other."""
    file = tmp_path / "a.yaml"
    file.write_text(text("v0"))
    folder = PolicyFolder(tmp_path)
    stopped = asyncio.Event()

    async def ask() -> int:
        asked = 0
        while not stopped.is_set():
            current = folder.current
            ids = {rule.id for rule in current.rules}
            assert len(ids) == 1
            assert granted(current, "alice", "repository:a:pull") == ["repository:a:pull"]
            asked += 1
            await asyncio.sleep(0)
        return asked

    asking = asyncio.create_task(ask())
    for number in range(1, 30):
        file.write_text(text(f"v{number}") if number % 3 else "broken")
        await asyncio.to_thread(folder.reload)
    stopped.set()
    assert await asking > 0
    assert folder.current.rules[0].id == "v29"
