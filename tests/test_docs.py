"""The docs say what the code does (see `tests/docs_check.py`)."""

from tests import docs_check


def test_the_docs_are_in_step_with_the_code() -> None:
    assert docs_check.problems() == []
