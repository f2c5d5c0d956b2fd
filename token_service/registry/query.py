"""Query strings, read strictly. Pure.

The framework's reader takes the last of several values and turns bad UTF-8 into U+FFFD, so that two different
requests look alike (`?from=a&from=b` must not be authorized for one and served from the other). Parameters that
nobody here knows, such as containerd's `ns`, are ignored.
"""

from urllib.parse import parse_qsl

from token_service.registry.errors import RegistryError, request_invalid

_MAX_FIELDS = 200


class Query:
    """The parameters of one request. Raises RegistryError where the string is not clean."""

    def __init__(self, raw: bytes) -> None:
        try:
            self._pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError as error:
            raise request_invalid("the query is not UTF-8 in percent-encoding, or has too many fields") from error

    def one(self, name: str) -> str | None:
        """The value of a parameter that may stand at most once, or None where it does not stand."""
        values = self.all(name)
        if len(values) > 1:
            raise _repeated(name)
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self._pairs if key == name)


def _repeated(name: str) -> RegistryError:
    return request_invalid(f"the parameter {name} stands more than once")
