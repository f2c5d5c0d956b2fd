import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registry.conftest import descriptor, image, index
from token_service.registry.digest import digest_of
from token_service.registry.document import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA_1,
    SCHEMA_1_SIGNED,
    DocumentError,
    read_document,
    stored_media_type,
)

CONFIG, LAYER, CHILD = (digest_of(content) for content in (b"config", b"layer", b"child"))
IMAGE, INDEX = image(str(CONFIG), str(LAYER)), index(str(CHILD))


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_refers_to_its_config_and_layers(media_type: str) -> None:
    document = read_document(as_bytes(IMAGE | {"mediaType": media_type}), media_type)
    assert (document.media_type, document.blobs, document.children) == (media_type, (CONFIG, LAYER), ())


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_refers_to_its_manifests(media_type: str) -> None:
    document = read_document(as_bytes(INDEX | {"mediaType": media_type}), media_type)
    assert (document.media_type, document.blobs, document.children) == (media_type, (), (CHILD,))


def without(document: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.parametrize(
    ("document", "content_type", "expected"),
    [
        (IMAGE, "", OCI_MANIFEST),
        (IMAGE, f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
        (IMAGE, OCI_MANIFEST.upper(), OCI_MANIFEST),
        (without(IMAGE, "mediaType"), "", OCI_MANIFEST),
        (without(IMAGE, "mediaType"), OCI_MANIFEST, OCI_MANIFEST),
        (without(INDEX, "mediaType"), "", OCI_INDEX),
        (INDEX | {"manifests": None}, "", OCI_INDEX),
        (IMAGE | {"layers": None}, "", OCI_MANIFEST),
        (without(IMAGE, "layers"), "", OCI_MANIFEST),
        (IMAGE | {"anything": {"Config": 1}}, "", OCI_MANIFEST),
    ],
)
def test_the_type_is_the_document_s_own(document: object, content_type: str, expected: str) -> None:
    content = as_bytes(document)
    assert read_document(content, content_type).media_type == expected
    assert stored_media_type(content) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "strict JSON"),
        (b"{", "strict JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (as_bytes(IMAGE).decode().encode("utf-16"), "strict JSON"),
        (as_bytes(IMAGE).decode().encode("utf-32-le"), "strict JSON"),
        (b"\xef\xbb\xbf" + as_bytes(IMAGE), "strict JSON"),
        (b"\xff" + as_bytes(IMAGE), "strict JSON"),
        (as_bytes(IMAGE)[:-1] + b', "schemaVersion": 2}', "strict JSON"),
        (as_bytes(IMAGE)[:-1] + b', "annotations": {"a": "1", "a": "2"}}', "strict JSON"),
        (as_bytes(IMAGE)[:-1] + b', "x": NaN}', "strict JSON"),
        (as_bytes(IMAGE)[:-1] + b', "x": -Infinity}', "strict JSON"),
        (as_bytes(IMAGE)[:-1] + b', "x": ' + b"9" * 5000 + b"}", "strict JSON"),
        (b"[" * 100_000, "strict JSON"),
        (b'{"a":' * 100_000, "strict JSON"),
    ],
    ids=range(15),
)
def test_what_two_programs_could_read_differently_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        read_document(content, "")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (IMAGE | {"manifests": []}, "has no manifests"),
        (IMAGE | {"manifests": None}, "has no manifests"),
        (INDEX | {"layers": []}, "has no layers"),
        (INDEX | {"config": descriptor(str(CONFIG))}, "has no config"),
        (IMAGE | {"fsLayers": []}, "has no fsLayers"),
        (INDEX | {"fsLayers": []}, "has no fsLayers"),
        (IMAGE | {"Manifests": []}, "differs from manifests only by case"),
        (INDEX | {"LAYERS": []}, "differs from layers only by case"),
        (IMAGE | {"mediatype": OCI_INDEX}, "differs from mediaType only by case"),
        (INDEX | {"manife\u017ft\u017f": []}, "differs from manifests only by case"),
        (IMAGE | {"layers": [descriptor(str(LAYER)) | {"Digest": str(CONFIG)}]}, "differs from digest only by case"),
        (IMAGE | {"subject": descriptor(str(LAYER)) | {"\u017fize": 1}}, "differs from size only by case"),
        (without(IMAGE, "schemaVersion"), "schemaVersion is not 2"),
        (IMAGE | {"schemaVersion": 3}, "schemaVersion is not 2"),
        (IMAGE | {"schemaVersion": "2"}, "schemaVersion is not 2"),
        (IMAGE | {"schemaVersion": [2]}, "schemaVersion is not 2"),
        (IMAGE | {"mediaType": "text/html"}, "mediaType is none of"),
        (IMAGE | {"mediaType": OCI_INDEX}, "has no config"),
        (INDEX | {"mediaType": OCI_MANIFEST}, "has no manifests"),
        (without(IMAGE, "config"), "config is missing"),
        (IMAGE | {"config": None}, "config is missing"),
        (IMAGE | {"config": []}, "config is missing"),
        (IMAGE | {"config": {"digest": "sha256:../../etc/passwd"}}, "no sha256 or sha512 digest"),
        (IMAGE | {"config": {"digest": 7}}, "digest is not a string"),
        (IMAGE | {"layers": {}}, "layers is not a list"),
        (IMAGE | {"layers": ["x"]}, "layers is missing or no descriptor"),
        (IMAGE | {"layers": [descriptor("md5:" + "a" * 32)]}, "no sha256 or sha512 digest"),
        (IMAGE | {"subject": "x"}, "subject is missing or no descriptor"),
        (IMAGE | {"subject": {}}, "no sha256 or sha512 digest"),
        (IMAGE | {"artifactType": 1}, "artifactType is not a string"),
        (IMAGE | {"annotations": {"a": 1}}, "annotations are not an object of strings"),
        (IMAGE | {"annotations": ["a"]}, "annotations are not an object of strings"),
    ],
)
def test_a_misshapen_document_is_refused_with_its_reason(document: object, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        read_document(as_bytes(document), "")


@pytest.mark.parametrize("content_type", [OCI_INDEX, DOCKER_MANIFEST, "application/json", "text/plain"])
def test_a_content_type_that_is_not_the_document_s_is_refused(content_type: str) -> None:
    with pytest.raises(DocumentError, match="Content-Type does not match"):
        read_document(as_bytes(IMAGE), content_type)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"schemaVersion": 1, "name": "a"}', ""),
        (b'{"schemaVersion": 1, "signatures": []}', OCI_MANIFEST),
        (as_bytes(IMAGE), SCHEMA_1),
        (b"anything", f"{SCHEMA_1_SIGNED}; charset=utf-8"),
    ],
)
def test_schema_1_is_refused_and_the_replacement_named(content: bytes, content_type: str) -> None:
    with pytest.raises(DocumentError, match="schema 1 is no longer") as caught:
        read_document(content, content_type)
    assert OCI_MANIFEST in str(caught.value)
    assert DOCKER_MANIFEST in str(caught.value)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar"},
        {"urls": ["https://elsewhere.example/layer"]},
    ],
)
def test_content_that_lies_elsewhere_need_not_exist_here(elsewhere: dict[str, object]) -> None:
    layers = [descriptor(str(LAYER)) | elsewhere]
    assert read_document(as_bytes(IMAGE | {"layers": layers}), "").blobs == (CONFIG,)


def test_the_descriptor_of_a_referrer_has_the_artifact_type_or_the_config_s() -> None:
    subject = {"subject": descriptor(str(CHILD))}
    by_config = read_document(as_bytes(IMAGE | subject), "")
    assert by_config.subject == CHILD
    assert by_config.descriptor(LAYER, 7) == {
        "mediaType": OCI_MANIFEST,
        "digest": str(LAYER),
        "size": 7,
        "artifactType": "application/vnd.oci.image.config.v1+json",
    }
    own = read_document(as_bytes(IMAGE | subject | {"artifactType": "a/b", "annotations": {"k": "v"}}), "")
    assert own.descriptor(LAYER, 7)["artifactType"] == "a/b"
    assert own.descriptor(LAYER, 7)["annotations"] == {"k": "v"}
    assert "artifactType" not in read_document(as_bytes(INDEX | subject), "").descriptor(LAYER, 7)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'{"schemaVersion": 1, "fsLayers": []}', SCHEMA_1),
        (b'{"schemaVersion": 1, "fsLayers": [], "signatures": [{}]}', SCHEMA_1_SIGNED),
        (b'{"schemaVersion": 2, "mediaType": "application/x.old"}', "application/x.old"),
        (b'{"schemaVersion": 2, "mediaType": ""}', OCI_MANIFEST),
        (b'{"schemaVersion": 2, "mediaType": 7, "manifests": []}', OCI_INDEX),
        (b'{"mediaType": "a\\r\\nSet-Cookie: x"}', "application/octet-stream"),
        (b'{"mediaType": "\\u20ac"}', "application/octet-stream"),
        (b"[]", "application/octet-stream"),
        (b"\xff", "application/octet-stream"),
        (b"[" * 100_000, "application/octet-stream"),
    ],
    ids=range(10),
)
def test_what_lies_on_an_old_volume_has_a_type(content: bytes, media_type: str) -> None:
    assert stored_media_type(content) == media_type


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([str(CONFIG), OCI_INDEX, OCI_MANIFEST]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*IMAGE, *INDEX, "digest", "subject", "annotations"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(JSON | st.builds(lambda extra: IMAGE | extra, st.dictionaries(st.sampled_from([*IMAGE, "subject"]), JSON)))
def test_any_json_is_read_or_refused(value: object) -> None:
    content = as_bytes(value)
    stored_media_type(content)
    try:
        document = read_document(content, "")
    except DocumentError:
        return
    assert stored_media_type(content) == document.media_type


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert stored_media_type(content)
    with contextlib.suppress(DocumentError):
        read_document(content, "")
