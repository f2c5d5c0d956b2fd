"""Small OCI images made by hand, each unlike any other: a registry that refuses must not know the content already."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(content: bytes) -> str:
    """The digest as registries write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Image:
    """One layer holding one file whose text is the image's marker."""

    marker: str

    @classmethod
    def fresh(cls) -> "Image":
        return cls(f"interop-{uuid.uuid4().hex}")

    @cached_property
    def tree(self) -> bytes:
        """The layer as a plain tar: what `docker import` wants."""
        buffer = io.BytesIO()
        content = self.marker.encode()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("marker")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()

    @cached_property
    def layer(self) -> bytes:
        return gzip.compress(self.tree, mtime=0)

    @cached_property
    def config(self) -> bytes:
        machine = platform.machine()
        return _json(
            {
                "architecture": _ARCHITECTURES.get(machine, machine),
                "os": "linux",
                "config": {"Cmd": ["/marker"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(self.tree)]},
                "history": [{"created_by": "tests/interop"}],
            }
        )

    @cached_property
    def manifest(self) -> bytes:
        layer = {**_descriptor(_LAYER_TYPE, self.layer), "annotations": {"org.opencontainers.image.title": "layer"}}
        config = _descriptor(_CONFIG_TYPE, self.config)
        return _json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [layer]})

    @property
    def digests(self) -> tuple[str, ...]:
        """Any of these in a client's output proves that it saw this image."""
        return tuple(digest_of(part) for part in (self.manifest, self.config, self.layer))

    def seen_in(self, output: str) -> bool:
        return any(digest.removeprefix("sha256:") in output for digest in self.digests)

    def write_layout(self, folder: Path, name: str) -> Path:
        """Writes an OCI image layout; `name` is a tag, and containerd's name for the image as well."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for part in (self.manifest, self.config, self.layer):
            (blobs / digest_of(part).removeprefix("sha256:")).write_bytes(part)
        names = {"org.opencontainers.image.ref.name": name.rpartition(":")[2], "io.containerd.image.name": name}
        entry = {**_descriptor(MANIFEST_TYPE, self.manifest), "annotations": names}
        (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
        (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))
        return folder

    def write_archive(self, path: Path, name: str) -> Path:
        """The layout as one tar: what `ctr images import` wants."""
        layout = self.write_layout(path.with_suffix(".layout"), name)
        with tarfile.open(path, "w") as archive:
            archive.add(layout, arcname=".")
        return path

    def write_tree(self, path: Path) -> Path:
        path.write_bytes(self.tree)
        return path


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
