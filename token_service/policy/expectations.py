"""Expectations: who asks for what, and what a policy must grant. Pure; `file.py` finds the files.

What belongs here: reading `*.test.yaml`, running its cases against a policy, and telling what came out otherwise.
What does not: how results are printed (`cli/`), and which rules the cases exercised (`coverage.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from token_service.access import Access, merge
from token_service.errors import LoadError
from token_service.policy.condition import Context
from token_service.policy.decide import Decision, decide
from token_service.policy.index import CompiledPolicy
from token_service.policy.parse import parse_version
from token_service.policy.parse_when import parse_label_values
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import Scope, parse_scope
from token_service.strict_yaml import (
    Entry,
    Node,
    boolean,
    integer,
    items,
    load,
    mapping,
    nearest,
    refuse_unknown,
    shown,
    string,
    timestamp,
)

FILE_KEYS = ("version", "defaults", "principals", "cases")
CONTEXT_KEYS = ("service", "source_ip", "now", "filters_catalogue")
PRINCIPAL_KEYS = ("groups", "labels")
CASE_KEYS = ("name", "principal", "request", "expect", "rules", "lifetime", *PRINCIPAL_KEYS, *CONTEXT_KEYS)
REQUIRED_KEYS = ("principal", "request", "expect")

# Fixed, so that an expectation means tomorrow what it means today. A case about time names its own `now`.
DEFAULT_NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
DEFAULT_SERVICE = "registry.example.com"

Identity = tuple[frozenset[str], dict[str, tuple[str, ...]]]
_NAMED_KINDS = tuple(kind.value for kind in Kind if kind is not Kind.ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Case:
    """`rules` and `lifetime` are None where the file does not say; then they are not compared."""

    name: str
    place: str
    principal: Principal
    scopes: tuple[Scope, ...]
    context: Context
    expected: tuple[Access, ...]
    rules: frozenset[str] | None = None
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """`problems` are lines for people: `- ` was expected and is missing, `+ ` was granted and not expected."""

    case: Case
    decision: Decision
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


def run(policy: CompiledPolicy, cases: Iterable[Case]) -> tuple[Result, ...]:
    known = frozenset(rule.id for rule in policy.rules)
    return tuple(_run(policy, case, known) for case in cases)


def _run(policy: CompiledPolicy, case: Case, known: frozenset[str]) -> Result:
    decision = decide(policy, case.principal, case.scopes, case.context)
    problems = [*_access_problems(case.expected, decision.access)]
    determining = frozenset(rule for verdict in decision.verdicts for rule in verdict.rules)
    if case.rules is not None and case.rules != determining:
        problems += [f"- rule {rule}{'' if rule in known else ' (no rule has this id)'}"
                     for rule in sorted(case.rules - determining)]  # fmt: skip
        problems += [f"+ rule {rule}" for rule in sorted(determining - case.rules)]
    if case.lifetime is not None and case.lifetime != decision.lifetime:
        problems += [f"- lifetime {case.lifetime}", f"+ lifetime {decision.lifetime or 'default'}"]
    return Result(case, decision, tuple(problems))


def _access_problems(expected: tuple[Access, ...], actual: tuple[Access, ...]) -> Iterable[str]:
    wanted, found = _single_actions(expected), _single_actions(actual)
    yield from (f"- {one}" for one in sorted(wanted - found))
    yield from (f"+ {one}" for one in sorted(found - wanted))


def _single_actions(accesses: tuple[Access, ...]) -> set[str]:
    return {
        str(Scope(access.type, access.name, (action,), access.resource_class))
        for access in accesses
        for action in access.actions
    }


def to_junit(results: Iterable[Result]) -> str:
    """JUnit XML, which CI systems show."""
    results = tuple(results)
    failed = sum(not result.passed for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="policy" tests="{len(results)}" failures="{failed}" errors="0" skipped="0">',
    ]
    for result in results:
        file, _, line = result.case.place.rpartition(":")
        attributes = f"classname={quoteattr(file)} name={quoteattr(result.case.name)}"
        attributes += f" file={quoteattr(file)} line={quoteattr(line)}"
        if result.passed:
            lines.append(f"  <testcase {attributes}/>")
        else:
            message = quoteattr("; ".join(result.problems))
            lines.append(f"  <testcase {attributes}><failure message={message}/></testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


# --- reading ---------------------------------------------------------------------------------------------------


def parse_expectations(data: str | bytes, file: str) -> tuple[Case, ...]:
    """The cases of one file. Raises LoadError and nothing else."""
    top = mapping(load(data, file), "the expectation file")
    refuse_unknown(top, FILE_KEYS, "an expectation file")
    parse_version(top, f"{file}:1", "the expectation file")
    defaults = Context(DEFAULT_SERVICE, DEFAULT_NOW)
    if "defaults" in top:
        entries = mapping(top["defaults"].value, "defaults")
        refuse_unknown(entries, CONTEXT_KEYS, "defaults")
        defaults = _context(entries, defaults)
    people = _people(top["principals"]) if "principals" in top else {}
    cases = items(top["cases"].value, "cases") if "cases" in top else ()
    if not cases:
        raise LoadError(f"{file}:1", "the file holds no cases", "add some under `cases`, or remove the file")
    return tuple(_case(node, people, defaults) for node in cases)


def _people(entry: Entry) -> dict[str, Identity]:
    people: dict[str, Identity] = {}
    for person in mapping(entry.value, "principals").values():
        parse_principal(person.key, person.place)
        entries = mapping(person.value, f"principal {person.key}")
        refuse_unknown(entries, PRINCIPAL_KEYS, "a principal")
        people[person.key] = _identity(entries, (frozenset(), {}))
    return people


def _identity(entries: dict[str, Entry], known: Identity) -> Identity:
    groups, labels = known
    if "groups" in entries:
        groups = frozenset(string(node, "a group") for node in items(entries["groups"].value, "groups"))
    if "labels" in entries:
        labels = {
            entry.key: parse_label_values(entry) for entry in mapping(entries["labels"].value, "labels").values()
        }
    return groups, labels


def _case(node: Node, people: dict[str, Identity], defaults: Context) -> Case:
    entries = mapping(node, "a case")
    refuse_unknown(entries, CASE_KEYS, "a case")
    for key in REQUIRED_KEYS:
        if key not in entries:
            raise LoadError(node.place, f"the case has no {key}", f"add `{key}:`")
    who = string(entries["principal"].value, "principal")
    principal = parse_principal(who, entries["principal"].value.place)
    groups, labels = _identity(entries, people.get(who, (frozenset(), {})))
    scopes = tuple(_scope(item) for item in items(entries["request"].value, "request"))
    return Case(
        name=string(entries["name"].value, "name") if "name" in entries else f"{who}: {' '.join(map(str, scopes))}",
        place=node.place,
        principal=Principal(principal.name, principal.kind, groups, labels),
        scopes=scopes,
        context=_context(entries, defaults),
        expected=_expected(entries["expect"]),
        rules=_rules(entries["rules"]) if "rules" in entries else None,
        lifetime=integer(entries["lifetime"].value, "lifetime") if "lifetime" in entries else None,
    )


def parse_principal(text: str, place: str) -> Principal:
    """`anonymous`, or `user:alice`: a kind and an exact name."""
    if text == Kind.ANONYMOUS:
        return ANONYMOUS
    word, _, name = text.partition(":")
    if word not in _NAMED_KINDS:
        fix = nearest(word, _NAMED_KINDS) if name else f"write {shown(f'user:{word}')}, or `anonymous`"
        raise LoadError(place, f"principal {shown(text)} has no kind", fix)
    if not name:
        raise LoadError(place, f"principal {shown(text)} has no name", f"write `{word}:NAME`")
    return Principal(name, Kind(word))


def _scope(node: Node) -> Scope:
    text = string(node, "a scope")
    scope = parse_scope(text)
    if scope is None:
        raise LoadError(
            node.place, f"{shown(text)} is not a scope", "write type:name:actions, as in repository:a/b:pull"
        )
    return scope


def _expected(entry: Entry) -> tuple[Access, ...]:
    scopes = [_scope(node) for node in items(entry.value, "expect")]
    return merge(Access(scope.type, scope.name, scope.actions, scope.resource_class) for scope in scopes)


def _rules(entry: Entry) -> frozenset[str]:
    return frozenset(string(node, "a rule") for node in items(entry.value, "rules"))


def _context(entries: dict[str, Entry], defaults: Context) -> Context:
    return Context(
        audience=string(entries["service"].value, "service") if "service" in entries else defaults.audience,
        now=timestamp(entries["now"].value, "now") if "now" in entries else defaults.now,
        source_ip=string(entries["source_ip"].value, "source_ip") if "source_ip" in entries else defaults.source_ip,
        filters_catalogue=boolean(entries["filters_catalogue"].value, "filters_catalogue")
        if "filters_catalogue" in entries
        else defaults.filters_catalogue,
    )
