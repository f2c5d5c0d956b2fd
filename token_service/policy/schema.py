"""JSON Schemas of policy and expectation files, for editors. Pure.

What belongs here: what an editor can complete and check. What does not: what only the loader can see (a pattern that
no name matches, an id that stands twice); it has the last word. Keys, names and limits are the loader's own, so a key
that is added there is missing here only until the tests run.
"""

from typing import Any

from token_service.policy import expectations, parse, parse_when
from token_service.policy.finding import FINDINGS
from token_service.policy.parse import ID, MEMBER_KINDS, VERSION
from token_service.policy.parse_when import LABEL
from token_service.policy.rule import MAX_LIFETIME_SECONDS, MIN_LIFETIME_SECONDS, NAMELESS, Mode, Who
from token_service.principal import Kind
from token_service.strict_yaml import TIME

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_TAGS: Schema = {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z0-9_.*?-]{1,128}$"}}
_NAMED = "|".join(sorted(who.value for who in Who if who not in NAMELESS))
_KINDS = "|".join(sorted(kind.value for kind in Kind if kind is not Kind.ANONYMOUS))
_PRINCIPAL: Schema = {"type": "string", "pattern": f"^(anonymous|({_KINDS}):.+)$"}
_SCOPE: Schema = {"type": "string", "pattern": "^[a-z0-9]+(\\([a-z0-9]+\\))?:.*:[a-z,*]*$"}
_LABELS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
    "additionalProperties": {"anyOf": [_TEXT, {**_TEXTS, "minItems": 1}]},
    "minProperties": 1,
}
_TIME: Schema = {"type": "string", "pattern": f"^{TIME.pattern}$"}
_LIFETIME: Schema = {"type": "integer", "minimum": MIN_LIFETIME_SECONDS, "maximum": MAX_LIFETIME_SECONDS}

_RULE_PROPERTIES: dict[str, Schema] = {
    "id": {"type": "string", "pattern": f"^{ID.pattern}$", "description": "unique over all files; decisions name it"},
    "allow": {"$ref": "#/$defs/actions", "description": "what is allowed; a rule has either allow or deny"},
    "deny": {"$ref": "#/$defs/actions", "description": "what is denied, whatever other rules allow"},
    "principals": {"$ref": "#/$defs/terms", "description": "whom the rule is for"},
    "except": {"$ref": "#/$defs/terms", "description": "whom the rule does not mean"},
    "resources": {
        "type": "array",
        "items": {
            "type": "string",
            "pattern": "^[a-z0-9]+:[^/].*$",
            "description": "TYPE:PATTERN, as repository:a/**",
        },
        "minItems": 1,
        "description": "what the rule is about",
    },
    "when": {"$ref": "#/$defs/when", "description": "conditions, all of which must hold"},
    "lifetime": {**_LIFETIME, "description": "seconds that a token from this rule lives at most"},
    "tags": {
        "type": "object",
        "properties": {
            "push": {**_TAGS, "description": "tags that may not be pushed"},
            "delete": {**_TAGS, "description": "tags that may not be deleted"},
            "immutable": {**_TAGS, "description": "tags that, once pushed, may be neither moved nor deleted"},
        },
        "additionalProperties": False,
        "description": "tags that the allowance does not reach, at registries that read this",
    },
    "filter": {"enum": list(parse.FILTERS), "description": "list only the repositories that may be pulled"},
    "mode": {"enum": [mode.value for mode in Mode], "description": "audit: report and change nothing"},
    "lint": {
        "type": "object",
        "propertyNames": {"enum": sorted(FINDINGS)},
        "additionalProperties": {"type": "string", "pattern": "\\S"},
        "minProperties": 1,
        "description": "findings of lint that the rule keeps, each with a reason",
    },
}
_WHEN_PROPERTIES: dict[str, Schema] = {
    "labels": {**_LABELS, "description": "labels that the principal must have, with one of the values"},
    "service": {**_TEXTS, "minItems": 1, "description": "the registries that the token is for"},
    "source_ip": {**_TEXTS, "minItems": 1, "description": "networks of the client's address"},
    "after": {**_TIME, "description": "from this time on"},
    "before": {**_TIME, "description": "until this time, which is not included"},
}
_CONTEXT_PROPERTIES: dict[str, Schema] = {
    "service": _TEXT,
    "source_ip": _TEXT,
    "now": _TIME,
    "filters_catalogue": {"type": "boolean", "description": "whether the registry reads a catalogue's filter"},
}
_IDENTITY_PROPERTIES: dict[str, Schema] = {"groups": _TEXTS, "labels": {**_LABELS, "minProperties": 0}}
_CASE_PROPERTIES: dict[str, Schema] = {
    "name": {**_TEXT, "description": "what the case is about"},
    "principal": {**_PRINCIPAL, "description": "who asks: anonymous, or a kind and an exact name"},
    "request": {"type": "array", "items": _SCOPE, "description": "the scopes that are asked for"},
    "expect": {"type": "array", "items": _SCOPE, "description": "what must be granted, exactly; [] is nothing"},
    "rules": {**_TEXTS, "description": "the rules that must determine the decision, exactly"},
    "lifetime": {"type": "integer", "description": "the lifetime that the rules must set"},
    **_IDENTITY_PROPERTIES,
    **_CONTEXT_PROPERTIES,
}


def policy_schema() -> Schema:
    members = "|".join(sorted(MEMBER_KINDS))
    return _file(
        "policy",
        parse.FILE_KEYS,
        {
            "groups": {
                "type": "object",
                "propertyNames": {"pattern": "^[^*?:]+$"},
                "additionalProperties": {
                    "type": "array",
                    "items": {"type": "string", "pattern": f"^(({members}):[^*?]+|[^*?:]+)$"},
                },
            },
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
        },
        {
            "actions": {"type": "array", "items": {"type": "string", "pattern": "^([a-z]+|\\*)$"}, "minItems": 1},
            "terms": {
                "type": "array",
                "items": {"type": "string", "pattern": f"^({'|'.join(sorted(NAMELESS))}|({_NAMED}):.+)$"},
                "minItems": 1,
            },
            "when": {**_object(parse_when.CONDITION_KEYS, _WHEN_PROPERTIES), "minProperties": 1},
            "rule": {
                **_object(parse.RULE_KEYS, _RULE_PROPERTIES, required=["id", "principals", "resources"]),
                "oneOf": [
                    {"required": ["allow"]},
                    {"required": ["deny"], "properties": {"lifetime": False, "tags": False, "filter": False}},
                ],
            },
        },
    )


def expectation_schema() -> Schema:
    people = {
        "type": "object",
        "propertyNames": _PRINCIPAL,
        "additionalProperties": _object(expectations.PRINCIPAL_KEYS, _IDENTITY_PROPERTIES),
    }
    case = _object(expectations.CASE_KEYS, _CASE_PROPERTIES, required=list(expectations.REQUIRED_KEYS))
    return _file(
        "expectations of a policy",
        expectations.FILE_KEYS,
        {
            "defaults": _object(expectations.CONTEXT_KEYS, _CONTEXT_PROPERTIES),
            "principals": people,
            "cases": {"type": "array", "items": {"$ref": "#/$defs/case"}, "minItems": 1},
        },
        {"case": case},
        required=["version", "cases"],
    )


def _file(
    title: str, keys: tuple[str, ...], properties: dict[str, Schema], defs: dict[str, Schema],
    required: list[str] | None = None,
) -> Schema:  # fmt: skip
    top = _object(keys, {"version": {"const": VERSION}, **properties}, required=required or ["version"])
    return {"$schema": DRAFT, "title": title, **top, "$defs": defs}


def _object(keys: tuple[str, ...], properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """A mapping with these keys and no others: a KeyError here is a key of the loader that has no schema yet."""
    made: Schema = {
        "type": "object",
        "properties": {key: properties[key] for key in keys},
        "additionalProperties": False,
    }
    return made | ({"required": required} if required else {})
