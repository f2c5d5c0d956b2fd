"""Short ways to a policy and a request in this folder's tests."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.policy import generate
from token_service.errors import LoadError
from token_service.policy.decide import Context, Decision, decide
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.parse import parse_policy
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import Scope, parse_scopes

RULE = {
    "id": "r",
    "allow": "[pull]",
    "principals": "[anyone]",
    "resources": '["repository:a"]',
}
Changes = dict[str, str | None]
CONTEXT = Context("registry.example.com", 1_800_000_000, "10.0.0.1")


def policy(text: str) -> CompiledPolicy:
    """A policy from the `rules:` (and `groups:`) part of a file."""
    file = parse_policy(text if text.startswith("version") else f"version: 1\n{text}", "p.yaml")
    return compile_policy(file.rules, file.groups, "v")


def document_policy(rules: list[dict[str, Any]], groups: dict[str, list[str]]) -> CompiledPolicy:
    file = parse_policy(generate.to_text(rules, groups), "p.yaml")
    return compile_policy(file.rules, file.groups)


def rule_text(changes: Changes, key: str) -> tuple[str, int]:
    """A file with `RULE` as changed, one key a line, and the line of `key` (of the rule, where there is none)."""
    lines = [f"{name}: {value}" for name, value in (RULE | changes).items() if value is not None]
    text = "version: 1\nrules:\n# a comment\n- " + "\n  ".join(lines)
    line = next(
        (number for number, one in enumerate(text.split("\n"), 1) if key and one[2:].startswith(f"{key}:")), 4
    )
    return text, line


def refused(text: str, line: int, problem: str, fix: str) -> None:
    """The policy file is refused, at this line, with a message that holds `problem` and `fix`."""
    with pytest.raises(LoadError) as caught:
        parse_policy(text, "dir/p.yaml")
    assert caught.value.place == f"dir/p.yaml:{line}"
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value)


def refused_with(text: str, line: int, message: str) -> None:
    """The policy file is refused, at this line, with exactly this `message`: the problem, and the fix in brackets."""
    with pytest.raises(LoadError) as caught:
        parse_policy(text, "dir/p.yaml")
    assert str(caught.value) == f"dir/p.yaml:{line}: {message}"


def ask(compiled: CompiledPolicy, who: Principal | str, *scopes: str, context: Context = CONTEXT) -> Decision:
    return decide(compiled, user(who) if isinstance(who, str) else who, parse_scopes(scopes), context)


def granted(compiled: CompiledPolicy, who: Principal | str, *scopes: str, context: Context = CONTEXT) -> list[str]:
    return [str(access) for access in ask(compiled, who, *scopes, context=context).access]


def user(name: str, *groups: str, kind: Kind = Kind.USER, **labels: str | tuple[str, ...]) -> Principal:
    if not name:
        return ANONYMOUS
    values = {label: (value,) if isinstance(value, str) else value for label, value in labels.items()}
    return Principal(name, kind, frozenset(groups), values)


def to_principal(who: dict[str, Any]) -> Principal:
    labels = {label: tuple(values) for label, values in who["labels"].items()}
    return Principal(who["name"], Kind(who["kind"]), frozenset(who["groups"]), labels)


def to_scopes(scopes: Iterable[tuple[str, str, list[str]]]) -> list[Scope]:
    return [Scope(kind, name, tuple(sorted(set(actions)))) for kind, name, actions in scopes]


def to_context(context: dict[str, Any]) -> Context:
    return Context(context["service"], context["now"], context["source_ip"], context["filters_catalogue"])
