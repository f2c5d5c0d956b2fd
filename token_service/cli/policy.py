"""`token-service policy …`: check, test, cover and lint policies, offline, on files.

Questions to a policy are in `policy_ask.py`; `docs/policy.md` shows each with an example.
"""

import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from token_service.cli import policy_ask, policy_import
from token_service.cli.policy_ask import AsJson
from token_service.clock import system_clock
from token_service.errors import LoadError
from token_service.policy import expectations, schema
from token_service.policy.coverage import coverage
from token_service.policy.file import load_expectations, load_policy
from token_service.policy.finding import Finding
from token_service.policy.index import CompiledPolicy
from token_service.policy.lint import DEFAULT_MAX_LIFETIME_SECONDS, Known, lint
from token_service.principal import Kind

app = typer.Typer(help="Policies: check, test, lint, explain and compare them.", no_args_is_help=True)
app.add_typer(policy_import.app, name="import")
app.command("explain")(policy_ask.explain_request)
app.command("can")(policy_ask.list_reach)
app.command("who-can")(policy_ask.list_principals)
app.command("diff")(policy_ask.compare)

Folder = Annotated[Path, typer.Argument(help="The policy folder.")]
FromConfig = Annotated[
    Path | None, typer.Option("--config", help="Also look for unknown users, groups and labels, by this file.")
]


class FileKind(StrEnum):
    POLICY = "policy"
    EXPECTATIONS = "expectations"


@app.command()
def check(
    folder: Folder = Path("policies"),
    config_file: FromConfig = None,
    min_coverage: Annotated[float, typer.Option(min=0, max=100, help="Fail below this coverage, in percent.")] = 0,
) -> None:
    """What a pipeline should run: policies load, lint finds nothing, expectations hold and cover enough."""
    policy = load_policy(folder)
    findings = [finding for finding in _lint(policy, config_file) if finding.allowed is None]
    for finding in findings:
        typer.echo(str(finding))
    cases = load_expectations(folder)
    results = expectations.run(policy, cases)
    _show_failures(results)
    failed = sum(not result.passed for result in results)
    covered = coverage(policy, cases)
    if covered.percent < min_coverage:
        typer.echo("\n".join(covered.lines()[:-1]))
    typer.echo(
        f"{folder}: {len(policy.rules)} rules load (version {policy.version}), {len(findings)} findings, "
        f"{len(results) - failed} of {len(results)} expectations hold, {covered.percent:.1f} % covered"
    )
    raise typer.Exit(1 if failed or findings or covered.percent < min_coverage else 0)


@app.command("coverage")
def show_coverage(
    folder: Folder = Path("policies"),
    minimum: Annotated[float, typer.Option("--min", min=0, max=100, help="Fail below this, in percent.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say which actions, principals, patterns and conditions no expectation exercises."""
    covered = coverage(load_policy(folder), load_expectations(folder))
    if as_json:
        typer.echo(orjson.dumps(covered.to_plain(), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(covered.lines()))
    raise typer.Exit(1 if covered.percent < minimum else 0)


@app.command("schema")
def show_schema(kind: Annotated[FileKind, typer.Argument(help="Of which kind of file.")] = FileKind.POLICY) -> None:
    """Print the JSON Schema of policy or expectation files, for editors."""
    made = schema.policy_schema() if kind is FileKind.POLICY else schema.expectation_schema()
    typer.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2).decode())


@app.command("test")
def run_tests(
    folder: Folder = Path("policies"),
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML to this file.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the expectations (`*.test.yaml`) beside the policies; exit 1 where one does not hold."""
    failed = _test_once(folder, junit, as_json)
    if watch:
        _watch(folder, lambda: _test_once(folder, junit, as_json))
    raise typer.Exit(1 if failed else 0)


@app.command("lint")
def lint_policies(
    folder: Folder = Path("policies"),
    config_file: FromConfig = None,
    max_lifetime: Annotated[
        int, typer.Option(help="Seconds from which a rule's `lifetime` is found too long.")
    ] = DEFAULT_MAX_LIFETIME_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Find rules that never match, never matter or allow too much; exit 1 where one is not allowed by its rule."""
    findings = _lint(load_policy(folder), config_file, max_lifetime)
    open_findings = [finding for finding in findings if finding.allowed is None]
    if as_json:
        plain = [_plain_finding(finding) for finding in findings]
        typer.echo(orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode())
    else:
        for finding in findings:
            typer.echo(f"{finding}{'' if finding.allowed is None else f' [allowed: {finding.allowed}]'}")
        typer.echo(f"{len(open_findings)} findings, {len(findings) - len(open_findings)} allowed")
    raise typer.Exit(1 if open_findings else 0)


def _lint(
    policy: CompiledPolicy, config_file: Path | None, max_lifetime: int = DEFAULT_MAX_LIFETIME_SECONDS
) -> tuple[Finding, ...]:
    known = _known(config_file) if config_file is not None else None
    return lint(policy, system_clock(), known, max_lifetime)


def _known(config_file: Path) -> Known:
    accounts = policy_ask.load_accounts(config_file).values()
    return Known(
        users=frozenset(account.name for account in accounts if account.kind is Kind.USER),
        service_accounts=frozenset(account.name for account in accounts if account.kind is Kind.SERVICE_ACCOUNT),
        groups=frozenset(group for account in accounts for group in account.groups),
        labels=frozenset(label for account in accounts for label in account.labels),
    )


def _test_once(folder: Path, junit: Path | None, as_json: bool) -> int:
    results = expectations.run(load_policy(folder), load_expectations(folder))
    if not results:
        raise LoadError(str(folder), "holds no expectations", "write them in a *.test.yaml beside the policies")
    if junit is not None:
        try:
            junit.write_text(expectations.to_junit(results), encoding="utf-8")
        except OSError as error:
            raise LoadError(str(junit), f"cannot be written: {error.strerror}", "name another file") from None
    failed = sum(not result.passed for result in results)
    if as_json:
        typer.echo(orjson.dumps([_plain(result) for result in results], option=orjson.OPT_INDENT_2).decode())
        return failed
    for result in results:
        typer.echo(f"{'ok  ' if result.passed else 'FAIL'}  {result.case.name}")
    _show_failures(results)
    typer.echo(f"{len(results) - failed} passed, {failed} failed")
    return failed


def _show_failures(results: Iterable[expectations.Result]) -> None:
    for result in results:
        if not result.passed:
            typer.echo(f"\n{result.case.place}: {result.case.name}")
            typer.echo("\n".join(f"  {problem}" for problem in result.problems))


def _plain(result: expectations.Result) -> dict[str, object]:
    return {
        "name": result.case.name,
        "place": result.case.place,
        "passed": result.passed,
        "problems": list(result.problems),
    }


def _plain_finding(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "rule": finding.rule.id,
        "place": finding.place,
        "reason": finding.reason,
        "fix": finding.fix,
        "allowed": finding.allowed,
    }


def _watch(folder: Path, run: Callable[[], object]) -> None:
    """Run again after each change, until Ctrl-C. A file that does not load is a line, not the end."""
    import watchfiles

    for _ in watchfiles.watch(folder):
        typer.echo("")
        try:
            run()
        except LoadError as error:
            sys.stderr.write(f"{error}\n")
