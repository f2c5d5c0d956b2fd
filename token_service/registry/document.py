"""Manifests as documents: which type the bytes have, what they refer to, what a referrers list says of them. Pure.

No media type is stored beside a manifest; it is read from the bytes, as Distribution does. So a document that two
programs could read as two types must not get in (CVE-2021-41190): strict UTF-8 JSON without duplicate names, no
name that differs from a known one only by case (Go's decoder would take it), never `manifests` beside `layers`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from token_service.registry.digest import Digest, parse_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA_1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

_UNKNOWN = "application/octet-stream"
_HEADER_VALUE = re.compile(r"[!-~]{1,255}", re.ASCII)
_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_PUSHED = frozenset({OCI_MANIFEST, DOCKER_MANIFEST}) | _INDEXES
_SCHEMA_1_TYPES = frozenset({SCHEMA_1, SCHEMA_1_SIGNED})
_NAMES = ("schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations")
_DESCRIPTOR_NAMES = ("mediaType", "digest", "size", "urls")
_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar"
_NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable."


class DocumentError(Exception):
    """The bytes are no manifest that may be pushed. The message is for whoever pushed them."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest that may be stored. `blobs` and `children` must exist first; `subject` need not."""

    media_type: str
    blobs: tuple[Digest, ...]
    children: tuple[Digest, ...]
    subject: Digest | None
    artifact_type: str
    annotations: Mapping[str, str]

    def descriptor(self, digest: Digest, size: int) -> dict[str, object]:
        """What the referrers list of its subject says of it (distribution-spec, "Listing Referrers")."""
        entry: dict[str, object] = {"mediaType": self.media_type, "digest": str(digest), "size": size}
        if self.artifact_type:
            entry["artifactType"] = self.artifact_type
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry


def read_document(content: bytes, content_type: str) -> Document:
    """A pushed manifest. `content_type` is the header's value, or empty where there was none.

    Raises DocumentError.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared in _SCHEMA_1_TYPES:
        raise _schema_1()
    fields = _strict_object(content)
    if fields.get("schemaVersion") == 1:
        raise _schema_1()
    if fields.get("schemaVersion") != 2 or isinstance(fields["schemaVersion"], bool):
        raise DocumentError("schemaVersion is not 2")
    media_type = _media_type(fields)
    if media_type not in _PUSHED:
        raise DocumentError(f"mediaType is none of {', '.join(sorted(_PUSHED))}")
    if declared and declared != media_type:
        raise DocumentError(f"Content-Type does not match the document, which is {media_type}")
    return _read_fields(fields, media_type)


def stored_media_type(content: bytes) -> str:
    """The type of a manifest on the volume, which an older or laxer registry may have written. Never raises."""
    try:
        fields = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return _UNKNOWN
    if fields.get("schemaVersion") == 1:
        return SCHEMA_1_SIGNED if "signatures" in fields else SCHEMA_1
    media_type = _media_type(fields)
    return media_type if _HEADER_VALUE.fullmatch(media_type) else _UNKNOWN


def _schema_1() -> DocumentError:
    return DocumentError(
        "image manifest version 2 schema 1 is no longer accepted: push the image as "
        f"{OCI_MANIFEST} or as {DOCKER_MANIFEST}"
    )


def _media_type(fields: Mapping[str, object]) -> str:
    media_type = fields.get("mediaType")
    if isinstance(media_type, str) and media_type:
        return media_type
    return OCI_INDEX if "manifests" in fields else OCI_MANIFEST


def _strict_object(content: bytes) -> dict[str, object]:
    try:
        # Decoding first, since json.loads would also take UTF-16 and UTF-32, which no other program does.
        fields = json.loads(content.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DocumentError("the manifest is not strict JSON in UTF-8") from error
    if not isinstance(fields, dict):
        raise DocumentError("the manifest is not a JSON object")
    _refuse_look_alikes(fields, _NAMES)
    return fields


def _refuse_look_alikes(fields: Mapping[str, object], names: Iterable[str]) -> None:
    known = {name.casefold(): name for name in names}
    for name in fields:
        # casefold turns U+017F into s and U+212A into k, and so does Go's decoder.
        if known.get(name.casefold(), name) != name:
            raise DocumentError(f"a field differs from {known[name.casefold()]} only by case")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate name")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read_fields(fields: Mapping[str, object], media_type: str) -> Document:
    is_index = media_type in _INDEXES
    for name in ("config", "layers", "fsLayers") if is_index else ("manifests", "fsLayers"):
        if name in fields:
            raise DocumentError(f"{media_type} has no {name}")
    config: Mapping[str, object] = {} if is_index else _object(fields.get("config"), "config")
    blobs = () if is_index else (config, *_objects(fields, "layers"))
    return Document(
        media_type=media_type,
        blobs=_digests(blobs),
        children=_digests(_objects(fields, "manifests")) if is_index else (),
        subject=_digest(_object(fields["subject"], "subject")) if fields.get("subject") is not None else None,
        artifact_type=_text(fields, "artifactType") or _text(config, "mediaType"),
        annotations=_annotations(fields),
    )


def _digests(descriptors: Iterable[Mapping[str, object]]) -> tuple[Digest, ...]:
    """The digests that must be present: content with `urls`, or of a foreign type, may lie elsewhere."""
    return tuple(_digest(entry) for entry in descriptors if not _is_elsewhere(entry))


def _is_elsewhere(descriptor: Mapping[str, object]) -> bool:
    media_type = _text(descriptor, "mediaType")
    return bool(descriptor.get("urls")) or media_type.startswith((_FOREIGN, _NON_DISTRIBUTABLE))


def _digest(descriptor: Mapping[str, object]) -> Digest:
    digest = parse_digest(_text(descriptor, "digest"))
    if digest is None:
        raise DocumentError("a descriptor has no sha256 or sha512 digest")
    return digest


def _objects(fields: Mapping[str, object], name: str) -> tuple[Mapping[str, object], ...]:
    """A list of descriptors; Go writes an empty one as null."""
    entries = fields.get(name)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise DocumentError(f"{name} is not a list")
    return tuple(_object(entry, name) for entry in entries)


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise DocumentError(f"{name} is missing or no descriptor")
    _refuse_look_alikes(value, _DESCRIPTOR_NAMES)
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DocumentError(f"{name} is not a string")
    return value


def _annotations(fields: Mapping[str, object]) -> Mapping[str, str]:
    annotations = fields.get("annotations")
    if annotations is None:
        return {}
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        raise DocumentError("annotations are not an object of strings")
    return annotations
