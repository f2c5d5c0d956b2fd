"""One volume, two programs: what Distribution wrote is served by us, and what we wrote is served by Distribution."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.interop.process import Daemon, free_port, is_listening, plain_environment
from tests.interop.registries import DISTRIBUTION, Kind
from tests.interop.tools import SKOPEO
from tests.registry.conftest import NAME, Registry, descriptor, image, index, open_registry, sign
from token_service.registry.digest import digest_of
from token_service.registry.document import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA_1

pytestmark = pytest.mark.conformance

LAYER = bytes(range(256)) * 500
ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])


class Distribution:
    """A Distribution without authentication, on a folder."""

    def __init__(self, kind: Kind, folder: Path, root: Path) -> None:
        if kind.program is None:
            raise ValueError("no program")
        self.kind = kind
        self.port = free_port()
        self.config = folder / f"{kind.name}.yaml"
        storage = {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}}
        self.config.write_text(
            yaml.safe_dump(
                {
                    "version": 0.1,
                    "storage": storage,
                    "http": {"addr": f"127.0.0.1:{self.port}"},
                    "compatibility": {"schema1": {"enabled": True}} if kind.name == "distribution-2.8" else {},
                }
            )
        )
        self.program = kind.program.path
        self.environment = plain_environment(folder, OTEL_TRACES_EXPORTER="none")
        self.daemon = Daemon(
            [self.program, "serve", self.config], log=folder / f"{kind.name}.log", env=self.environment
        )
        self.daemon.wait_for(lambda: is_listening(self.port, self.daemon.pid), f"{kind.name} on {self.port}")
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"Accept": ACCEPT})

    def push_blob(self, content: bytes, algorithm: str = "sha256") -> str:
        digest = str(digest_of(content, algorithm))
        location = self.client.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        answer = self.client.put(f"{location}&digest={digest}", content=content)
        assert answer.status_code == 201, answer.text
        return digest

    def push(self, document: dict[str, object], reference: str) -> bytes:
        content = json.dumps(document, indent=3).encode()
        headers = {"Content-Type": str(document["mediaType"])}
        answer = self.client.put(f"/v2/{NAME}/manifests/{reference}", content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        return content

    def garbage_collect(self, *options: str) -> str:
        done = subprocess.run(
            [self.program, "garbage-collect", *options, self.config],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(params=DISTRIBUTION, ids=lambda kind: str(kind.name))
def distribution(
    request: pytest.FixtureRequest, tmp_path: Path, need_part: Callable[[str], None]
) -> Iterator[Distribution]:
    need_part(request.param.missing())
    started = Distribution(request.param, tmp_path, tmp_path / "volume")
    with started.daemon, started.client:
        yield started


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Registry]:
    with open_registry(tmp_path / "volume") as registry:
        yield registry


def same(ours: Registry, reference: str, content: bytes, media_type: str) -> None:
    for name in (reference, str(digest_of(content))):
        answer = ours.call("GET", f"/v2/{NAME}/manifests/{name}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == media_type
        assert answer.headers["docker-content-digest"] == str(digest_of(content))


def test_what_distribution_wrote_is_served_by_us(distribution: Distribution, ours: Registry) -> None:
    config, layer = distribution.push_blob(b"{}"), distribution.push_blob(LAYER)
    long_name = distribution.push_blob(LAYER + b"!", "sha512")
    plain = image(config, layer)
    oci = distribution.push(plain, "oci")
    docker = distribution.push(plain | {"mediaType": DOCKER_MANIFEST}, "docker")
    listed = distribution.push(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_LIST,
            "manifests": [
                descriptor(str(digest_of(docker)), DOCKER_MANIFEST, len(docker))
                | {"platform": {"architecture": "amd64", "os": "linux"}}
            ],
        },
        "list",
    )
    indexed = distribution.push(index(str(digest_of(oci))), "index")
    distribution.push(plain, "moved")
    distribution.push(plain | {"mediaType": DOCKER_MANIFEST}, "moved")

    for reference, content, media_type in (
        ("oci", oci, OCI_MANIFEST),
        ("docker", docker, DOCKER_MANIFEST),
        ("list", listed, DOCKER_LIST),
        ("index", indexed, OCI_INDEX),
        ("moved", docker, DOCKER_MANIFEST),
    ):
        same(ours, reference, content, media_type)
    assert ours.call("GET", f"/v2/{NAME}/blobs/{layer}").content == LAYER
    for digest in (long_name, str(digest_of(LAYER + b"!"))):
        assert ours.call("GET", f"/v2/{NAME}/blobs/{digest}").content == LAYER + b"!"
    assert ours.call("GET", f"/v2/{NAME}/tags/list").json()["tags"] == ["docker", "index", "list", "moved", "oci"]
    assert ours.call("GET", "/v2/_catalog").json() == {"repositories": [NAME]}
    assert ours.call("DELETE", f"/v2/{NAME}/manifests/moved").status_code == 202
    assert "moved" not in distribution.client.get(f"/v2/{NAME}/tags/list").json()["tags"]


def test_the_referrers_that_clients_kept_under_a_tag_are_listed(distribution: Distribution, ours: Registry) -> None:
    plain = image(distribution.push_blob(b"{}"))
    subject = str(digest_of(distribution.push(plain, "v1")))
    referrer = distribution.push(plain | {"subject": descriptor(subject), "artifactType": "a/b"}, "sig")
    digest = str(digest_of(referrer))
    distribution.push(index(digest), subject.replace(":", "-"))
    answer = ours.call("GET", f"/v2/{NAME}/referrers/{subject}")
    assert [(entry["digest"], entry["artifactType"]) for entry in answer.json()["manifests"]] == [(digest, "a/b")]


def test_what_we_wrote_is_served_by_distribution(distribution: Distribution, ours: Registry) -> None:
    config, layer = ours.push_blob(b"{}"), ours.push_blob(LAYER)
    long_name = ours.push_blob(LAYER + b"!", algorithm="sha512")
    plain = image(config, layer)
    contents = {
        "oci": json.dumps(plain).encode(),
        "docker": json.dumps(plain | {"mediaType": DOCKER_MANIFEST}).encode(),
        "long": json.dumps(image(config, long_name)).encode(),
    }
    contents["index"] = json.dumps(index(str(digest_of(contents["oci"])))).encode()
    for tag, content in contents.items():
        reference = f"{digest_of(content, 'sha512')}?tag={tag}" if tag == "long" else tag
        assert ours.push(content, reference).status_code == 201
    subject = str(digest_of(contents["oci"]))
    referrer = json.dumps(plain | {"subject": descriptor(subject)}).encode()
    assert ours.push(referrer).status_code == 201
    assert ours.push(contents["docker"], "gone").status_code == 201
    assert ours.call("DELETE", f"/v2/{NAME}/manifests/gone").status_code == 202

    theirs = distribution.client
    for tag, content in contents.items():
        for reference in (tag, str(digest_of(content))):
            answer = theirs.get(f"/v2/{NAME}/manifests/{reference}")
            assert (answer.status_code, answer.content) == (200, content), (reference, answer.text)
    assert theirs.get(f"/v2/{NAME}/manifests/{digest_of(referrer)}").content == referrer
    assert theirs.get(f"/v2/{NAME}/blobs/{layer}").content == LAYER
    assert theirs.get(f"/v2/{NAME}/blobs/{long_name}").content == LAYER + b"!"
    assert sorted(theirs.get(f"/v2/{NAME}/tags/list").json()["tags"]) == sorted(contents)
    assert theirs.get("/v2/_catalog").json() == {"repositories": [NAME]}
    _check_collector(distribution, contents, layer)


def _check_collector(distribution: Distribution, contents: dict[str, bytes], layer: str) -> None:
    """The collector walks the volume, and takes nothing away that is referred to by sha256 digests."""
    said = distribution.garbage_collect("--dry-run")
    assert NAME in said
    kept = {layer, *(str(digest_of(content)) for content in (b"{}", *contents.values()))}
    condemned = set(re.findall(r"blob eligible for deletion: (sha256:[0-9a-f]{64})", said))
    marked = set(re.findall(r"marking (?:blob|manifest|configuration) (sha256:[0-9a-f]{64})", said))
    assert not kept & condemned
    assert kept <= marked
    # What is only referred to by another digest it would remove: docs/registry.md warns of it.
    assert str(digest_of(LAYER + b"!")) in condemned


def test_after_distribution_s_collector_we_serve_what_is_left(distribution: Distribution, ours: Registry) -> None:
    kept, gone = ours.push_image("kept"), ours.push_image("gone", annotations={"a": "b"})
    garbage = ours.push_blob(b"garbage")
    assert ours.call("DELETE", f"/v2/{NAME}/manifests/{gone}").status_code == 202
    distribution.garbage_collect()
    contents = {path.parent.name for path in ours.volume.glob("blobs/sha256/*/*/data")}
    assert contents == {digest[7:] for digest in (kept, str(digest_of(b"{}")), str(digest_of(b"layer")))}
    assert ours.call("GET", f"/v2/{NAME}/manifests/kept").headers["docker-content-digest"] == kept
    for digest, status in ((digest_of(b"{}"), 200), (garbage, 404)):
        assert ours.call("GET", f"/v2/{NAME}/blobs/{digest}").status_code == status
    assert ours.push_blob(b"garbage") == garbage
    assert ours.call("GET", f"/v2/{NAME}/blobs/{garbage}").content == b"garbage"


def test_schema_1_pushed_to_an_old_registry_is_served_by_us(
    tmp_path: Path, ours: Registry, need_part: Callable[[str], None]
) -> None:
    """Distribution 2.8 with schema 1 switched on, skopeo as the client that still makes it."""
    need_part(DISTRIBUTION[0].missing())
    need_part(SKOPEO.missing())
    old = Distribution(DISTRIBUTION[0], tmp_path, tmp_path / "volume")
    with old.daemon, old.client:
        config: dict[str, Any] = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [str(digest_of(LAYER))]},
            "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "test"}],
        }
        plain = image(old.push_blob(json.dumps(config).encode()), old.push_blob(LAYER))
        old.push(plain, "v2")
        copied = subprocess.run(
            [
                SKOPEO.path, "copy", "--format", "v2s1", "--src-tls-verify=false", "--dest-tls-verify=false",
                f"docker://127.0.0.1:{old.port}/{NAME}:v2", f"docker://127.0.0.1:{old.port}/{NAME}:v1",
            ],
            env=old.environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert copied.returncode == 0, copied.stderr
        answer = ours.call("GET", f"/v2/{NAME}/manifests/v1", token=sign(f"repository:{NAME}:pull"))
        assert answer.status_code == 200
        assert answer.json()["schemaVersion"] == 1
        assert answer.headers["content-type"] == SCHEMA_1
        assert answer.headers["docker-content-digest"] == str(digest_of(answer.content))
        stored = tmp_path / "volume/docker/registry/v2/blobs/sha256"
        digest = digest_of(answer.content)
        assert (stored / digest.encoded[:2] / digest.encoded / "data").read_bytes() == answer.content
