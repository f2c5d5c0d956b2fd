"""The policy language evaluated literally: slow, without an index, and without a line of the engine's code.

It reads the document's own words (strings in dictionaries), tries every rule on every action, and matches patterns
by recursion, character by character. Where it and the engine differ, one of them is wrong: read
`docs/reference/policy-language.md` to see which.
"""

import ipaddress
import itertools
from typing import Any

Rule = dict[str, Any]
Who = dict[str, Any]
Outcome = dict[tuple[str, str, str], tuple[bool, tuple[str, ...], tuple[str, ...]]]
Limits = dict[tuple[str, str], tuple[dict[str, set[str]], bool]]

ALNUM = "abcdefghijklmnopqrstuvwxyz0123456789"


def evaluate(rules: list[Rule], groups: dict[str, list[str]], who: Who, scopes: list[tuple[str, str, list[str]]],
             context: dict[str, Any]) -> tuple[Outcome, int | None, Limits]:  # fmt: skip
    """What becomes of each action; the shortest lifetime named by a rule that allowed something; and for each
    resource of which something is allowed the limits on tags, and whether a listing is filtered."""
    outcome: Outcome = {}
    limits: Limits = {}
    lifetimes = []
    for kind, name, actions in scopes:
        hits = [rule for rule in rules if rule_matches(rule, groups, who, kind, name, context)]
        for action in asked(hits, kind, actions):
            speaking = [rule for rule in hits if speaks_about(rule, kind, action)]
            audit = [rule["id"] for rule in speaking if rule.get("mode") == "audit"]
            denies = [rule["id"] for rule in speaking if "deny" in rule and rule.get("mode") != "audit"]
            allows = [rule for rule in speaking if "allow" in rule and rule.get("mode") != "audit"]
            allowed = len(allows) > 0 and len(denies) == 0
            because = denies or [rule["id"] for rule in allows]
            outcome[kind, name, action] = (allowed, tuple(sorted(because)), tuple(sorted(audit)))
            if allowed:
                lifetimes += [rule["lifetime"] for rule in allows if "lifetime" in rule]
                tags, is_filtered = limits.get((kind, name), ({}, False))
                limits[kind, name] = (add_tags(tags, allows), is_filtered or all("filter" in rule for rule in allows))
    return outcome, (min(lifetimes) if lifetimes else None), limits


def add_tags(tags: dict[str, set[str]], allows: list[Rule]) -> dict[str, set[str]]:
    every = [tags, *(rule.get("tags", {}) for rule in allows)]
    return {key: {glob for one in every for glob in one.get(key, [])} for key in ("push", "delete", "immutable")}


def may_pull(rules: list[Rule], groups: dict[str, list[str]], who: Who, name: str, context: dict[str, Any]) -> bool:
    """What a filtered catalogue goes by."""
    outcome, _, _ = evaluate(rules, groups, who, [("repository", name, ["pull"])], context)
    return outcome["repository", name, "pull"][0]


def asked(hits: list[Rule], kind: str, actions: list[str]) -> set[str]:
    if "*" not in actions:
        return set(actions)
    acting = [rule for rule in hits if "allow" in rule and rule.get("mode") != "audit"]
    named = {action for rule in acting for action in rule["allow"] if action != "*"}
    plain = {action for action in actions if action != "*"}
    if kind == "repository":
        return plain | named | {"pull", "push", "delete"}
    anything = any("*" in rule["allow"] for rule in acting)
    denied = any("deny" in rule and rule.get("mode") != "audit" for rule in hits)
    return plain | {"*"} if anything and not denied else plain | {"*"} | named


def speaks_about(rule: Rule, kind: str, action: str) -> bool:
    if "deny" in rule:
        return action == "*" or "*" in rule["deny"] or action in rule["deny"]
    if kind == "repository" and "*" in rule["allow"] and action in ("pull", "push", "delete"):
        return True
    if kind != "repository" and "*" in rule["allow"]:
        return True
    return action in rule["allow"] and not (kind == "repository" and action == "*")


def rule_matches(
    rule: Rule, groups: dict[str, list[str]], who: Who, kind: str, name: str, context: dict[str, Any]
) -> bool:
    if not any(is_meant(term, groups, who) for term in rule["principals"]):
        return False
    if any(is_meant(term, groups, who) for term in rule.get("except", [])):
        return False
    if not any(names(resource, who, kind, name) for resource in rule["resources"]):
        return False
    if "filter" in rule and not context["filters_catalogue"]:
        return False
    return conditions_hold(rule, who, context)


# --- principals ------------------------------------------------------------------------------------------------


def is_meant(term: str, groups: dict[str, list[str]], who: Who) -> bool:
    if term == "anyone":
        return True
    if term == "anonymous":
        return bool(who["kind"] == "anonymous")
    if term == "authenticated":
        return bool(who["kind"] != "anonymous")
    word, pattern = term.split(":", 1)
    if word == "group":
        return any(path_matches(pattern.split("/"), group.split("/")) for group in all_groups(groups, who))
    return bool(word == who["kind"]) and path_matches(pattern.split("/"), who["name"].split("/"))


def all_groups(groups: dict[str, list[str]], who: Who) -> set[str]:
    mine = set(who["groups"])
    for group, members in groups.items():
        for member in members:
            full = member if ":" in member else "user:" + member
            if full == who["kind"] + ":" + who["name"]:
                mine.add(group)
    return mine


# --- resources -------------------------------------------------------------------------------------------------


def names(resource: str, who: Who, kind: str, name: str) -> bool:
    pattern_kind, pattern = resource.split(":", 1)
    if pattern_kind != kind or "" in name.split("/"):
        return False
    return any(path_matches(filled.split("/"), name.split("/")) for filled in fillings(pattern, who))


def fillings(pattern: str, who: Who) -> list[str]:
    """The pattern once for every way to fill its placeholders. What fills them is a path, so it holds no wildcard."""
    placeholders = sorted({part.split("}")[0] for part in pattern.split("{")[1:]})
    choices = []
    for placeholder in placeholders:
        values = [who["name"]] if placeholder == "principal" else who["labels"].get(placeholder[len("label.") :], [])
        choices.append([value for value in values if is_a_path(value)])
    filled = []
    for values in itertools.product(*choices):
        text = pattern
        for placeholder, value in zip(placeholders, values, strict=True):
            alone = all(
                segment == "{" + placeholder + "}" or "{" + placeholder + "}" not in segment
                for segment in pattern.split("/")
            )
            text = text.replace("{" + placeholder + "}", value if alone or "/" not in value else "\0")
        if "\0" not in text:
            filled.append(text)
    return filled


def is_a_path(value: str) -> bool:
    return len(value) <= 255 and all(is_a_component(component) for component in value.split("/"))


def is_a_component(text: str) -> bool:
    """Runs of letters and digits, between them one of: a dot, one or two underscores, any number of hyphens."""
    if text == "" or text[0] not in ALNUM or text[-1] not in ALNUM:
        return False
    separators = "".join(" " if character in ALNUM else character for character in text).split()
    return all(one in (".", "_", "__") or set(one) == {"-"} for one in separators)


def path_matches(pattern: list[str], name: list[str]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        fewest = 1 if len(pattern) == 1 else 0
        return any(path_matches(pattern[1:], name[taken:]) for taken in range(fewest, len(name) + 1))
    return bool(name) and text_matches(pattern[0], name[0]) and path_matches(pattern[1:], name[1:])


def text_matches(pattern: str, text: str) -> bool:
    if pattern == "":
        return text == ""
    if pattern[0] == "*":
        return text_matches(pattern[1:], text) or (text != "" and text_matches(pattern, text[1:]))
    return text != "" and pattern[0] in ("?", text[0]) and text_matches(pattern[1:], text[1:])


# --- conditions ------------------------------------------------------------------------------------------------


def conditions_hold(rule: Rule, who: Who, context: dict[str, Any]) -> bool:
    for label, wanted in rule.get("labels", {}).items():
        if not set(who["labels"].get(label, [])) & set(wanted):
            return False
    if "service" in rule and context["service"] not in rule["service"]:
        return False
    if "after" in rule and context["now"] < rule["after"]:
        return False
    if "before" in rule and context["now"] >= rule["before"]:
        return False
    if "source_ip" in rule:
        inside = is_inside(rule["source_ip"], context["source_ip"])
        return "deny" in rule if inside is None else inside
    return True


def is_inside(networks: list[str], source_ip: str | None) -> bool | None:
    """None where the address is not known or makes no sense."""
    try:
        address: Any = ipaddress.ip_address(source_ip or "")
    except ValueError:
        return None
    if "%" in (source_ip or ""):
        return None
    if address.version == 6 and int(address) >> 32 == 0xFFFF:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    for text in networks:
        network = ipaddress.ip_network(text)
        shift = network.max_prefixlen - network.prefixlen
        if network.version == address.version and int(address) >> shift == int(network.network_address) >> shift:
            return True
    return False
