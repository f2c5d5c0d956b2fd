"""Import of cesanta/docker_auth's configuration: its users and its `acl` as our users and policy. Pure.

What belongs here: `auth_config.yml` as text to the three texts that are to be written. What does not: files
(`cli/policy_import.py`), and other ways in which docker_auth decides (databases, programs, plugins).

The result grants exactly what docker_auth grants, or `problems` says what it does not. Even then it never grants
more, which is proven for every account of the file before anything is returned (`prove.py`).
`docs/migrate-docker-auth.md` says what exact means.
"""

from dataclasses import dataclass

from token_service.errors import LoadError
from token_service.policy.docker_auth.entry import AclEntry, read_entry
from token_service.policy.docker_auth.prove import are_placeholders_plain, odd_values, prove
from token_service.policy.docker_auth.shapes import Unsupported
from token_service.policy.docker_auth.source import Finding, Findings, UserProblem, World, read_source
from token_service.policy.docker_auth.translate import translate
from token_service.policy.docker_auth.write import policy_text, report_text, users_text
from token_service.policy.parse import parse_policy
from token_service.strict_yaml import shown


@dataclass(frozen=True, slots=True)
class Imported:
    """`users`, `policy` and `report` are the files' contents. `problems` empty: the import is exact."""

    users: str
    policy: str
    report: str
    problems: tuple[Finding, ...]


def import_config(data: str | bytes, place: str, user_problem: UserProblem) -> Imported:
    """Raises LoadError where the file is no configuration, or no rules can be proven not to grant more."""
    findings = Findings()
    source = read_source(data, place, user_problem, findings)
    entries = tuple(
        read_entry(number, node, source.world, findings) for number, node in enumerate(source.entries, start=1)
    )
    try:
        pieces = translate(entries, source.world, findings)
        policy = policy_text(pieces, entries)
        _check(entries, policy, source.world, place, findings)
    except Unsupported as error:
        raise LoadError(place, f"cannot be imported: {error}", "import a part of the acl") from None
    report = report_text(place, pieces, entries, findings.problems, findings.notes)
    users = users_text(source.world.users.values())
    return Imported(users, policy, report, tuple(dict.fromkeys(findings.problems)))


def _check(entries: tuple[AclEntry, ...], policy: str, world: World, place: str, findings: Findings) -> None:
    """Read back what is to be written, and compare it with the list. Raises Unsupported where that is too much."""
    is_exact = not findings.problems
    rules = parse_policy(policy, "policies/docker-auth.yaml").rules
    try:
        differences = prove(entries, rules, world)
    except Unsupported as error:
        if not are_placeholders_plain(entries, world):
            raise
        findings.note(place, f"the rules were not compared with the list once more: {error}")
        differences = ()
    for name, label, value in odd_values(entries, world):
        what = f"account {shown(name)}: label `{label}` has the value {shown(value)}"
        findings.note(place, f"{what}; docker_auth takes it for a pattern, here it is no path and gives nothing")
    for difference in differences:
        if difference.is_more:
            fix = (
                "rename the account or change the entry: a placeholder takes a path of name components, nothing else"
            )
            raise LoadError(place, f"cannot be imported: {difference}", fix)
        if is_exact:
            findings.problem(place, str(difference))
