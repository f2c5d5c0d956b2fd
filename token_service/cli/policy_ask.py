"""`token-service policy explain|who-can|can|diff`: questions to a policy, answered offline."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer

from token_service import config
from token_service.accounts.account import Account
from token_service.clock import system_clock
from token_service.errors import LoadError
from token_service.files import read_bytes
from token_service.policy import can, diff, expectations, explain, who_can
from token_service.policy.condition import Context
from token_service.policy.file import load_policy
from token_service.policy.index import CompiledPolicy
from token_service.policy.match import describe
from token_service.policy.rule import Rule
from token_service.principal import Kind, Principal
from token_service.scope import Scope, parse_scopes

FolderOption = Annotated[Path, typer.Option("--policies", help="The policy folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Who = Annotated[str, typer.Argument(help="`anonymous`, `user:NAME`, `service-account:NAME`, `workload:NAME`.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group of the principal; repeatable.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="NAME=VALUE; repeatable.")]
Claims = Annotated[Path | None, typer.Option(help="JSON file with a CI token's claims, taken as labels.")]
FromConfig = Annotated[
    Path | None, typer.Option("--config", help="Take groups and labels of `user:NAME` from these authenticators.")
]
Service = Annotated[str, typer.Option(help="The service that is asked for.")]
Filters = Annotated[bool, typer.Option("--filters-catalogue", help="The registry filters its catalogue.")]
Address = Annotated[str | None, typer.Option("--ip", help="The client's address.")]

_MAX_FILE_BYTES = 1024 * 1024
_MAX_LOG_BYTES = 1024 * 1024 * 1024
_OUTCOME_STATUS = {explain.Outcome.GRANTED: 0, explain.Outcome.PARTLY: 3, explain.Outcome.DENIED: 4}


def explain_request(
    principal: Who,
    scopes: Annotated[list[str], typer.Argument(help="What is asked, as `repository:NAME:pull,push`.")],
    folder: FolderOption = Path("policies"),
    groups: Groups = None,
    labels: Labels = None,
    claims: Claims = None,
    config_file: FromConfig = None,
    service: Service = expectations.DEFAULT_SERVICE,
    source_ip: Address = None,
    filters_catalogue: Filters = False,
    as_json: AsJson = False,
) -> None:
    """Say why each action is allowed or denied. Exit status: 0 granted, 3 partly, 4 denied."""
    who = _principal(principal, groups or [], labels or [], claims, config_file)
    context = Context(service, system_clock(), source_ip, filters_catalogue)
    explanation = explain.explain(load_policy(folder), who, _scopes(scopes), context)
    _print(explain.to_plain(explanation) if as_json else explain.lines(explanation))
    raise typer.Exit(_OUTCOME_STATUS[explanation.outcome])


def list_reach(
    principal: Who,
    folder: FolderOption = Path("policies"),
    groups: Groups = None,
    labels: Labels = None,
    claims: Claims = None,
    config_file: FromConfig = None,
    service: Service = expectations.DEFAULT_SERVICE,
    source_ip: Address = None,
    filters_catalogue: Filters = False,
    as_json: AsJson = False,
) -> None:
    """List all that a principal may do, as patterns less others: exact, for every name there is."""
    who = _principal(principal, groups or [], labels or [], claims, config_file)
    context = Context(service, system_clock(), source_ip, filters_catalogue)
    reaches = can.can(load_policy(folder), who, context)
    _print(can.to_plain(reaches) if as_json else can.lines(reaches))


def list_principals(
    action: Annotated[str, typer.Argument(help="`pull`, `push`, `delete` or another action.")],
    resource: Annotated[str, typer.Argument(help="What it is done to, as `repository:team/app`.")],
    folder: FolderOption = Path("policies"),
    as_json: AsJson = False,
) -> None:
    """List all who may do something with one resource: exact, for every principal there is."""
    (scope,) = _scopes([f"{resource}:{action}"])
    answer = who_can.who_can(load_policy(folder), action, scope.type, scope.name)
    _print(who_can.to_plain(answer) if as_json else who_can.lines(answer))


def compare(
    old: Annotated[str, typer.Argument(help="A policy folder, or REVISION:FOLDER of a git repository.")],
    new: Annotated[str, typer.Argument(help="Another one.")] = "policies",
    log: Annotated[Path | None, typer.Option(help="Replay this audit log instead, and list what changes.")] = None,
    as_json: AsJson = False,
) -> None:
    """List access gained and lost, by rule and pattern. Exit 1 where there is any."""
    with _policy(old) as before, _policy(new) as after:
        if log is not None:
            changes = [_plain_replayed(one) for one in diff.replay(before, after, _logged(log))]
            shown = [_replayed_line(one) for one in changes]
        else:
            found = diff.diff(before, after, system_clock())
            limits = diff.changed_limits(before, after)
            unfinished = [_unfinished_line(rule) for rule in found.unfinished]
            changes = [change.to_plain() for change in found.changes]
            changes += [{"change": "limits", "text": line} for line in limits]
            changes += [{"change": "unfinished", "text": line} for line in unfinished]
            shown = [*map(str, found.changes), *limits, *unfinished]
    _print(changes if as_json else shown or ["no access is gained or lost"])
    raise typer.Exit(1 if changes else 0)


def _unfinished_line(rule: Rule) -> str:
    return (
        f"unfinished: rule {rule.id} ({rule.place}) meets too many others to look at every combination; "
        "compare with --log, too"
    )


def load_accounts(config_file: Path) -> dict[str, Account]:
    from token_service import app

    return app.load_accounts(config.load_settings(config_file, config.Settings))


def _print(content: object) -> None:
    """Lines for people, anything else as JSON."""
    if isinstance(content, list) and all(isinstance(line, str) for line in content) and content:
        typer.echo("\n".join(content))
    else:
        typer.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


def _scopes(texts: list[str]) -> tuple[Scope, ...]:
    """All of `texts` as scopes: what a service ignores in silence is an error on a command line."""
    for text in texts:
        if len(parse_scopes([text])) != 1:
            raise LoadError(text, "is not a scope", "write it as `repository:team/app:pull,push`")
    return parse_scopes(texts)


# --- principals --------------------------------------------------------------------------------------------------


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
    account = load_accounts(config_file).get(named.name)
    if account is None or named.kind is Kind.ANONYMOUS or account.kind is not named.kind:
        raise LoadError(
            f"{named.kind}:{named.name}", "is not an account of the configured authenticators", "see `authenticators`"
        )
    if not account.is_open(system_clock()):
        typer.echo(f"{named.kind}:{named.name} cannot log in: the account is disabled or has expired", err=True)
    return account.principal()


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


# --- policies and logs -------------------------------------------------------------------------------------------


@contextmanager
def _policy(where: str) -> Iterator[CompiledPolicy]:
    """The policy in a folder, or at `REVISION:FOLDER` of the git repository that we are in."""
    if Path(where).is_dir():
        yield load_policy(Path(where))
        return
    revision, colon, folder = where.partition(":")
    if not colon:
        raise LoadError(where, "is neither a folder nor a git revision", "write FOLDER, or REVISION:FOLDER")
    with tempfile.TemporaryDirectory(prefix="token-service-policy-") as scratch:
        _extract(revision, folder or ".", Path(scratch), where)
        yield load_policy(Path(scratch))


def _extract(revision: str, folder: str, into: Path, where: str) -> None:
    """The files directly in `folder` as they were. `--end-of-options` keeps a revision from being an option."""
    names = _git(where, "ls-tree", "--name-only", "-z", "--end-of-options", f"{revision}:{folder}")
    for name in names.decode("utf-8", "replace").split("\0"):
        if name.endswith((".yaml", ".yml")):
            (into / name).write_bytes(_git(where, "show", "--end-of-options", f"{revision}:{folder}/{name}"))


def _git(where: str, *arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout  # noqa: S603, S607
    except FileNotFoundError:
        raise LoadError(where, "needs git, which is not installed", "install git, or name two folders") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise LoadError(where, f"git says: {said}", "write REVISION:FOLDER, as HEAD~1:policies") from None


def _logged(path: Path) -> Iterator[diff.Logged]:
    """The token requests of an audit log. Other lines are passed over; one that is no JSON is an error."""
    content = read_bytes(path, _MAX_LOG_BYTES, "name an audit log")
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            event = json.loads(line)
            if event.get("event") == "token" and event.get("outcome") == "issued":
                yield _request(event)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LoadError(f"{path}:{number}", "is not a line of an audit log", "name an audit log") from None


def _request(event: dict[str, object]) -> diff.Logged:
    groups, labels, requested = event["groups"], event["labels"], event["requested"]
    if not (isinstance(groups, list) and isinstance(labels, dict) and isinstance(requested, list)):
        raise TypeError("misshapen event")
    principal = Principal(
        str(event["subject"]),
        Kind(str(event["kind"])),
        frozenset(str(group) for group in groups),
        {str(name): tuple(str(value) for value in values) for name, values in labels.items()},
    )
    source_ip = event["source_ip"]
    context = Context(str(event["service"]), int(str(event["time"])), None if source_ip is None else str(source_ip))
    return diff.Logged(principal, parse_scopes(str(scope) for scope in requested), context)


# --- JSON ----------------------------------------------------------------------------------------------------------


def _plain_replayed(one: diff.Replayed) -> dict[str, object]:
    return {
        "principal": describe(one.request.principal),
        "service": one.request.context.audience,
        "time": one.request.context.now,
        "gained": sorted(":".join(access) for access in one.gained),
        "lost": sorted(":".join(access) for access in one.lost),
    }


def _replayed_line(one: dict[str, object]) -> str:
    return f"{one['principal']} at {one['time']}: gained {one['gained']}, lost {one['lost']}"
