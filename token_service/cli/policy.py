"""`token-service policy …`: what a policy says, offline, on files. `docs/policy.md` shows each with an example."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from token_service import config
from token_service.accounts.account import Account
from token_service.clock import system_clock
from token_service.errors import LoadError
from token_service.files import read_bytes
from token_service.policy import expectations, explain
from token_service.policy.condition import Context
from token_service.policy.file import EXPECTATION_SUFFIXES, load_policy
from token_service.policy.finding import Finding
from token_service.policy.lint import DEFAULT_MAX_LIFETIME_SECONDS, Known, lint
from token_service.principal import Kind, Principal
from token_service.scope import Scope, parse_scopes

app = typer.Typer(help="Policies: check, test and explain them.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The policy folder.")]
FolderOption = Annotated[Path, typer.Option("--policies", help="The policy folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_MAX_FILE_BYTES = 1024 * 1024
_OUTCOME_STATUS = {explain.Outcome.GRANTED: 0, explain.Outcome.PARTLY: 3, explain.Outcome.DENIED: 4}


@app.command()
def check(folder: Folder = Path("policies")) -> None:
    """Load a policy folder as the service would, and run the expectations beside it."""
    policy = load_policy(folder)
    results = _run_expectations(folder)
    _show_failures(results)
    failed = sum(not result.passed for result in results)
    typer.echo(
        f"{folder}: {len(policy.rules)} rules load (version {policy.version}), "
        f"{len(results) - failed} of {len(results)} expectations hold"
    )
    raise typer.Exit(1 if failed else 0)


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
    config_file: Annotated[
        Path | None, typer.Option("--config", help="Also look for unknown users, groups and labels, by this file.")
    ] = None,
    max_lifetime: Annotated[
        int, typer.Option(help="Seconds from which a rule's `lifetime` is found too long.")
    ] = DEFAULT_MAX_LIFETIME_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Find rules that never match, never matter or allow too much; exit 1 where one is not allowed by its rule."""
    known = _known(config_file) if config_file is not None else None
    findings = lint(load_policy(folder), system_clock(), known, max_lifetime)
    open_findings = [finding for finding in findings if finding.allowed is None]
    if as_json:
        plain = [_plain_finding(finding) for finding in findings]
        typer.echo(orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode())
    else:
        for finding in findings:
            typer.echo(f"{finding}{'' if finding.allowed is None else f' [allowed: {finding.allowed}]'}")
        typer.echo(f"{len(open_findings)} findings, {len(findings) - len(open_findings)} allowed")
    raise typer.Exit(1 if open_findings else 0)


@app.command("explain")
def explain_request(
    principal: Annotated[
        str, typer.Argument(help="`anonymous`, `user:NAME`, `service-account:NAME`, `workload:NAME`.")
    ],
    scopes: Annotated[list[str], typer.Argument(help="What is asked, as `repository:NAME:pull,push`.")],
    folder: FolderOption = Path("policies"),
    groups: Annotated[list[str] | None, typer.Option("--group", help="A group of the principal; repeatable.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", help="NAME=VALUE; repeatable.")] = None,
    claims: Annotated[Path | None, typer.Option(help="JSON file with a CI token's claims, taken as labels.")] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="Take groups and labels of `user:NAME` from these authenticators.")
    ] = None,
    service: Annotated[str, typer.Option(help="The service that is asked for.")] = expectations.DEFAULT_SERVICE,
    source_ip: Annotated[str | None, typer.Option("--ip", help="The client's address.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why each action is allowed or denied. Exit status: 0 granted, 3 partly, 4 denied."""
    who = _principal(principal, groups or [], labels or [], claims, config_file)
    explanation = explain.explain(
        load_policy(folder),
        who,
        _scopes(scopes),
        Context(audience=service, now=system_clock(), source_ip=source_ip),
    )
    if as_json:
        typer.echo(orjson.dumps(explain.to_plain(explanation), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(explain.lines(explanation)))
    raise typer.Exit(_OUTCOME_STATUS[explanation.outcome])


def _run_expectations(folder: Path) -> tuple[expectations.Result, ...]:
    policy = load_policy(folder)
    cases: list[expectations.Case] = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(EXPECTATION_SUFFIXES) and not path.name.startswith("."):
            content = read_bytes(path, _MAX_FILE_BYTES, "split it")
            cases += expectations.parse_expectations(content, str(path))
    return expectations.run(policy, cases)


def _test_once(folder: Path, junit: Path | None, as_json: bool) -> int:
    results = _run_expectations(folder)
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


def _scopes(texts: list[str]) -> tuple[Scope, ...]:
    """All of `texts` as scopes: what a service ignores in silence is an error on a command line."""
    for text in texts:
        if len(parse_scopes([text])) != 1:
            raise LoadError(text, "is not a scope", "write it as `repository:team/app:pull,push`")
    return parse_scopes(texts)


def _principal(
    text: str, groups: list[str], labels: list[str], claims: Path | None, config_file: Path | None
) -> Principal:
    named = expectations.parse_principal(text, "PRINCIPAL")
    known: dict[str, tuple[str, ...]] = dict(named.labels)
    all_groups = frozenset(groups) | named.groups
    if config_file is not None:
        account = _account(named, config_file)
        known |= account.labels
        all_groups |= account.groups
    if claims is not None:
        known |= _claim_labels(claims)
    for label in labels:
        name, equals, value = label.partition("=")
        if not equals:
            raise LoadError(f"--label {label}", "is not NAME=VALUE", "write it as `--label team=core`")
        known[name] = (*known.get(name, ()), value)
    return Principal(named.name, named.kind, all_groups, known)


def _account(named: Principal, config_file: Path) -> Principal:
    account = _accounts(config_file).get(named.name)
    if account is None or named.kind is Kind.ANONYMOUS or account.kind is not named.kind:
        raise LoadError(
            f"{named.kind}:{named.name}", "is not an account of the configured authenticators", "see `authenticators`"
        )
    return account.principal()


def _accounts(config_file: Path) -> dict[str, Account]:
    from token_service.app import load_accounts

    return load_accounts(config.load_settings(config_file, config.Settings))


def _known(config_file: Path) -> Known:
    accounts = _accounts(config_file).values()
    return Known(
        users=frozenset(account.name for account in accounts if account.kind is Kind.USER),
        service_accounts=frozenset(account.name for account in accounts if account.kind is Kind.SERVICE_ACCOUNT),
        groups=frozenset(group for account in accounts for group in account.groups),
        labels=frozenset(label for account in accounts for label in account.labels),
    )


def _claim_labels(path: Path) -> dict[str, tuple[str, ...]]:
    """Claims as labels: texts, numbers and switches as text, lists as several values; nested ones are left out."""
    try:
        claims = json.loads(read_bytes(path, _MAX_FILE_BYTES, "name a JSON file"))
    except ValueError:
        raise LoadError(str(path), "is not JSON", "decode the token's payload into it") from None
    if not isinstance(claims, dict):
        raise LoadError(str(path), "is not a JSON object", "decode the token's payload into it")
    return {
        name: tuple(_text(item) for item in (value if isinstance(value, list) else [value]))
        for name, value in claims.items()
        if not isinstance(value, dict)
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
