"""What `lint` may find, by id. Pure data, so that the loader knows the ids that a rule may allow."""

from dataclasses import dataclass

from token_service.policy.rule import Rule

FINDINGS = {
    "shadowed": "other rules deny all that this rule allows",
    "redundant": "other rules already say all that this rule says",
    "without-effect": "all that the rule allows is allowed by others or denied by others",
    "excepted-away": "the exceptions leave nobody for whom the rule is",
    "matches-nothing": "no name of a resource matches the pattern",
    "unfillable-placeholder": "nothing can fill a placeholder for those for whom the rule is",
    "open-placeholder": "a wildcard touches a placeholder, so that a name reaches beyond its own",
    "shared-namespace": "{principal} stands for principals of several kinds, who share names",
    "push-without-pull": "registries ask for pull and push together, and nothing allows the pull",
    "anonymous-everything": "the rule opens every repository to those who are not logged in",
    "anonymous-write": "the rule lets those who are not logged in push or delete",
    "unknown-principal": "there is no such user or service account",
    "unknown-group": "nobody brings this group and no file defines it",
    "unknown-label": "no authenticator brings this label",
    "expired": "the time of the rule is over",
    "long-lifetime": "a token from this rule lives for long",
    "needless-allowance": "the rule allows a finding that there is not",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`allowed` is the reason that the rule itself gives for keeping it as it is, None where it gives none."""

    id: str
    rule: Rule
    reason: str
    fix: str
    allowed: str | None = None

    @property
    def place(self) -> str:
        return self.rule.place

    def __str__(self) -> str:
        return f"{self.place}: {self.id}: rule `{self.rule.id}`: {self.reason} ({self.fix})"
