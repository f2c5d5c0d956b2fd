"""Random policies and requests, biased so that rules really hit. Documents and values only; nothing is evaluated.

A document is a list of rule dictionaries in the reference's words; `to_text` writes it as a policy file, so that
the engine gets it through its own parser. Names come from a handful of words: with more, nothing would ever match.
"""

import json
import random
from datetime import UTC, datetime
from typing import Any

WORDS = ["a", "b", "team", "app", "app-1", "app-2", "a.b", "alice", "bob", "x1"]
USERS = ["alice", "bob", "a/b", "al*ce", "alice/..", "**", "Alice", "a", "{principal}"]
GROUPS = ["dev", "dev/core", "ops", "admins", "*"]
LABELS = ["team", "ref"]
VALUES = ["team", "a/b", "app-1", "main", "*", "../a", "a", "x//y", "alice"]
KINDS = ["user", "service-account", "workload", "anonymous"]
SERVICES = ["r1", "r2"]
ADDRESSES = [
    None,
    "10.0.0.1",
    "10.1.2.3",
    "192.168.1.9",
    "::1",
    "2001:db8::5",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "junk",
]
NETWORKS = ["10.0.0.0/8", "10.0.0.1", "192.168.0.0/16", "2001:db8::/32", "0.0.0.0/0", "::/0"]
TIMES = [1_800_000_000, 1_800_000_100, 1_800_000_200, 1_800_000_300]
ACTIONS = ["pull", "push", "delete", "*", "scan"]
TAGS = ["v*", "latest", "r?", "*", "1.2"]
TAG_LIMITS = ["push", "delete", "immutable"]
TERMS = [
    "anyone", "anyone", "anyone", "anyone", "anyone", "authenticated", "authenticated", "anonymous",
    "user:*", "user:**", "user:alice", "user:bob", "user:a*",
    "user:?ob", "user:*/b", "user:**/b", "group:dev", "group:dev/*", "group:dev/**", "group:*", "group:admins",
    "group:ops", "service-account:*", "service-account:alice", "workload:**", "workload:a/*", "workload:alice",
]  # fmt: skip
SEGMENTS = [
    "*", "*", "**", "**", "app-*", "a*", "*p*", "?", "a?p", "app-?", "*-1", "*-*", "{principal}", "{label.team}",
    "app-{principal}", "{label.ref}-*", "*{principal}", "*p{label.ref}?1",
]  # fmt: skip


def rule(rng: random.Random, number: int) -> dict[str, Any]:
    effect = "deny" if rng.random() < 0.25 else "allow"
    made: dict[str, Any] = {
        "id": f"r{number}",
        effect: some(rng, ACTIONS, 3),
        "principals": some(rng, TERMS, 3),
        "resources": [resource(rng) for _ in range(rng.randint(1, 3))],
    }
    if rng.random() < 0.15:
        made["except"] = some(rng, TERMS[6:], 2)
    if effect == "allow" and rng.random() < 0.3:
        made["lifetime"] = rng.choice([60, 300, 900])
    if rng.random() < 0.12:
        made["mode"] = "audit"
    return made | limits(rng, made) | conditions(rng)


def limits(rng: random.Random, rule: dict[str, Any]) -> dict[str, Any]:
    """What may limit a rule where it stands: tags of repositories, and what a catalogue shows. Some become that."""
    if rng.random() < 0.12:
        catalogue = {"resources": ["registry:catalog"]}
        return catalogue | ({"filter": "pull"} if "allow" in rule and rng.random() < 0.8 else {})
    if "allow" in rule and all(one.startswith("repository:") for one in rule["resources"]) and rng.random() < 0.2:
        return {"tags": {key: some(rng, TAGS, 2) for key in some(rng, TAG_LIMITS, 3)}}
    return {}


def conditions(rng: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if rng.random() < 0.12:
        made["labels"] = {label: some(rng, VALUES, 3) for label in some(rng, LABELS, 2)}
    if rng.random() < 0.12:
        made["service"] = some(rng, SERVICES, 2)
    if rng.random() < 0.12:
        made["source_ip"] = some(rng, NETWORKS, 2)
    if rng.random() < 0.1:
        made["after"] = rng.choice(TIMES[:2])
    if rng.random() < 0.1:
        made["before"] = rng.choice(TIMES[2:])
    return made


def resource(rng: random.Random) -> str:
    kind = "repository" if rng.random() < 0.85 else rng.choice(["registry", "other"])
    if rng.random() < 0.3:
        return f"{kind}:**"
    while True:
        text = "/".join(rng.choice(WORDS if rng.random() < 0.45 else SEGMENTS) for _ in range(rng.randint(1, 4)))
        if all(text.count(f"{{label.{label}}}") < 2 for label in LABELS):
            return f"{kind}:{text}"


def document(rng: random.Random) -> list[dict[str, Any]]:
    return [rule(rng, number) for number in range(rng.randint(2, 14))]


def groups(rng: random.Random) -> dict[str, list[str]]:
    members = ["alice", "bob", "user:a", "service-account:alice", "service-account:ci"]
    return {group: some(rng, members, 3) for group in some(rng, ["dev", "dev/core", "admins"], 2)}


def principal(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(KINDS)
    if kind == "anonymous":
        return {"kind": kind, "name": "", "groups": [], "labels": {}}
    return {
        "kind": kind,
        "name": rng.choice(USERS if rng.random() < 0.6 else USERS[:3]),
        "groups": some(rng, GROUPS, 2) if rng.random() < 0.5 else [],
        "labels": {label: some(rng, VALUES, 2) for label in LABELS if rng.random() < 0.5},
    }


def scopes(rng: random.Random, rules: list[dict[str, Any]], who: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [scope(rng, rules, who) for _ in range(rng.randint(1, 2))]


def scope(rng: random.Random, rules: list[dict[str, Any]], who: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Mostly a name that one of the rules' patterns nearly matches."""
    actions = sorted(set(some(rng, ACTIONS, 3))) if rng.random() > 0.03 else []
    if rng.random() < 0.02:
        return "repository", "", actions
    if rng.random() < 0.75:
        kind, _, pattern = rng.choice(rng.choice(rules)["resources"]).partition(":")
        return kind, "/".join(near(rng, segment, who) for segment in pattern.split("/")), actions
    kind = "repository" if rng.random() < 0.85 else rng.choice(["registry", "other", "none"])
    return kind, "/".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4))), actions


def near(rng: random.Random, segment: str, who: dict[str, Any]) -> str:
    """Text that a segment of a pattern is likely to match."""
    if rng.random() < 0.05:
        return rng.choice(WORDS)
    if segment == "**":
        return "/".join(rng.choice(WORDS) for _ in range(rng.randint(1, 2)))
    for slot, values in (
        ("principal", [who["name"]]),
        *((f"label.{name}", all_) for name, all_ in who["labels"].items()),
    ):
        segment = segment.replace(f"{{{slot}}}", rng.choice([value for value in values if plausible(value)] or ["a"]))
    if segment == "*":
        return rng.choice(WORDS)
    text = "".join(rng.choice(["", "p", "app", "-1"]) if c == "*" else "x" if c == "?" else c for c in segment)
    return "".join(c for c in text if plausible(c)) or "a"


def plausible(value: str) -> bool:
    return value != "" and all(character in "abcdefghijklmnopqrstuvwxyz0123456789/.-" for character in value)


def context(rng: random.Random) -> dict[str, Any]:
    return {
        "service": rng.choice(SERVICES),
        "now": rng.choice(TIMES),
        "source_ip": rng.choice(ADDRESSES),
        "filters_catalogue": rng.random() < 0.5,
    }


def repository(rng: random.Random, rules: list[dict[str, Any]], who: dict[str, Any]) -> str:
    """The name of a repository that a registry could hold, mostly one that a rule is about."""
    while True:
        kind, name, _ = scope(rng, rules, who)
        if kind == "repository" and all(name.split("/")):
            return name


def some(rng: random.Random, choices: list[str], most: int) -> list[str]:
    return [rng.choice(choices) for _ in range(rng.randint(1, most))]


def to_text(rules: list[dict[str, Any]], static: dict[str, list[str]]) -> str:
    """The document as a policy file. JSON is YAML."""
    return json.dumps({"version": 1, "groups": static, "rules": [_as_written(one) for one in rules]})


def _as_written(one: dict[str, Any]) -> dict[str, Any]:
    written = {
        key: value for key, value in one.items() if key not in {"labels", "service", "source_ip", "after", "before"}
    }
    when: dict[str, Any] = {key: one[key] for key in ("labels", "service", "source_ip") if key in one}
    when |= {key: _time(one[key]) for key in ("after", "before") if key in one}
    return written | ({"when": when} if when else {})


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
