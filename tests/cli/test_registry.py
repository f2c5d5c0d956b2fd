"""`token-service registry-config`: the block that makes a registry trust us, and the files that it names."""

import json
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tests.cli.running import Command
from token_service.clock import system_clock
from token_service.token import keyfiles
from token_service.token.public_key import Algorithm
from token_service.token.trusted import load_trusted_keys

ISSUER = "https://tokens.example.com"


class Site:
    """A folder with keys and a configuration of one service for each profile."""

    def __init__(self, folder: Path, command: Command) -> None:
        self.config = folder / "token-service.yaml"
        self.out = folder / "out"
        self._command = command
        keyfiles.generate(folder / "keys", Algorithm.ES256, system_clock())
        keyfiles.generate_for_service(folder / "keys", "zot.example.com", Algorithm.ES256, system_clock())
        self.write("distribution", "distribution-jwks", "distribution-2-kid", "zot")

    def write(self, *profiles: str) -> None:
        services = [{"name": f"{profile}.example.com", "profile": profile} for profile in profiles]
        self.config.write_text(json.dumps({"issuer": ISSUER, "services": services}))

    def arguments(self, registry: str, service: str = "") -> list[object]:
        named = ["--service", service] if service else []
        return ["registry-config", "--config", self.config, "--registry", registry, "--out", self.out, *named]

    def block(self, registry: str, service: str = "") -> str:
        done = self._command(*self.arguments(registry, service))
        assert done.status == 0, done.err
        assert all(line.startswith("# wrote ") for line in done.err.splitlines())
        return done.out

    def fails(self, registry: str, service: str = "") -> str:
        said = self._command.fails(*self.arguments(registry, service))
        assert not self.out.exists()
        return said


@pytest.fixture
def site(tmp_path: Path, command: Command) -> Site:
    return Site(tmp_path, command)


@pytest.mark.parametrize(
    ("registry", "profile", "trust", "file"),
    [
        ("distribution-2.8", "distribution", "rootcertbundle", "bundle.pem"),
        ("distribution-2.8", "distribution-2-kid", "rootcertbundle", "bundle.pem"),
        ("distribution-3.0", "distribution", "rootcertbundle", "bundle.pem"),
        ("distribution-3.0", "distribution-jwks", "jwks", "jwks.json"),
        ("distribution-3.1", "distribution", "rootcertbundle", "bundle.pem"),
        ("distribution-3.1", "distribution-jwks", "jwks", "jwks.json"),
    ],
)
def test_distribution_gets_its_auth_block_and_the_file_it_names(
    site: Site, registry: str, profile: str, trust: str, file: str
) -> None:
    block = yaml.safe_load(site.block(registry, f"{profile}.example.com"))
    assert block == {
        "auth": {
            "token": {
                "realm": f"{ISSUER}/token",
                "service": f"{profile}.example.com",
                "issuer": ISSUER,
                trust: str(site.out / file),
            }
        }
    }
    leaf = keyfiles.load(site.config.parent / "keys").leaves[0]
    assert leaf.key_id in load_trusted_keys(site.out / file)


def test_a_zot_gets_json_with_the_certificate_of_its_own_key(site: Site) -> None:
    bearer = json.loads(site.block("zot", "zot.example.com"))["http"]["auth"]["bearer"]
    assert bearer == {
        "realm": f"{ISSUER}/token",
        "service": "zot.example.com",
        "cert": str(site.out / "service-zot.example.com.pem"),
    }
    certificate = x509.load_pem_x509_certificate(Path(bearer["cert"]).read_bytes())
    fixed = keyfiles.load(site.config.parent / "keys").fixed["zot.example.com"]
    assert certificate.public_key() == fixed.public_key


def test_the_only_service_needs_no_naming(site: Site) -> None:
    site.write("distribution")
    assert "distribution.example.com" in site.block("distribution-3.1")


@pytest.mark.parametrize(
    ("registry", "profile", "fix"),
    [
        ("distribution-2.8", "distribution-jwks", "set `profile: distribution`"),
        ("distribution-2.8", "zot", "set `profile: distribution`"),
        ("distribution-3.0", "distribution-2-kid", "set `profile: distribution`"),
        ("distribution-3.1", "distribution-2-kid", "set `profile: distribution`"),
        ("distribution-3.1", "zot", "set `profile: distribution`"),
        ("zot", "distribution", "distribution.example.com"),
    ],
)
def test_a_profile_that_the_registry_would_refuse_is_refused_here(
    site: Site, registry: str, profile: str, fix: str
) -> None:
    assert fix in site.fails(registry, f"{profile}.example.com")


def test_each_thing_in_the_way_is_one_line_that_says_what_to_do(site: Site) -> None:
    assert "names none of the configured services (one of: distribution.example.com, " in site.fails(
        "distribution-3.1"
    )
    assert "names none of the configured services" in site.fails("distribution-3.1", "x")
    site.config.write_text("issuer: x\n")
    assert "token-service.yaml:1: `issuer`" in site.fails("distribution-3.1")
    site.config.unlink()
    assert "cannot be read: No such file or directory (name it with --config FILE)" in site.fails("distribution-3.1")


def test_without_keys_it_says_how_to_make_them(site: Site) -> None:
    site.write("distribution")
    (site.config.parent / "keys" / "keyring.json").unlink()
    assert "run `token-service keys generate --dir" in site.fails("distribution-3.1")


def test_a_zot_without_a_key_of_its_own_is_told_how_to_get_one(site: Site) -> None:
    for path in (site.config.parent / "keys").glob("service-*"):
        path.unlink()
    assert "keys generate --service zot.example.com" in site.fails("zot", "zot.example.com")


def test_sweep_removes_what_was_begun_long_ago_and_leaves_the_rest(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "images"
    (tmp_path / "registry.yaml").write_text(
        "root: images\nrealm: http://localhost/token\nservice: r\nissuer: http://localhost\nkeys_file: bundle.pem\n"
    )
    uploads = root / "docker/registry/v2/repositories/a/b/_uploads"
    for name, began in (
        ("11111111-1111-4111-8111-111111111111", "2020-01-01T00:00:00Z"),
        ("22222222-2222-4222-8222-222222222222", "2999-01-01T00:00:00Z"),
    ):
        (uploads / name).mkdir(parents=True)
        (uploads / name / "data").write_bytes(b"x")
        (uploads / name / "startedat").write_text(began)
    done = command("registry", "sweep", "--config", tmp_path / "registry.yaml")
    assert done.out == "removed a/b/11111111-1111-4111-8111-111111111111\n"
    assert [path.name for path in uploads.iterdir()] == ["22222222-2222-4222-8222-222222222222"]
