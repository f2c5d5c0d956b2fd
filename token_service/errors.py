"""The errors that cross rooms. Pure values: nothing here writes HTTP, prints or logs.

What belongs here: an error that one room raises and another shows. What does not: the rendering of an error
(`server/errors.py`, `registry/errors.py`, `cli/`), and errors that never leave their module.
"""

from dataclasses import dataclass


class ServiceError(Exception):
    """Base of every error this package raises on purpose."""


# Not frozen: the interpreter sets __traceback__ on an exception, contextlib's __exit__ even from Python.
@dataclass(unsafe_hash=True)
class LoadError(ServiceError):
    """Something an operator wrote (config, policy, password file, key file) cannot be used.

    `place` is a path, with `:line` where one is known, or the name of a setting; `problem` says what is wrong;
    `fix` says what to do. The message is one line, so that a log or a terminal shows it whole.
    """

    place: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        tail = f" ({self.fix})" if self.fix else ""
        return f"{self.place}: {self.problem}{tail}"


@dataclass(unsafe_hash=True)
class OAuthError(ServiceError):
    """A token request that is answered with an error.

    Carries both vocabularies, because every client shows another one (`docs/reference/errors.md`):
    `code` is RFC 6749 section 5.2's, `registry_code` is Distribution's. `description` never contains user input:
    RFC 6749 allows it %x20-21 / %x23-5B / %x5D-7E only, and what a client sent may be somebody's secret.
    """

    code: str
    description: str
    status: int = 400
    registry_code: str = "UNSUPPORTED"
    retry_after: int | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.description}"


def invalid_request(description: str, status: int = 400) -> OAuthError:
    """The request is malformed: 400, or 405, 413, 415 where HTTP has a better word."""
    return OAuthError("invalid_request", description, status)


def bad_credentials(description: str = "wrong user name or password") -> OAuthError:
    """Bad credentials are 401 here, although RFC 6749 says 400: docker prints the message only for a 401."""
    return OAuthError("invalid_grant", description, 401, "UNAUTHORIZED")


def too_busy(description: str, retry_after: int) -> OAuthError:
    """The service is at its limit and would rather say so than queue (429 with Retry-After, in seconds)."""
    return OAuthError("temporarily_unavailable", description, 429, "TOOMANYREQUESTS", retry_after)


def unavailable(description: str, retry_after: int = 5) -> OAuthError:
    """A back end failed. Never 401, which would tell a user that a right password is wrong; never a grant."""
    return OAuthError("temporarily_unavailable", description, 503, "UNAVAILABLE", retry_after)
