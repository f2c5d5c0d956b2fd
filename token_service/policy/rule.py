"""Rules and groups as values: what a policy file says, checked and with nothing looked up yet. Pure.

What belongs here: the parts of a rule and what each means alone. What does not: reading them (`parse.py`), finding
the ones that concern a request (`index.py`) and combining them (`decide.py`).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from token_service.policy.condition import NO_CONDITIONS, Conditions
from token_service.policy.pattern import Pattern, ResourcePattern, show
from token_service.principal import Kind
from token_service.tag_rules import NO_TAG_RULES, TagRules

ANY_ACTION = "*"
REPOSITORY = "repository"
CATALOGUE = "registry:catalog"
REPOSITORY_ACTIONS = frozenset({"pull", "push", "delete"})
MIN_LIFETIME_SECONDS = 60
MAX_LIFETIME_SECONDS = 86_400


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Mode(StrEnum):
    """An audit rule is matched and reported, and changes nothing."""

    ENFORCE = "enforce"
    AUDIT = "audit"


class Who(StrEnum):
    """What a principal term begins with. The first three take no name."""

    ANYONE = "anyone"
    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"
    USER = "user"
    GROUP = "group"
    SERVICE_ACCOUNT = "service-account"
    WORKLOAD = "workload"


NAMELESS = frozenset({Who.ANYONE, Who.ANONYMOUS, Who.AUTHENTICATED})
KINDS = {Who.USER: Kind.USER, Who.SERVICE_ACCOUNT: Kind.SERVICE_ACCOUNT, Who.WORKLOAD: Kind.WORKLOAD}
"""The kind of principal that a term is about by name."""


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of `principals` or `except`: `anyone`, `user:alice`, `workload:gitlab/**`."""

    who: Who
    pattern: Pattern = ()

    def __str__(self) -> str:
        return f"{self.who}:{show(self.pattern)}" if self.pattern else str(self.who)


@dataclass(frozen=True, slots=True)
class Group:
    """A static group. Members are users and service accounts, by kind and exact name."""

    name: str
    members: frozenset[tuple[Kind, str]]
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `allowances` are findings of `lint` that it keeps, each with a reason; decisions do not read them.

    `tags` are limits that travel in the token. `is_filtered` is for the catalogue: only what may be pulled is listed.
    `place` is the rule's `file:line`; it takes no part in comparisons.
    """

    id: str
    effect: Effect
    actions: frozenset[str]
    principals: tuple[Term, ...]
    resources: tuple[ResourcePattern, ...]
    exceptions: tuple[Term, ...] = ()
    when: Conditions = NO_CONDITIONS
    lifetime: int | None = None
    tags: TagRules = NO_TAG_RULES
    is_filtered: bool = False
    mode: Mode = Mode.ENFORCE
    allowances: tuple[tuple[str, str], ...] = ()
    place: str = field(default="", compare=False)

    def covers(self, kind: str, action: str) -> bool:
        """Whether this rule speaks about `action` on a resource of type `kind`.

        To allow `*` on a repository is to allow pull, push and delete, and nothing that may be invented later. To
        deny `*` is to deny everything. Where `*` itself is asked for (`registry:catalog:*`), it stands for every
        action, so whoever denies one of them denies it.
        """
        if self.effect is Effect.DENY:
            return action in self.actions or ANY_ACTION in self.actions or action == ANY_ACTION
        if kind == REPOSITORY:
            return action != ANY_ACTION and (
                action in self.actions or (ANY_ACTION in self.actions and action in REPOSITORY_ACTIONS)
            )
        return action in self.actions or ANY_ACTION in self.actions
