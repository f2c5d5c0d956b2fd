"""What a policy check costs as rules grow: run `python -m benchmarks.policy [--quick]`.

Rules are of the mix of a large organisation (55 % exact names, 30 % `org/team/**`, 10 % partial globs, 3 % without a
literal beginning, 2 % placeholders), two thirds of them for single users and groups. Every check asks for a name that
was never seen before, so that nothing can be remembered. Hits and misses are timed apart, in CPU time, the sizes in
turns, and the median of the rounds is shown. The figure to look at is the ratio at the end: the cost with the most
rules over the cost with ten. It must stay at or below 3; the program exits with 1 otherwise.

A second table shows the cost by the number of the principal's groups, at 10,000 rules. Build time and memory are of
`compile_policy` alone, without reading YAML.
"""

import argparse
import gc
import itertools
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from token_service.policy.decide import Context, decide
from token_service.policy.index import CompiledPolicy, compile_policy
from token_service.policy.notation import parse_name, parse_resource
from token_service.policy.rule import Effect, Rule, Term, Who
from token_service.principal import Principal
from token_service.scope import Scope

LIMIT = 3.0
CONTEXT = Context("registry.example.com", 1_800_000_000, "192.0.2.1")


@dataclass(frozen=True, slots=True)
class Timing:
    hit: float
    miss: float


def make_rules(count: int, seed: int = 1) -> list[Rule]:
    rng = random.Random(seed)
    return [make_rule(rng, number) for number in range(count)]


def make_rule(rng: random.Random, number: int) -> Rule:
    org, team = rng.randrange(200), rng.randrange(2000)
    kind = rng.random()
    if kind < 0.55:
        resource = f"org{org}/team{team}/app{number}"
    elif kind < 0.85:
        resource = f"org{org}/team{team}/**"
    elif kind < 0.95:
        resource = f"org{org}/svc-{number}-*"
    elif kind < 0.98:
        resource = f"*-mirror{number}/**"
    else:
        resource = f"org{org}/{{principal}}/**"
    who = rng.choice(
        [Term(Who.AUTHENTICATED), Term(Who.USER, parse_name(f"user{rng.randrange(500)}", "")),
         Term(Who.GROUP, parse_name(f"team{team}", ""))]
    )  # fmt: skip
    return Rule(
        id=f"r{number}",
        effect=Effect.DENY if rng.random() < 0.05 else Effect.ALLOW,
        actions=frozenset({"pull", "push"}),
        principals=(who,),
        resources=(parse_resource(f"repository:{resource}", ""),),
    )


def always(number: int) -> Rule:
    """A rule that the hits hit, in policies of every size."""
    resource = parse_resource("repository:always/**", "")
    return Rule(f"always{number}", Effect.ALLOW, frozenset({"pull", "push"}), (Term(Who.AUTHENTICATED),), (resource,))


def measure(policy: CompiledPolicy, principal: Principal, names: Iterator[str], checks: int) -> float:
    """CPU microseconds of one check of one scope, each with a name of its own."""
    scopes = [(Scope("repository", name, ("pull",)),) for name in itertools.islice(names, checks)]
    gc.disable()
    started = time.process_time()
    for scope in scopes:
        decide(policy, principal, scope, CONTEXT)
    spent = time.process_time() - started
    gc.enable()
    return spent / checks * 1e6


def hits(fresh: Iterator[int]) -> Iterator[str]:
    return (f"always/team{number % 2000}/new{number}" for number in fresh)


def misses(fresh: Iterator[int]) -> Iterator[str]:
    return (f"org{number % 200}/team{number % 2000}x/new{number}" for number in fresh)


def build(count: int) -> tuple[CompiledPolicy, float, float]:
    """The policy, the seconds it took to compile, and its megabytes beyond the rules themselves."""
    rules = [*make_rules(count - 1), always(count)]
    started = time.process_time()
    compile_policy(rules)
    seconds = time.process_time() - started
    tracemalloc.start()
    policy = compile_policy(rules)
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return policy, seconds, megabytes


def rounds(
    cases: dict[int, Callable[[Callable[[Iterator[int]], Iterator[str]]], float]], count: int
) -> dict[int, Timing]:
    """The cases in turns, so that a busy neighbour hits all of them alike."""
    seen: dict[int, list[Timing]] = {key: [] for key in cases}
    for number in range(count):
        order = list(cases) if number % 2 else list(reversed(cases))
        for key in order:
            seen[key].append(Timing(cases[key](hits), cases[key](misses)))
    return {
        key: Timing(statistics.median(t.hit for t in timings), statistics.median(t.miss for t in timings))
        for key, timings in seen.items()
    }


def by_rules(sizes: list[int], checks: int, turns: int) -> float:
    fresh = itertools.count()
    principal = Principal("user7", groups=frozenset({"team1", "team2", "team3"}))
    cases: dict[int, Callable[[Callable[[Iterator[int]], Iterator[str]]], float]] = {}
    built: dict[int, tuple[float, float]] = {}
    for size in sizes:
        policy, seconds, megabytes = build(size)
        built[size] = seconds, megabytes
        cases[size] = lambda names, policy=policy: measure(policy, principal, names(fresh), checks)  # type: ignore[misc]
    timings = rounds(cases, turns)
    print(f"{'rules':>8} {'hit µs':>8} {'miss µs':>8} {'build s':>8} {'MB':>7}")
    for size, timing in timings.items():
        seconds, megabytes = built[size]
        print(f"{size:>8} {timing.hit:>8.2f} {timing.miss:>8.2f} {seconds:>8.2f} {megabytes:>7.1f}")
    return worst_ratio(timings)


def by_groups(sizes: list[int], rules: int, checks: int, turns: int) -> float:
    fresh = itertools.count()
    policy, _, _ = build(rules)
    cases: dict[int, Callable[[Callable[[Iterator[int]], Iterator[str]]], float]] = {}
    for size in sizes:
        principal = Principal("user7", groups=frozenset(f"team{number * 7}" for number in range(size)))
        cases[size] = lambda names, who=principal: measure(policy, who, names(fresh), checks)  # type: ignore[misc]
    timings = rounds(cases, turns)
    print(f"\n{'groups':>8} {'hit µs':>8} {'miss µs':>8}   ({rules} rules)")
    for size, timing in timings.items():
        print(f"{size:>8} {timing.hit:>8.2f} {timing.miss:>8.2f}")
    return worst_ratio(timings)


def worst_ratio(timings: dict[int, Timing]) -> float:
    first, *others = timings.values()
    return max(max(other.hit / first.hit, other.miss / first.miss) for other in others)


def main() -> int:
    parser = argparse.ArgumentParser(description="cost of a policy check by the number of rules")
    parser.add_argument("--quick", action="store_true", help="fewer rules and rounds")
    quick = parser.parse_args().quick
    sizes = [10, 100, 1_000, 10_000] if quick else [10, 100, 1_000, 10_000, 100_000]
    turns = 3 if quick else 9
    ratio = by_rules(sizes, 2_000, turns)
    groups = by_groups([1, 10, 50, 200], 1_000 if quick else 10_000, 2_000, turns)
    print(f"\ncost({sizes[-1]} rules) / cost({sizes[0]} rules) = {ratio:.2f} (limit {LIMIT})")
    print(f"cost(200 groups) / cost(1 group) = {groups:.2f} (limit {LIMIT})")
    return 0 if max(ratio, groups) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
