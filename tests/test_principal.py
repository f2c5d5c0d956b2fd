"""Principals are values: equal by what they are, and not to be changed once proven."""

import dataclasses

import pytest

from token_service.principal import ANONYMOUS, Kind, Principal


def test_nobody_in_particular() -> None:
    assert ANONYMOUS.is_anonymous
    assert ANONYMOUS.name == ""
    assert ANONYMOUS.groups == frozenset()
    assert not ANONYMOUS.labels


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ANONYMOUS])
def test_everybody_else_is_somebody(kind: Kind) -> None:
    assert not Principal("alice", kind).is_anonymous


def test_an_empty_name_does_not_make_a_user_anonymous() -> None:
    assert not Principal("").is_anonymous
    assert Principal("") != ANONYMOUS


def test_kinds_are_spelled_as_policies_spell_them() -> None:
    assert [str(kind) for kind in Kind] == ["anonymous", "user", "service-account", "workload"]


def test_a_user_and_a_service_account_of_one_name_are_two() -> None:
    assert Principal("ci", Kind.USER) != Principal("ci", Kind.SERVICE_ACCOUNT)


def test_a_principal_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Principal("alice").name = "root"  # type: ignore[misc]


def test_the_labels_of_one_are_not_the_labels_of_another() -> None:
    with pytest.raises(TypeError):
        Principal("alice").labels["x"] = ("y",)  # type: ignore[index]
    assert not Principal("bob").labels
