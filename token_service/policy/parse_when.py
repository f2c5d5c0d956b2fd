"""The `when:` of a rule, and its lists, times and labels, from nodes. Pure; the rest of a rule is `parse.py`'s."""

import re
from collections.abc import Callable
from ipaddress import IPv6Network, ip_network
from typing import TypeVar

from token_service.errors import LoadError
from token_service.policy.condition import Conditions, Network
from token_service.strict_yaml import Entry, Node, Text, items, mapping, refuse_unknown, shown, string, timestamp

CONDITION_KEYS = ("labels", "service", "source_ip", "after", "before")

LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)

_T = TypeVar("_T")


def parse_conditions(entry: Entry) -> Conditions:
    entries = mapping(entry.value, "when")
    if not entries:
        raise LoadError(entry.place, "when is empty", "write a condition, or remove `when`")
    refuse_unknown(entries, CONDITION_KEYS, "when")
    conditions = Conditions(
        labels=_labels(entries["labels"]) if "labels" in entries else (),
        services=parse_list(entries["service"], string) if "service" in entries else (),
        networks=parse_list(entries["source_ip"], _network) if "source_ip" in entries else (),
        after=timestamp(entries["after"].value, "after") if "after" in entries else None,
        before=timestamp(entries["before"].value, "before") if "before" in entries else None,
    )
    if conditions.after is not None and conditions.before is not None and conditions.after >= conditions.before:
        raise LoadError(entries["after"].place, "after is not earlier than before", "exchange them")
    return conditions


def _labels(entry: Entry) -> tuple[tuple[str, tuple[str, ...]], ...]:
    entries = mapping(entry.value, "labels")
    if not entries:
        raise LoadError(entry.place, "labels is empty", "write `NAME: value`, or remove it")
    return tuple((_label_name(label), parse_label_values(label)) for label in entries.values())


def _label_name(entry: Entry) -> str:
    if not LABEL.fullmatch(entry.key):
        raise LoadError(entry.place, f"label {shown(entry.key)} is not a label name", "letters, digits, . _ -")
    return entry.key


def parse_label_values(entry: Entry) -> tuple[str, ...]:
    what = f"label {entry.key}"
    if isinstance(entry.value, Text):
        return (string(entry.value, what),)
    return parse_list(entry, string)


def _network(node: Node, what: str) -> Network:
    text = string(node, what)
    try:
        network = ip_network(text)
    except ValueError as error:
        fix = _host_bits_fix(text) or "write an address or a network such as 10.0.0.0/8 or 2001:db8::/32"
        raise LoadError(node.place, f"{shown(text)} is not a network: {_short(error)}", fix) from None
    if isinstance(network, IPv6Network) and network.network_address.scope_id is not None:
        raise LoadError(node.place, f"{shown(text)} has a zone", "remove the part from % on")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise LoadError(node.place, f"{shown(text)} is an IPv4 network in disguise", "write it as IPv4")
    return network


def _host_bits_fix(text: str) -> str:
    try:
        return f"did you mean {ip_network(text, strict=False)}?"
    except ValueError:
        return ""


def _short(error: ValueError) -> str:
    return "it has host bits set" if "host bits" in str(error) else "it cannot be read"


def parse_list(entry: Entry, read: Callable[[Node, str], _T], *, may_be_empty: bool = False) -> tuple[_T, ...]:
    nodes = items(entry.value, entry.key)
    if not nodes and not may_be_empty:
        raise LoadError(entry.place, f"{entry.key} is empty", "write at least one entry, or remove it")
    return tuple(read(node, f"an entry of {entry.key}") for node in nodes)
