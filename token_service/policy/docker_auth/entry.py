"""One entry of docker_auth's `acl` as the sets that it means: who, what, from where, for which registry. Pure.

What belongs here: reading one entry alone. What does not: what its neighbours do to it (`translate.py`).

An entry that cannot be read exactly is a problem, and `is_exact` is false; its sets are then too large rather than
too small, so that whoever must not grant what it might deny can use them.
"""

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from token_service.policy.condition import Network
from token_service.policy.docker_auth.glob import read_pattern
from token_service.policy.docker_auth.shapes import Shape, Unsupported
from token_service.policy.docker_auth.source import Findings, World, text_of
from token_service.policy.docker_auth.spell import matches_empty, spell_names, spell_resources
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.parse_when import LABEL
from token_service.policy.pattern import PRINCIPAL_SLOT, Pattern, ResourcePattern, Slot, matches, no_slots, slots
from token_service.scope import ACTION
from token_service.strict_yaml import Entry, Node, Text, items, mapping, shown, string

MATCH_KEYS = ("account", "type", "name", "ip", "service", "labels")
_ENTRY_KEYS = ("match", "actions", "comment")
_CIDR = re.compile(r"[0-9A-Fa-f.:]+(?:/\d{1,3})?", re.ASCII)
_MAPPED = IPv6Network("::ffff:0:0/96")
CATALOG = "catalog"
REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who asks: nobody in particular, or users by name."""

    anonymous: bool = False
    names: tuple[Pattern, ...] = ()

    def __bool__(self) -> bool:
        return self.anonymous or bool(self.names)

    def __or__(self, other: "Accounts") -> "Accounts":
        return Accounts(self.anonymous or other.anonymous, tuple(dict.fromkeys((*self.names, *other.names))))


NOBODY = Accounts()
Labels = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A set of requests: `accounts` without `exceptions`. `services` and `networks` None: any."""

    accounts: Accounts
    labels: Labels
    resources: tuple[ResourcePattern, ...]
    services: tuple[str, ...] | None
    networks: tuple[Network, ...] | None
    exceptions: Accounts = NOBODY


@dataclass(frozen=True, slots=True)
class AclEntry:
    """`actions` None: all that is asked for. `is_reachable` false: nothing can match."""

    number: int
    place: str
    comment: str
    actions: frozenset[str] | None
    box: Box
    is_exact: bool
    is_reachable: bool = True

    def says(self, action: str) -> bool:
        return self.actions is None or action in self.actions

    @property
    def is_deny(self) -> bool:
        return self.actions is not None and not self.actions


def read_entry(number: int, node: Node, world: World, findings: Findings) -> AclEntry:
    return _Reader(number, node, world, findings).read()


class _Reader:
    """Reads the fields of one entry and remembers whether each could be read exactly."""

    def __init__(self, number: int, node: Node, world: World, findings: Findings) -> None:
        self.number = number
        self.place = node.place
        self.fields = mapping(node, "an entry of acl")
        self.world = world
        self.findings = findings
        self.is_exact = True

    def read(self) -> AclEntry:
        match = self._match()
        self._refuse_unknown(match)
        resources = self._resources(match)
        labels = self._labels(match)
        accounts = self._accounts(match)
        if accounts.anonymous and (labels or all(_asks_for_somebody(one.pattern) for one in resources)):
            accounts = replace(accounts, anonymous=False)  # nobody in particular has no labels, and no name
        box = Box(accounts, labels, resources, self._services(match), self._networks(match))
        is_reachable = bool(box.accounts and box.resources) and all(values for _, values in labels)
        if not is_reachable and self.is_exact:
            self._note("the entry never matches: nobody, or nothing that a registry can hold, is meant by it")
        return AclEntry(self.number, self.place, self._comment(), self._actions(), box, self.is_exact, is_reachable)

    def _problem(self, text: str) -> None:
        self.is_exact = False
        self.findings.problem(self.place, f"entry {self.number}: {text}")

    def _note(self, text: str) -> None:
        self.findings.note(self.place, f"entry {self.number}: {text}")

    def _match(self) -> dict[str, Entry]:
        entry = self.fields.get("match")
        if entry is None or (isinstance(entry.value, Text) and not entry.value.text):
            self._problem(
                "there is no `match`; docker_auth does not start with it (write `match: {}` for everything)"
            )
            return {}
        return mapping(entry.value, "match")

    def _refuse_unknown(self, match: dict[str, Entry]) -> None:
        for key in self.fields:
            if key not in _ENTRY_KEYS:
                self._problem(f"an entry has no key {shown(key)}; docker_auth ignores it in silence")
        for key in match:
            if key not in MATCH_KEYS:
                self._problem(
                    f"`match` has no key {shown(key)}: docker_auth ignores it and grants to everybody who meets the "
                    f"rest of the entry; write a key that exists ({', '.join(MATCH_KEYS)})"
                )

    def _comment(self) -> str:
        return string(self.fields["comment"].value, "comment") if "comment" in self.fields else ""

    def _actions(self) -> frozenset[str] | None:
        entry = self.fields.get("actions")
        if entry is None or isinstance(entry.value, Text):
            self._problem("there are no `actions`; docker_auth fails when it matches (write `actions: []` to deny)")
            return frozenset()
        words = [string(item, "an action") for item in items(entry.value, "actions")]
        if words == ["*"]:
            return None
        if "*" in words:
            self._problem("`*` beside other actions is a literal in docker_auth; let it stand alone, or remove it")
        for word in words:
            if not ACTION.fullmatch(word):
                self._note(f"action {shown(word)} is left out: nobody can ask for it")
        return frozenset(word for word in words if ACTION.fullmatch(word) and word != "*")

    def _shape(self, match: dict[str, Entry], key: str, *, slots: bool = False) -> Shape | None:
        """The pattern of a field; None where it is not there, or cannot be read and is a problem now."""
        return self._read(match[key], key, slots=slots) if key in match else None

    def _read(self, entry: Entry, what: str, *, slots: bool = False) -> Shape | None:
        text = text_of(entry, what)
        try:
            shape = read_pattern(text, slots=slots)
        except Unsupported as error:
            self._problem(f"{what} {shown(text)}: {error}")
            return None
        if shape.unanchored:
            self._note(
                f"{what} {shown(text)} matches anywhere in the text, as docker_auth does; anchor it with ^ and $"
            )
        if "**" in text and not text.startswith("/"):
            self._note(f"{what} {shown(text)}: `**` is no more than `*` in docker_auth, and stays within a segment")
        return shape

    def _accounts(self, match: dict[str, Entry]) -> Accounts:
        everyone = Accounts(self.world.has_anonymous, (parse_name("**", ""),))
        shape = self._shape(match, "account")
        if shape is None:
            return everyone
        try:
            return Accounts(self.world.has_anonymous and matches_empty(shape), spell_names(shape))
        except Unsupported as error:
            self._problem(f"account: {error}")
            return everyone

    def _resources(self, match: dict[str, Entry]) -> tuple[ResourcePattern, ...]:
        kinds = self._types(match)
        shape = self._shape(match, "name", slots=True)
        found: list[ResourcePattern] = []
        for kind in kinds:
            if shape is None:
                found.append(_all_of(kind))
                continue
            try:
                spelled = spell_resources(shape, kind)
            except Unsupported as error:
                self._problem(f"name {shown(text_of(match['name'], 'name'))}: {error}")
                return tuple(map(_all_of, kinds))
            found += _catalog_only(spelled) if kind == REGISTRY else spelled
        return tuple(found)

    def _types(self, match: dict[str, Entry]) -> tuple[str, ...]:
        shape = self._shape(match, "type")
        if shape is None:
            return self.world.types
        return tuple(kind for kind in self.world.types if shape.matches(kind))

    def _services(self, match: dict[str, Entry]) -> tuple[str, ...] | None:
        shape = self._shape(match, "service")
        if shape is None or shape.is_everything:
            return None
        if shape.literals is None:
            self._problem("service: a pattern of services has no counterpart; write an entry for each, or remove it")
        return shape.literals

    def _networks(self, match: dict[str, Entry]) -> tuple[Network, ...] | None:
        if "ip" not in match:
            return None
        text = text_of(match["ip"], "ip")
        network = _network(text)
        if network is None:
            self._problem(f"ip {shown(text)} is neither an address nor a network")
        return None if network is None else (network,)

    def _labels(self, match: dict[str, Entry]) -> Labels:
        if "labels" not in match:
            return ()
        found = []
        for label, entry in mapping(match["labels"].value, "labels").items():
            if not LABEL.fullmatch(label):
                self._problem(f"label {shown(label)} is not a label name here; letters, digits, . _ -")
                continue
            shape = self._read(entry, f"label {label}")
            values = self._values(label, shape) if shape is not None else None
            if values is not None:
                found.append((label, values))
        return tuple(sorted(found))

    def _values(self, label: str, shape: Shape) -> tuple[str, ...] | None:
        """What the label may be: conditions name values, so a pattern becomes the values that users have."""
        if shape.literals is not None:
            return tuple(sorted(shape.literals))
        if not self.world.is_closed:
            self._problem(f"label {label}: a pattern of values has no counterpart where users come from elsewhere")
            return None
        values = tuple(sorted(value for value in self.world.label_values(label) if shape.matches(value)))
        self._note(
            f"label {label}: the pattern became the values that users have now: {', '.join(values) or 'none'}; "
            "add to them when you give somebody another one"
        )
        return values


def _network(text: str) -> Network | None:
    try:
        network = ip_network(text, strict=False) if _CIDR.fullmatch(text) else None
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _all_of(kind: str) -> ResourcePattern:
    return parse_resource(f"{kind}:{CATALOG if kind == REGISTRY else '**'}", "")


def _catalog_only(spelled: tuple[ResourcePattern, ...]) -> tuple[ResourcePattern, ...]:
    """Of type `registry` there is the catalogue and nothing else; patterns with a slot may still be it."""
    fixed = [one for one in spelled if not any(slots(one.pattern))]
    kept = [one for one in spelled if any(slots(one.pattern)) and len(one.pattern) == 1]
    if any(matches(one.pattern, [CATALOG], no_slots) for one in fixed):
        kept.append(_all_of(REGISTRY))
    return tuple(kept)


def _asks_for_somebody(pattern: Pattern) -> bool:
    return any(name != PRINCIPAL_SLOT for name in slots(pattern)) or Slot(PRINCIPAL_SLOT) in pattern
