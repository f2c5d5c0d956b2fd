"""Generated docker_auth configurations and requests to them, from few words so that rules hit and meet."""

import random
from typing import Any

NEWCOMERS = ("carol", "dev-9", "corp/dave", "app")
HASH = "$2y$05$" + "." * 53
ACCOUNTS = ("alice", "bob", "dev-1", "corp/bob", "ci", "Alice", "bob@x.org")
GROUPS = ("team", "dev", "pub", "team/web", "VIP", "t*")
TIERS = ("web", "api", "dev")
ACCOUNT_PATTERNS = (
    "alice", "bob", "", "*", "/.+/", "/.*/", "dev-*", "dev-?", "corp/*", "/^dev-/", "/^(alice|bob)$/", "b*", "/bob/",
    "[ab]*", "ci", "/^[^/]+$/", "/^(corp/.*|ci)$/", "?i",
)  # fmt: skip
NAME_PATTERNS = (
    "team/*", "team/app", "*", "${account}/*", "/^team\\/.*$/", "/.+/", "/.*/", "team/a?p", "${labels:group}/*",
    "*/*", "t[ea]am/*", "pub*", "/app/", "/^(team|pub)\\/.+$/", "**", "team/**", "${labels:group}-x/*", "pub/app",
    "*/app", "/^pub/", "/^${account}/.+$/", "${labels:group}/${labels:tier}", "catalog", "pub/*/*", "team",
    "/^team\\/[^/]+$/", "/^.*-x\\/(app|web)$/", "${account}", "${account}-*", "/(app|web)$/", "/^(.*/)?app$/",
    "/^t.am/",
)  # fmt: skip
BROKEN: tuple[dict[str, Any], ...] = (
    {"match": {"name": "/^[a-z]+$/"}, "actions": ["pull"]},
    {"match": {"account": "/^(.+)@x$/", "name": "${account:1}/*"}, "actions": ["*"]},
    {"match": {"team": "web"}, "actions": ["push", "pull"]},
    {"match": {"account": "alice", "team": "web"}, "actions": ["pull"]},
    {"match": {"service": "reg*"}, "actions": []},
    {"match": {"account": "alice"}, "actions": ["*", "pull"]},
    {"match": {"account": "bob", "name": "/^[^t].*/"}, "actions": ["push", "pull"]},
    {"match": {"name": "${labels:group}${labels:tier}"}, "actions": ["pull"]},
    {"match": {"labels": {"group": "${account}"}}, "actions": ["pull"]},
)
LABEL_PATTERNS = ("team", "dev", "VIP", "/team|dev/", "*", "/^(pub|dev)$/", "/.+/", "web")
NETWORKS = ("10.0.0.0/8", "10.1.0.0/16", "127.0.0.1", "::1", "2001:db8::/32", "10.0.0.7/24", "::ffff:10.0.0.0/104")
SERVICES = ("registry.example.com", "/^(registry\\.example\\.com|other)$/", "other", "/.*/")
ACTIONS: tuple[list[str], ...] = (
    ["*"],
    ["*"],
    ["pull"],
    ["pull"],
    ["push", "pull"],
    [],
    [],
    ["push"],
    ["delete", "pull"],
    ["list"],
)
WORDS = ("team", "pub", "app", "web", "alice", "bob", "corp", "dev-1", "dev", "api", "teem", "dev-x", "team-x", "a1p")
ADDRESSES = ("10.0.0.1", "10.1.2.3", "127.0.0.1", "::1", "2001:db8::5", "192.0.2.1", "10.0.0.9")
ASKED = ("pull", "push", "delete", "list", "wipe")
LIKELY_NAMES = (
    "team/app", "pub/app", "team", "alice/app", "bob/app", "team/a/b", "catalog", "dev-1/app", "pub-1",
    "team/web/app", "team/web", "pub/web/app", "alice", "alice-1", "dev-x/app", "corp/bob/app",
)  # fmt: skip

Config = dict[str, Any]
Request = tuple[str, str, str, frozenset[str], str, str]
"""account, type, name, actions, service, address"""


def config(rng: random.Random, broken: float = 0.0) -> Config:
    """`broken`: how many of the entries are of a kind that cannot be imported."""
    accounts = rng.sample(ACCOUNTS, rng.randint(2, 5))
    users: dict[str, Any] = {name: _user(rng) for name in accounts}
    if rng.random() < 0.6:
        users[""] = {}
    return {
        "server": {"addr": ":5001"},
        "token": {"issuer": "auth", "expiration": 900},
        "users": users,
        "acl": [_entry(rng, broken) for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6)))],
    }


def _user(rng: random.Random) -> dict[str, Any]:
    user: dict[str, Any] = {"password": HASH}
    if rng.random() < 0.6:
        odd = rng.random() < 0.15
        user["labels"] = {"group": rng.sample(GROUPS if odd else GROUPS[:4], rng.randint(1, 2))}
        if rng.random() < 0.4:
            user["labels"]["tier"] = rng.sample(TIERS, rng.randint(1, 2))
    return user


def _entry(rng: random.Random, broken: float) -> dict[str, Any]:
    if rng.random() < broken:
        return dict(rng.choice(BROKEN))
    match: dict[str, Any] = {}
    if rng.random() < 0.55:
        match["account"] = rng.choice(ACCOUNT_PATTERNS)
    if rng.random() < 0.55:
        match["name"] = rng.choice(NAME_PATTERNS)
    if rng.random() < 0.12:
        match["type"] = rng.choice(("repository", "registry", "reg*", "/repo/", "plugin"))
    if rng.random() < 0.12:
        match["ip"] = rng.choice(NETWORKS)
    if rng.random() < 0.08:
        match["service"] = rng.choice(SERVICES)
    if rng.random() < 0.15:
        match["labels"] = {"group": rng.choice(LABEL_PATTERNS)}
    return {"match": match, "actions": list(rng.choice(ACTIONS))}


def requests(rng: random.Random, made: Config, count: int) -> list[Request]:
    return [_request(rng, made) for _ in range(count)]


def _request(rng: random.Random, made: Config) -> Request:
    account = rng.choice([*made["users"], *([""] if rng.random() < 0.1 else [])])
    kind = rng.choice(("repository", "repository", "repository", "repository", "registry", "plugin"))
    service = rng.choice(("registry.example.com", "registry.example.com", "other", "third"))
    if kind == "registry":
        actions = frozenset(["*"]) if rng.random() < 0.5 else frozenset(rng.sample(ASKED, 2))
        return account, kind, "catalog", actions, service, rng.choice(ADDRESSES)
    named = {action for entry in made["acl"] for action in entry["actions"]} - {"*"}
    words = ASKED if kind != "repository" else tuple(sorted({"pull", "push", "delete", *named}))
    asked = frozenset(rng.sample(words, rng.randint(1, 3)))
    return account, kind, _name(rng, account, made), asked, service, rng.choice(ADDRESSES)


def _name(rng: random.Random, account: str, made: Config) -> str:
    draw = rng.random()
    if draw < 0.4:
        return rng.choice(LIKELY_NAMES)
    if draw < 0.55 and account:
        return f"{account}/{rng.choice(WORDS)}"
    labels = (made["users"].get(account) or {}).get("labels")
    if draw < 0.7 and labels:
        return f"{rng.choice(labels['group'])}{rng.choice(('', '', '-x'))}/{rng.choice(WORDS)}"
    return "/".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3)))
