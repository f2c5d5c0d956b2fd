"""What an import writes: users, policy and report, as text. Pure.

What belongs here: the form. What does not: what the rules are (`translate.py`), and files (`cli/policy_import.py`).
"""

import json
from collections.abc import Iterable
from itertools import groupby

from token_service.policy.docker_auth.entry import Accounts, AclEntry, Box
from token_service.policy.docker_auth.source import Finding, User
from token_service.policy.docker_auth.translate import Piece
from token_service.policy.pattern import show
from token_service.policy.rule import Effect

_MADE = "# Made from docker_auth's configuration by `token-service policy import docker-auth`."
_RULES = "# Each rule names the entry of `acl` that it came from; REPORT.md says what is different now."


def users_text(users: Iterable[User]) -> str:
    lines = [_MADE, "users:" if users else "users: {}"]
    for user in users:
        lines += [f"  {_quoted(user.name)}:", f"    password_hash: {_quoted(user.password_hash)}"]
        labels = {label: values for label, values in user.labels.items() if values}
        if labels:
            lines.append("    labels:")
            lines += [f"      {_quoted(label)}: {_list(values)}" for label, values in labels.items()]
    return "\n".join(lines) + "\n"


def policy_text(pieces: tuple[Piece, ...], entries: tuple[AclEntry, ...]) -> str:
    by_number = {entry.number: entry for entry in entries}
    lines = [_MADE, _RULES, "version: 1", "rules:" if pieces else "rules: []"]
    for number, parts in groupby(pieces, lambda piece: piece.number):
        entry = by_number[number]
        comment = f": {_one_line(entry.comment)}" if entry.comment else ""
        lines.append(f"  # entry {number}, {_one_line(entry.place)}{comment}")
        for part, piece in enumerate(parts, start=1):
            lines += _rule(piece, f"acl-{number}" if part == 1 else f"acl-{number}.{part}")
    return "\n".join(lines) + "\n"


def _rule(piece: Piece, rule_id: str) -> Iterable[str]:
    box = piece.box
    yield f"  - id: {rule_id}"
    yield f"    {piece.effect}: {_list(piece.actions)}"
    yield f"    principals: {_list(_terms(box.accounts))}"
    if box.exceptions:
        yield f"    except: {_list(_terms(box.exceptions))}"
    yield f"    resources: {_list(str(resource) for resource in box.resources)}"
    when = _when(box)
    if when:
        yield f"    when: {{{', '.join(when)}}}"


def _terms(accounts: Accounts) -> list[str]:
    names = [f"user:{show(name)}" for name in accounts.names]
    if accounts.anonymous and "user:**" in names:
        return ["anyone"]
    return [*(["anonymous"] if accounts.anonymous else []), *names]


def _when(box: Box) -> list[str]:
    found = []
    if box.labels:
        labels = ", ".join(f"{_quoted(label)}: {_list(values)}" for label, values in box.labels)
        found.append(f"labels: {{{labels}}}")
    if box.services is not None:
        found.append(f"service: {_list(box.services)}")
    if box.networks is not None:
        found.append(f"source_ip: {_list(map(str, box.networks))}")
    return found


def report_text(
    place: str,
    pieces: tuple[Piece, ...],
    entries: tuple[AclEntry, ...],
    problems: Iterable[Finding],
    notes: Iterable[Finding],
) -> str:
    allows = sum(piece.effect is Effect.ALLOW for piece in pieces)
    counts = f"{len(entries)} entries of `acl`, {allows} allow and {len(pieces) - allows} deny rules"
    lines = [
        "# Import from docker_auth",
        "",
        f"From {_one_line(place)}: {counts}.",
        "",
    ]
    lines += _section("Not imported exactly", problems, "Nothing. The rules grant what docker_auth grants.")
    lines += _section("What changed", notes, "Nothing beyond what always differs.")
    lines += ["## Entries", "", "| entry | place | rules | comment |", "|---|---|---|---|"]
    for entry in entries:
        count = sum(piece.number == entry.number for piece in pieces)
        shown = count or _no_rule(entry)
        comment = _one_line(entry.comment).replace("|", "\\|")
        lines.append(f"| {entry.number} | {_one_line(entry.place)} | {shown} | {comment} |")
    return "\n".join([*lines, "", *_ALWAYS]) + "\n"


def _no_rule(entry: AclEntry) -> str:
    if not entry.is_exact:
        return "none"
    if not entry.is_reachable:
        return "none: it never matches"
    return "none of its own: others leave it out" if entry.is_deny else "none: entries before it decide"


def _section(title: str, findings: Iterable[Finding], none: str) -> list[str]:
    lines = [f"- {_one_line(str(finding))}" for finding in dict.fromkeys(findings)]
    return [f"## {title}", "", *(lines or [none]), ""]


_ALWAYS = (
    "## What always differs",
    "",
    "- Names that no registry accepts, and types of resources that the configuration does not name, get nothing.",
    "  Of type `registry` there is only `catalog`.",
    '- `actions: ["*"]` on a repository is pull, push, delete and the actions named elsewhere in the `acl`, not',
    "  whatever somebody asks for. A request for `*` is answered with what is allowed, not with `*`.",
    "- What fills `${account}` and `${labels:NAME}` is literal here, never a pattern, and has to be a path of name",
    "  components.",
    "- `**` of ours crosses slashes; `*` does not, as in docker_auth. Patterns are anchored at both ends.",
    "- An address that is not known meets no `source_ip` of an allow rule and every one of a deny rule. Behind a",
    "  proxy, set `trusted_proxies` in the place of `real_ip_header`.",
    "- The `service` that is asked for has to be one of `services`.",
)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
