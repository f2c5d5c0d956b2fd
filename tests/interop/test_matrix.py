"""The matrix' own bookkeeping and the images: quick, and run by `make test` too."""

import pytest

from tests.interop.clients import CLIENTS, Capability
from tests.interop.images import Image, digest_of
from tests.interop.matrix import BEGIN, END, HTTP_CELLS, between_markers
from tests.interop.registries import KINDS


def test_only_what_is_between_the_markers_changes() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = between_markers(text, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert between_markers(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_document_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="markers"):
        between_markers(text, "new")


def test_every_pair_is_tried_or_has_a_reason() -> None:
    tried = {(cell.registry, cell.client, cell.column) for cell in HTTP_CELLS}
    for registry in KINDS:
        for client in CLIENTS.values():
            for capability in Capability:
                assert (registry, client.title, capability) in tried or client.cannot[capability]


def test_images_are_unlike_each_other_and_each_is_the_same_twice() -> None:
    one, other = Image.fresh(), Image.fresh()
    assert not set(one.digests) & set(other.digests)
    assert Image(one.marker).digests == one.digests
    assert one.seen_in(f"pulled {digest_of(one.manifest)}")
    assert not one.seen_in(f"pulled {digest_of(other.manifest)}")
