"""Policy text to rules and groups. Pure, and the only place where a policy can fail.

What belongs here: the shape of a policy file, and an error with `file:line` and a fix for everything that is not in
it. What does not: files and folders (`file.py`), and judgements about rules that are well-formed (`lint.py`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from token_service.errors import LoadError
from token_service.policy.condition import NO_CONDITIONS
from token_service.policy.finding import FINDINGS
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.parse_when import parse_conditions, parse_list
from token_service.policy.pattern import ResourcePattern
from token_service.policy.rule import (
    CATALOGUE,
    MAX_LIFETIME_SECONDS,
    MIN_LIFETIME_SECONDS,
    NAMELESS,
    REPOSITORY,
    Effect,
    Group,
    Mode,
    Rule,
    Term,
    Who,
)
from token_service.principal import Kind
from token_service.scope import ACTION
from token_service.strict_yaml import (
    Entry,
    Node,
    integer,
    items,
    load,
    mapping,
    nearest,
    refuse_unknown,
    shown,
    string,
)
from token_service.tag_rules import NO_TAG_RULES, TagRules, is_tag_glob, union

VERSION = 1
FILE_KEYS = ("version", "groups", "rules")
RULE_KEYS = (
    "id", "allow", "deny", "principals", "except", "resources", "when", "lifetime", "tags", "filter", "mode", "lint"
)  # fmt: skip
TAG_KEYS = ("push", "delete", "immutable")
FILTERS = ("pull",)
MEMBER_KINDS = {"user": Kind.USER, "service-account": Kind.SERVICE_ACCOUNT}

ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    rules: tuple[Rule, ...]
    groups: tuple[Group, ...]


def parse_policy(data: str | bytes, file: str) -> PolicyFile:
    """The rules and groups of one file. Raises LoadError and nothing else."""
    top = mapping(load(data, file), "the policy")
    refuse_unknown(top, FILE_KEYS, "a policy")
    parse_version(top, f"{file}:1", "the policy")
    rules = top.get("rules")
    groups = top.get("groups")
    return PolicyFile(
        tuple(_rule(node) for node in items(rules.value, "rules")) if rules else (),
        tuple(_group(entry) for entry in mapping(groups.value, "groups").values()) if groups else (),
    )


def parse_version(top: dict[str, Entry], place: str, what: str) -> None:
    entry = top.get("version")
    if entry is None:
        raise LoadError(place, f"{what} has no version", f"write `version: {VERSION}` at the top")
    if integer(entry.value, "version") != VERSION:
        raise LoadError(entry.place, f"version is not {VERSION}", f"write `version: {VERSION}`")


def check_unique(files: Iterable[PolicyFile]) -> None:
    """Refuse an id or a group that two files (or one) define."""
    seen: dict[tuple[str, str], str] = {}
    for file in files:
        for what, name, place in (
            *(("rule", rule.id, rule.place) for rule in file.rules),
            *(("group", group.name, group.place) for group in file.groups),
        ):
            if (what, name) in seen:
                raise LoadError(
                    place, f"{what} {shown(name)} is defined twice", f"the first is at {seen[what, name]}"
                )
            seen[what, name] = place


# --- rules -----------------------------------------------------------------------------------------------------


def _rule(node: Node) -> Rule:
    entries = mapping(node, "a rule")
    refuse_unknown(entries, RULE_KEYS, "a rule")
    rule_id = _rule_id(entries, node)
    effect, actions = _effect(entries, node, rule_id)
    resources = _required(entries, "resources", node, rule_id, _resource)
    return Rule(
        id=rule_id,
        effect=effect,
        actions=actions,
        principals=_required(entries, "principals", node, rule_id, _term),
        resources=resources,
        exceptions=parse_list(entries["except"], _term) if "except" in entries else (),
        when=parse_conditions(entries["when"]) if "when" in entries else NO_CONDITIONS,
        lifetime=_lifetime(entries["lifetime"], effect) if "lifetime" in entries else None,
        tags=_tags(entries["tags"], effect, resources) if "tags" in entries else NO_TAG_RULES,
        is_filtered=_is_filtered(entries["filter"], effect, resources) if "filter" in entries else False,
        mode=_mode(entries["mode"]) if "mode" in entries else Mode.ENFORCE,
        allowances=_allowances(entries["lint"]) if "lint" in entries else (),
        place=node.place,
    )


def _allowances(entry: Entry) -> tuple[tuple[str, str], ...]:
    """`lint: {finding: reason}`. A reason that is left empty is no reason."""
    entries = mapping(entry.value, "lint")
    refuse_unknown(entries, FINDINGS, "lint")
    found = tuple(
        (allowed.key, string(allowed.value, f"the reason for {allowed.key}")) for allowed in entries.values()
    )
    if not found or not all(reason.strip() for _, reason in found):
        raise LoadError(entry.place, "lint gives no reason", "write `lint: {finding: why the rule stays so}`")
    return found


def _rule_id(entries: dict[str, Entry], node: Node) -> str:
    if "id" not in entries:
        raise LoadError(node.place, "the rule has no id", "add `id: some-name`; decisions are reported by it")
    text = string(entries["id"].value, "the id")
    if not ID.fullmatch(text):
        raise LoadError(entries["id"].place, f"id {shown(text)} is not usable", "up to 64 of a-z 0-9 . _ -")
    return text


def _effect(entries: dict[str, Entry], node: Node, rule_id: str) -> tuple[Effect, frozenset[str]]:
    given = [effect for effect in Effect if effect in entries]
    if len(given) != 1:
        found = "both allow and deny" if given else "neither allow nor deny"
        raise LoadError(node.place, f"rule {shown(rule_id)} has {found}", "write exactly one of `allow` and `deny`")
    return given[0], frozenset(parse_list(entries[given[0]], _action))


def _action(node: Node, what: str) -> str:
    text = string(node, what)
    if not ACTION.fullmatch(text):
        fix = "write pull, push, delete, another word of a-z, or *"
        raise LoadError(node.place, f"action {shown(text)} is not a word of a-z", fix)
    return text


def _term(node: Node, what: str) -> Term:
    text = string(node, what)
    word, colon, name = text.partition(":")
    if word not in {who.value for who in Who}:
        fix = nearest(word, [who.value for who in Who]) if colon else f"did you mean {shown(_guess(word))}?"
        raise LoadError(node.place, f"{shown(text)} does not say what kind of principal it is", fix)
    who = Who(word)
    if who in NAMELESS:
        if colon:
            raise LoadError(node.place, f"{word} takes no name, but stands as {shown(text)}", f"write `{word}`")
        return Term(who)
    if not name:
        raise LoadError(node.place, f"{shown(text)} names nobody", f"write `{word}:NAME`, or `{word}:**` for all")
    return Term(who, parse_name(name, node.place))


def _guess(word: str) -> str:
    """A bare word is most likely a misspelt `anyone`, else somebody's name."""
    hint = nearest(word, list(NAMELESS))
    return hint.split("`")[1] if hint.startswith("did") else f"user:{word}"


def _resource(node: Node, what: str) -> ResourcePattern:
    return parse_resource(string(node, what), node.place)


def _lifetime(entry: Entry, effect: Effect) -> int:
    if effect is not Effect.ALLOW:
        raise LoadError(entry.place, "lifetime stands in a deny rule", "remove it: a deny gives no token")
    seconds = integer(entry.value, "lifetime")
    if not MIN_LIFETIME_SECONDS <= seconds <= MAX_LIFETIME_SECONDS:
        fix = f"write {MIN_LIFETIME_SECONDS} to {MAX_LIFETIME_SECONDS} seconds"
        raise LoadError(entry.place, f"lifetime {seconds} is out of range", fix)
    return seconds


def _tags(entry: Entry, effect: Effect, resources: Iterable[ResourcePattern]) -> TagRules:
    """`tags: {push: [GLOB], delete: [GLOB], immutable: [GLOB]}`: what the rule's allowance does not reach."""
    if effect is not Effect.ALLOW or any(resource.type != REPOSITORY for resource in resources):
        raise LoadError(entry.place, "tags are for rules that allow something on repositories", "remove it here")
    entries = mapping(entry.value, "tags")
    refuse_unknown(entries, TAG_KEYS, "tags")
    globs = {key: parse_list(one, _tag_glob, may_be_empty=True) for key, one in entries.items()}
    return union([TagRules(**globs)])


def _tag_glob(node: Node, what: str) -> str:
    text = string(node, what)
    if not is_tag_glob(text):
        fix = "write a tag, with * and ? for what may differ"
        raise LoadError(node.place, f"{shown(text)} is no pattern of tags", fix)
    return text


def _is_filtered(entry: Entry, effect: Effect, resources: Iterable[ResourcePattern]) -> bool:
    text = string(entry.value, "filter")
    if text not in FILTERS:
        raise LoadError(entry.place, f"filter {shown(text)} does not exist", nearest(text, FILTERS))
    if effect is not Effect.ALLOW or any(str(resource) != CATALOGUE for resource in resources):
        raise LoadError(entry.place, f"filter is for rules that allow {CATALOGUE}", "remove it here")
    return True


def _mode(entry: Entry) -> Mode:
    text = string(entry.value, "mode")
    if text not in {mode.value for mode in Mode}:
        raise LoadError(
            entry.place, f"mode {shown(text)} does not exist", nearest(text, [mode.value for mode in Mode])
        )
    return Mode(text)


def _required(
    entries: dict[str, Entry], key: str, node: Node, rule_id: str, read: Callable[[Node, str], _T]
) -> tuple[_T, ...]:
    if key not in entries:
        raise LoadError(node.place, f"rule {shown(rule_id)} has no {key}", f"add `{key}: [...]`")
    return parse_list(entries[key], read)


# --- groups ----------------------------------------------------------------------------------------------------


def _group(entry: Entry) -> Group:
    if not entry.key or any(character in "*?:" for character in entry.key):
        raise LoadError(entry.place, f"group {shown(entry.key)} is not usable", "a name without * ? :")
    return Group(entry.key, frozenset(parse_list(entry, _member, may_be_empty=True)), entry.place)


def _member(node: Node, what: str) -> tuple[Kind, str]:
    text = string(node, what)
    word, colon, name = text.partition(":")
    if not colon:
        word, name = "user", text
    if word not in MEMBER_KINDS:
        fix = "members are users (`alice`) and service accounts (`service-account:ci`)"
        raise LoadError(node.place, f"member {shown(text)} is neither", fix)
    if not name or any(character in "*?" for character in name):
        raise LoadError(
            node.place, f"member {shown(text)} is not an exact name", "write the names out, without * and ?"
        )
    return MEMBER_KINDS[word], name
