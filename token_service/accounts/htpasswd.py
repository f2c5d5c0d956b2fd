"""Apache's htpasswd files: `name:hash` a line, `#` comments. Read only; text to accounts, no I/O.

`{SHA}`, `crypt` and `$apr1$` lines are refused, as Distribution refuses them: they can be reversed in no time.
"""

from token_service.accounts.account import Account, Accounts, name_problem
from token_service.accounts.passwords import hash_problem
from token_service.errors import LoadError

_FIX = "make the line with `htpasswd -nB NAME` or `token-service hash-password`"


def parse_htpasswd(content: bytes, place: str) -> Accounts:
    """Accounts by name. Raises LoadError with `file:line`; the hash itself is never shown."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LoadError(f"{place}:{line}", "the file is not UTF-8", "save it as UTF-8") from None
    accounts: dict[str, Account] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line_text = raw.strip()
        if not line_text or line_text.startswith("#"):
            continue
        account = _parse_line(line_text, f"{place}:{number}")
        if account.name in accounts:
            raise LoadError(f"{place}:{number}", "this name stands in the file twice", "remove one of the lines")
        accounts[account.name] = account
    return accounts


def _parse_line(line: str, place: str) -> Account:
    name, colon, stored = line.partition(":")
    if not colon:
        raise LoadError(place, "there is no colon between a name and a hash", _FIX)
    problem = name_problem(name)
    if problem is not None:
        raise LoadError(place, problem, "rename the user")
    problem = hash_problem(stored)
    if problem is not None:
        raise LoadError(place, problem, _FIX)
    return Account(name, stored)
