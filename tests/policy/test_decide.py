"""Decisions: the combining alone, cases worth naming, and the laws that hold for every policy."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy import build, generate, reference
from tests.policy.build import CONTEXT, ask, granted, policy, user
from token_service.access import Access, merge
from token_service.errors import LoadError
from token_service.name_filter import NameFilter
from token_service.policy.decide import Context, Decision, combine, decide
from token_service.policy.index import compile_policy
from token_service.policy.rule import Effect, Mode, Rule, Term, Who
from token_service.principal import ANONYMOUS, Kind, Principal
from token_service.scope import Scope
from token_service.tag_rules import NO_TAG_RULES, TagRules

# --- combining, with rules that all match ------------------------------------------------------------------------


def constant(rule_id: str, effect: Effect, lifetime: int | None = None, mode: Mode = Mode.ENFORCE) -> Rule:
    return Rule(rule_id, effect, frozenset({"pull"}), (Term(Who.ANYONE),), (), lifetime=lifetime, mode=mode)


A, B = constant("a", Effect.ALLOW, 900), constant("b", Effect.ALLOW, 300)
C = constant("c", Effect.ALLOW)
D, E = constant("d", Effect.DENY), constant("e", Effect.DENY)
AUDIT_ALLOW, AUDIT_DENY = constant("y", Effect.ALLOW, 60, Mode.AUDIT), constant("z", Effect.DENY, mode=Mode.AUDIT)

COMBINED: list[tuple[list[Rule], bool, tuple[str, ...], tuple[str, ...], int | None]] = [
    ([], False, (), (), None),
    ([A], True, ("a",), (), 900),
    ([C], True, ("c",), (), None),
    ([B, A], True, ("a", "b"), (), 300),
    ([A, C], True, ("a", "c"), (), 900),
    ([A, A], True, ("a",), (), 900),
    ([D], False, ("d",), (), None),
    ([E, D], False, ("d", "e"), (), None),
    ([A, D], False, ("d",), (), None),
    ([A, B, C, E, D], False, ("d", "e"), (), None),
    ([AUDIT_ALLOW], False, (), ("y",), None),
    ([AUDIT_DENY], False, (), ("z",), None),
    ([A, AUDIT_DENY, AUDIT_ALLOW], True, ("a",), ("y", "z"), 900),
    ([D, AUDIT_ALLOW], False, ("d",), ("y",), None),
]


@pytest.mark.parametrize(("rules", "allowed", "ids", "audit", "lifetime"), COMBINED)
def test_combining(
    rules: list[Rule], allowed: bool, ids: tuple[str, ...], audit: tuple[str, ...], lifetime: int | None
) -> None:
    verdict, allows = combine(rules, "repository", "x", "pull")
    found = min((rule.lifetime for rule in allows if rule.lifetime), default=None) if verdict.allowed else None
    assert (verdict.allowed, verdict.rules, verdict.audit, found) == (allowed, ids, audit, lifetime)
    assert combine(rules, "repository", "x", "push")[0].rules == ()


# --- cases -------------------------------------------------------------------------------------------------------


def one_rule(**fields: object) -> str:
    rule = {"id": "r", "allow": ["pull"], "principals": ["anyone"], "resources": ["repository:**"]} | fields
    return str({"rules": [{key: value for key, value in rule.items() if value is not None}]})[1:-1].replace(
        "'rules'", "rules"
    )


GRANTS: list[tuple[dict[str, Any], Principal, str, list[str]]] = [
    ({}, ANONYMOUS, "repository:a/b:pull,push", ["repository:a/b:pull"]),
    ({}, ANONYMOUS, "repository:a/b:", []),
    ({}, ANONYMOUS, "repository::pull", []),
    ({}, ANONYMOUS, "registry:catalog:*", []),
    ({}, ANONYMOUS, "other:x:pull", []),
    ({"resources": ["other:x"]}, ANONYMOUS, "other:x:pull,push", ["other:x:pull"]),
    ({"resources": ["other:**"]}, ANONYMOUS, "repository:x:pull", []),
    ({"allow": ["push"]}, ANONYMOUS, "repository:a:pull,push", ["repository:a:push"]),
    ({"allow": ["*"]}, ANONYMOUS, "repository:a:pull,push,delete,scan", ["repository:a:delete,pull,push"]),
    ({"allow": ["*"]}, ANONYMOUS, "repository:a:*", ["repository:a:delete,pull,push"]),
    ({"allow": ["pull"]}, ANONYMOUS, "repository:a:*", ["repository:a:pull"]),
    ({"allow": ["pull", "scan"]}, ANONYMOUS, "repository:a:*", ["repository:a:pull,scan"]),
    ({"allow": ["*", "scan"]}, ANONYMOUS, "repository:a:*,foo", ["repository:a:delete,pull,push,scan"]),
    ({"allow": ["*"], "resources": ["registry:catalog"]}, ANONYMOUS, "registry:catalog:*", ["registry:catalog:*"]),
    ({"allow": ["*"], "resources": ["registry:catalog"]}, ANONYMOUS,
     "registry:catalog:pull", ["registry:catalog:pull"]),
    ({"allow": ["*"], "resources": ["registry:catalog"]}, ANONYMOUS, "registry:other:*", []),
    ({"allow": ["pull"], "resources": ["registry:catalog"]}, ANONYMOUS,
     "registry:catalog:*", ["registry:catalog:pull"]),
    ({"allow": ["*", "pull"], "resources": ["registry:catalog"]}, ANONYMOUS,
     "registry:catalog:*", ["registry:catalog:*"]),
    ({"resources": ["repository:{principal}/**"]}, user("alice"),
     "repository:alice/x:pull", ["repository:alice/x:pull"]),
    ({"resources": ["repository:{principal}/**"]}, user("alice"), "repository:alice:pull", []),
    ({"resources": ["repository:{principal}/**"]}, user("alice"), "repository:bob/x:pull", []),
    ({"resources": ["repository:{principal}/**"]}, ANONYMOUS, "repository:a/x:pull", []),
    ({"when": {"source_ip": ["10.0.0.0/8"]}}, ANONYMOUS, "repository:a:pull", ["repository:a:pull"]),
    ({"when": {"source_ip": ["11.0.0.0/8"]}}, ANONYMOUS, "repository:a:pull", []),
    ({"when": {"service": ["other"]}}, ANONYMOUS, "repository:a:pull", []),
    ({"except": ["user:alice"]}, user("alice"), "repository:a:pull", []),
    ({"except": ["user:alice"]}, user("bob"), "repository:a:pull", ["repository:a:pull"]),
    ({"mode": "audit"}, ANONYMOUS, "repository:a:pull", []),
    ({"deny": ["pull"], "allow": None}, ANONYMOUS, "repository:a:pull", []),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "who", "scope", "expected"), GRANTS)
def test_what_one_rule_grants(fields: dict[str, Any], who: Principal, scope: str, expected: list[str]) -> None:
    assert granted(policy(one_rule(**fields)), who, scope) == expected


def test_a_class_is_decided_like_its_type_and_kept() -> None:
    decision = ask(policy(one_rule()), ANONYMOUS, "repository(plugin):a:pull,push repository:a:pull")
    assert decision.access == (Access("repository", "a", ("pull",)), Access("repository", "a", ("pull",), "plugin"))
    assert [(v.action, v.allowed) for v in decision.verdicts] == [("pull", True), ("push", False)]


TWO_SIDES = """
rules:
  - {id: all, allow: ["*"], principals: [anyone], resources: ["repository:**", "registry:*"], lifetime: 900}
  - {id: short, allow: [push], principals: [anyone], resources: ["repository:team/**"], lifetime: 60}
  - {id: never, deny: [DENIED], principals: [anyone], resources: ["repository:prod/**", "registry:catalog"]}
  - {id: watch, deny: ["*"], principals: [anyone], resources: ["repository:team/x"], mode: audit}
"""


def test_deny_beats_allow_and_says_which() -> None:
    decision = ask(policy(TWO_SIDES.replace("DENIED", "push")), "alice", "repository:prod/a:pull,push")
    assert [(v.action, v.allowed, v.rules) for v in decision.verdicts] == [
        ("pull", True, ("all",)),
        ("push", False, ("never",)),
    ]


@pytest.mark.parametrize(("denied", "left"), [("push", ["registry:other:*"]), ('"*"', ["registry:other:*"])])
def test_a_star_is_not_granted_where_any_action_is_denied(denied: str, left: list[str]) -> None:
    """A registry lets `*` stand for every action (access.covers), so it must not come past a deny of one of them."""
    compiled = policy(TWO_SIDES.replace("DENIED", denied))
    assert granted(compiled, "alice", "registry:catalog:* registry:other:*") == left
    assert ask(compiled, "alice", "registry:catalog:*").verdicts[0].rules == ("never",)


def test_the_lifetime_is_the_shortest_of_the_rules_that_decided() -> None:
    compiled = policy(TWO_SIDES.replace("DENIED", "push"))
    assert ask(compiled, "alice", "repository:a:pull,push").lifetime == 900
    assert ask(compiled, "alice", "repository:team/a:pull").lifetime == 900
    assert ask(compiled, "alice", "repository:team/a:pull,push").lifetime == 60
    assert ask(compiled, "alice", "repository:a:pull repository:team/a:push").lifetime == 60
    assert ask(compiled, "alice", "repository:prod/a:push").lifetime is None


def test_an_audit_rule_is_named_and_does_nothing() -> None:
    decision = ask(policy(TWO_SIDES.replace("DENIED", "push")), "alice", "repository:team/x:*")
    assert [str(access) for access in decision.access] == ["repository:team/x:delete,pull,push"]
    assert {verdict.audit for verdict in decision.verdicts} == {("watch",)}


DENY_BY_ADDRESS = """
rules:
  - {id: all, allow: ["*"], principals: [anyone], resources: ["repository:**"]}
  - id: inside
    deny: [push]
    principals: [anyone]
    resources: ["repository:**"]
    when: {source_ip: ["203.0.113.0/24"]}
"""


@pytest.mark.parametrize(
    "source_ip", [None, "", "203.0.113.7", "::ffff:203.0.113.7", "junk", "203.0.113.7%eth0", "fe80::1%1"]
)
def test_a_deny_applies_where_the_address_is_not_known(source_ip: str | None) -> None:
    context = Context("r", 0, source_ip)
    assert granted(policy(DENY_BY_ADDRESS), "alice", "repository:a:pull,push", context=context) == [
        "repository:a:pull"
    ]


def test_and_does_not_where_it_is_known_to_be_another() -> None:
    context = Context("r", 0, "198.51.100.1")
    assert granted(policy(DENY_BY_ADDRESS), "alice", "repository:a:push", context=context) == ["repository:a:push"]


# --- laws --------------------------------------------------------------------------------------------------------

seeds = st.integers(0, 2**32)


class World:
    """A random policy and request."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rules = generate.document(self.rng)
        self.groups = generate.groups(self.rng)
        self.who = generate.principal(self.rng)
        self.principal = build.to_principal(self.who)
        self.scopes = build.to_scopes(generate.scopes(self.rng, self.rules, self.who))
        self.circumstances = generate.context(self.rng)
        self.context = build.to_context(self.circumstances)
        self.parsed = build.document_policy(self.rules, self.groups)

    def decide(self, rules: list[Rule] | None = None, **changed: Any) -> Decision:
        compiled = self.parsed if rules is None else compile_policy(rules, self.parsed.groups.values())
        given: dict[str, Any] = {
            "principal": self.principal,
            "scopes": self.scopes,
            "context": self.context,
        } | changed
        return decide(compiled, given["principal"], given["scopes"], given["context"])

    def more(self, effect: Effect) -> list[Rule]:
        """The policy with one more rule of this effect, in any place."""
        while True:
            extra = build.document_policy([generate.rule(self.rng, 99)], self.groups).rules[0]
            if extra.effect is effect and extra.mode is Mode.ENFORCE:
                break
        rules = list(self.parsed.rules)
        rules.insert(self.rng.randint(0, len(rules)), extra)
        return rules


def actions(decision: Decision) -> set[tuple[str, str, str]]:
    return {(access.type, access.name, action) for access in decision.access for action in access.actions}


@given(seeds)
def test_nothing_is_granted_that_was_not_asked_for(seed: int) -> None:
    world = World(seed)
    asked = {(scope.type, scope.name, action) for scope in world.scopes for action in scope.actions}
    for kind, name, action in actions(world.decide()):
        assert (kind, name, action) in asked or (action != "*" and (kind, name, "*") in asked)
        assert kind != "repository" or action != "*"


@given(seeds)
def test_nothing_is_granted_without_an_allow_and_nothing_against_a_deny(seed: int) -> None:
    world = World(seed)
    effects = {rule.id: rule.effect for rule in world.parsed.rules}
    for verdict in world.decide().verdicts:
        found = {effects[rule_id] for rule_id in verdict.rules}
        assert found == {Effect.ALLOW} if verdict.allowed else found <= {Effect.DENY}


@given(seeds)
def test_the_access_is_what_the_verdicts_allow(seed: int) -> None:
    decision = World(seed).decide()
    assert actions(decision) == {(v.type, v.name, v.action) for v in decision.verdicts if v.allowed}


@given(seeds)
def test_one_more_deny_never_grants_more(seed: int) -> None:
    world = World(seed)
    assert actions(world.decide(world.more(Effect.DENY))) <= actions(world.decide()) | star_answers(world)


def star_answers(world: World) -> set[tuple[str, str, str]]:
    """Where `*` itself is denied, what it stood for may come back by name: less than `*`, though another word."""
    return {
        (kind, name, action)
        for kind, name, granted_action in actions(world.decide())
        if granted_action == "*"
        for rule in world.parsed.rules
        for action in rule.actions
    }


@given(seeds)
def test_one_more_allow_never_takes_away(seed: int) -> None:
    world = World(seed)
    before, after = actions(world.decide()), actions(world.decide(world.more(Effect.ALLOW)))
    assert all(entry in after or (entry[0], entry[1], "*") in after for entry in before)


@given(seeds)
def test_several_scopes_are_decided_as_each_alone(seed: int) -> None:
    world = World(seed)
    single = [world.decide(scopes=[scope]) for scope in world.scopes]
    together = world.decide()
    assert together.access == merge(access for decision in single for access in decision.access)
    assert set(together.verdicts) == {verdict for decision in single for verdict in decision.verdicts}
    assert together.lifetime == min((d.lifetime for d in single if d.lifetime is not None), default=None)


@given(seeds)
def test_order_and_doubles_do_not_matter(seed: int) -> None:
    world = World(seed)
    rules = [*world.parsed.rules, *world.parsed.rules]
    world.rng.shuffle(rules)
    assert world.decide(rules, scopes=[*reversed(world.scopes), *world.scopes]) == world.decide()


@given(seeds)
def test_audit_rules_change_nothing(seed: int) -> None:
    world = World(seed)
    enforced = [rule for rule in world.parsed.rules if rule.mode is Mode.ENFORCE]
    decision = world.decide()
    without = tuple(replace(verdict, audit=()) for verdict in decision.verdicts)
    assert world.decide(enforced) == replace(decision, verdicts=without)


@given(seeds)
def test_rules_for_other_principals_change_nothing(seed: int) -> None:
    world = World(seed)
    stranger = (
        Term(Who.USER, build.policy(one_rule(principals=["user:nobody-here"])).rules[0].principals[0].pattern),
    )
    extra = [replace(rule, id=f"x{number}", principals=stranger) for number, rule in enumerate(world.parsed.rules)]
    assert world.decide([*world.parsed.rules, *extra]) == world.decide()


@given(seeds)
def test_rules_for_another_service_change_nothing(seed: int) -> None:
    world = World(seed)
    extra = [
        replace(rule, id=f"x{number}", when=replace(rule.when, services=("elsewhere",)))
        for number, rule in enumerate(world.parsed.rules)
    ]
    assert world.decide([*world.parsed.rules, *extra]) == world.decide()


@given(seeds)
def test_determining_rules_matched_and_the_others_may_go(seed: int) -> None:
    """Dropping what does not match changes nothing (Cedar's policy slicing) but what a filtered catalogue shows."""
    world = World(seed)
    matched = {
        rule["id"]
        for rule in world.rules
        for scope in world.scopes
        if reference.rule_matches(rule, world.groups, world.who, scope.type, scope.name, world.circumstances)
    }
    decision = world.decide()
    assert {rule_id for v in decision.verdicts for rule_id in (*v.rules, *v.audit)} <= matched
    assert unfiltered(world.decide([rule for rule in world.parsed.rules if rule.id in matched])) == unfiltered(
        decision
    )


def unfiltered(decision: Decision) -> Decision:
    return replace(decision, access=tuple(replace(access, name_filter=None) for access in decision.access))


odd_text = st.text(max_size=12)
odd_principals = st.builds(
    Principal,
    odd_text,
    st.sampled_from(Kind),
    st.frozensets(odd_text, max_size=3),
    st.dictionaries(st.sampled_from(["team", "ref"]), st.tuples(odd_text)),
)


@given(
    seeds,
    odd_principals,
    st.lists(st.builds(Scope, odd_text, odd_text, st.tuples(odd_text), odd_text), max_size=3),
    odd_text,
)
def test_it_is_total(seed: int, principal: Principal, scopes: list[Scope], source_ip: str) -> None:
    """Whatever comes in, there is a decision, and it grants no more than was asked."""
    rules = generate.document(random.Random(seed))
    decision = decide(build.document_policy(rules, {}), principal, scopes, Context("r", 0, source_ip))
    assert {(a.type, a.name) for a in decision.access} <= {(s.type, s.name) for s in scopes}


def test_decisions_are_equal_for_equal_input() -> None:
    compiled = policy(TWO_SIDES.replace("DENIED", "push"))
    assert ask(compiled, "alice", "repository:a:*") == ask(compiled, "alice", "repository:a:*", context=CONTEXT)


# --- limits that travel in the token -------------------------------------------------------------------------------

LIMITED = """\
version: 1
rules:
  - id: dev
    allow: [pull, push]
    principals: ["group:dev"]
    resources: ["repository:team/**"]
    tags: {push: ["v*"], immutable: ["r?"]}
  - id: more
    allow: [push, delete]
    principals: ["user:alice"]
    resources: ["repository:team/**"]
    tags: {delete: ["*"]}
  - id: secret
    deny: [pull]
    principals: [authenticated]
    resources: ["repository:team/secret/**"]
  - id: own
    allow: [pull]
    principals: ["user:*"]
    resources: ["repository:{principal}/**"]
  - id: list
    allow: ["*"]
    principals: [authenticated]
    resources: ["registry:catalog"]
    filter: pull
  - id: list-all
    allow: ["*"]
    principals: ["user:root"]
    resources: ["registry:catalog"]
"""


def test_limits_on_tags_are_those_of_the_determining_rules_and_add_up() -> None:
    compiled = policy(LIMITED)
    (dev,) = ask(compiled, user("bob", "dev"), "repository:team/app:pull,push").access
    assert dev.tag_rules == TagRules(push=("v*",), immutable=("r?",))
    (both,) = ask(compiled, user("alice", "dev"), "repository:team/app:pull,push,delete").access
    assert both.tag_rules == TagRules(push=("v*",), delete=("*",), immutable=("r?",))
    (own,) = ask(compiled, user("bob", "dev"), "repository:bob/app:pull").access
    assert own.tag_rules == NO_TAG_RULES


def test_a_filtered_catalogue_shows_what_may_be_pulled_and_only_where_it_is_enforced() -> None:
    compiled = policy(LIMITED)
    here = replace(CONTEXT, filters_catalogue=True)
    (access,) = ask(compiled, user("alice", "dev"), "registry:catalog:*", context=here).access
    assert access.actions == ("*",)
    assert access.name_filter == NameFilter(("alice/**", "team/**"), ("team/secret/**",))
    assert granted(compiled, user("alice", "dev"), "registry:catalog:*") == []


def test_a_rule_without_filter_opens_the_whole_catalogue_everywhere() -> None:
    compiled = policy(LIMITED)
    for context in (CONTEXT, replace(CONTEXT, filters_catalogue=True)):
        (access,) = ask(compiled, user("root"), "registry:catalog:*", context=context).access
        assert access.name_filter is None


def test_a_filter_stays_unless_each_action_is_allowed_without_one() -> None:
    """Registries ask for `*`; a rule that opens another action must not lift its filter, in one scope or in two."""
    rules = """rules:
- {id: some, allow: ["*"], principals: ["user:*"], resources: ["registry:catalog"], filter: pull}
- {id: look, allow: [pull], principals: ["user:*"], resources: ["registry:catalog"]}
- {id: all, allow: ["*"], principals: ["user:root"], resources: ["registry:catalog"]}
"""
    compiled, here = policy(rules), replace(CONTEXT, filters_catalogue=True)
    star, look = "registry:catalog:*", "registry:catalog:pull"
    for who, scopes, expected in [
        ("eve", [star], NameFilter(())),
        ("eve", [look], None),
        ("eve", ["registry:catalog:*,pull"], NameFilter(())),
        ("eve", [look, star], NameFilter(())),
        ("root", ["registry:catalog:*,pull"], None),
        ("root", [look, star], None),
    ]:
        (access,) = ask(compiled, who, *scopes, context=here).access
        assert access.name_filter == expected, (who, scopes)


INSIDE = "when: {source_ip: ['10.0.0.0/8']}"
SHOWN: list[tuple[list[str], Principal, str | None, NameFilter]] = [
    ([], user("eve"), None, NameFilter(())),
    (["allow: [pull], principals: [anyone], resources: ['repository:b/**', 'repository:a']"],
     user("eve"), None, NameFilter(("a", "b/**"))),
    (["allow: [pull], principals: [anyone], resources: ['repository:a']",
      "allow: ['*'], principals: [anyone], resources: ['repository:a', 'repository:b']"],
     user("eve"), None, NameFilter(("a", "b"))),
    (["allow: [push], principals: [anyone], resources: ['repository:a']",
      "deny: [push], principals: [anyone], resources: ['repository:a']"], user("eve"), None, NameFilter(())),
    (["allow: [pull], principals: [anyone], resources: ['repository:a'], mode: audit",
      "deny: [pull], principals: [anyone], resources: ['repository:a'], mode: audit"],
     user("eve"), None, NameFilter(())),
    (["deny: [pull], principals: [anyone], resources: ['repository:z', 'repository:y/*', 'registry:x']",
      "deny: ['*'], principals: [anyone], resources: ['repository:z']"],
     user("eve"), None, NameFilter((), ("y/*", "z"))),
    (["allow: ['*'], principals: [anyone], resources: ['registry:x', 'other:x']"],
     user("eve"), None, NameFilter(())),
    (["allow: [pull], principals: ['user:eve'], resources: ['repository:a']",
      "allow: [pull], principals: ['user:*'], except: ['user:eve'], resources: ['repository:b']",
      "allow: [pull], principals: ['user:bob'], resources: ['repository:c']"],
     user("eve"), None, NameFilter(("a",))),
    ([f"allow: [pull], principals: [anyone], resources: ['repository:a'], {INSIDE}",
      f"deny: [pull], principals: [anyone], resources: ['repository:b'], {INSIDE}"],
     user("eve"), None, NameFilter((), ("b",))),
    ([f"allow: [pull], principals: [anyone], resources: ['repository:a'], {INSIDE}",
      f"deny: [pull], principals: [anyone], resources: ['repository:b'], {INSIDE}"],
     user("eve"), "10.0.0.1", NameFilter(("a",), ("b",))),
    (["allow: [pull], principals: [anyone], resources: ['repository:{principal}/*', 'repository:x-{label.t}']"],
     user("eve", t=("a", "b/c", "d")), None, NameFilter(("eve/*", "x-a", "x-d"))),
    (["allow: [pull], principals: ['group:local'], resources: ['repository:a']"],
     user("eve"), None, NameFilter(("a",))),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "who", "source_ip", "expected"), SHOWN)
def test_what_a_filtered_catalogue_shows(
    rules: list[str], who: Principal, source_ip: str | None, expected: NameFilter
) -> None:
    listing = "allow: ['*'], principals: [anyone], resources: ['registry:catalog'], filter: pull"
    lines = [f"- {{id: r{number}, {rule}}}" for number, rule in enumerate([listing, *rules])]
    compiled = policy("\n".join(["groups: {local: [eve]}", "rules:", *lines]))
    context = Context("r", 0, source_ip, filters_catalogue=True)
    (access,) = ask(compiled, who, "registry:catalog:*", context=context).access
    assert access.name_filter == expected


def test_a_catalogue_shows_exactly_what_a_pull_would_be_granted() -> None:
    compiled = policy(LIMITED)
    who, here = user("alice", "dev"), replace(CONTEXT, filters_catalogue=True)
    (access,) = ask(compiled, who, "registry:catalog:*", context=here).access
    assert access.name_filter is not None
    for name in ("team/a", "team/secret/a", "team", "alice/x/y", "alice", "bob/x", "team/secret"):
        assert access.name_filter.shows(name) == bool(granted(compiled, who, f"repository:{name}:pull", context=here))


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (LIMITED.replace('["v*"]', '["v["]'), 7, "no pattern of tags"),
        (LIMITED.replace("tags: {delete", "tags: {remove"), 12, "remove"),
        (LIMITED.replace("    filter: pull", "    filter: push"), 25, "does not exist"),
        (LIMITED.replace('registry:catalog"]\n    filter', 'repository:a"]\n    filter'), 25, "filter is for rules"),
        (LIMITED + "    tags: {push: [v]}\n", 30, "tags are for rules"),
    ],
)
def test_limits_in_the_wrong_place_are_refused(text: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as caught:
        policy(text)
    assert caught.value.place.endswith(f":{line}")
    assert problem in caught.value.problem
