"""Settings: what a file and the environment say, and for each thing that is wrong its place and what to do.

Environment variables are set by monkeypatch, which is what the environment is for; everything else is values.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.config import RegistrySettings, Settings, build_settings, load_settings
from token_service.errors import LoadError

MINIMAL = "issuer: https://tokens.example.com\nservices: [{name: registry.example.com}]\n"
ONE = "services: [{name: x}]\n"
REGISTRY = (
    "root: data\nrealm: http://localhost:5001/token\nservice: localhost:5000\nissuer: http://localhost:5001\n"
    "keys_file: bundle.pem\n"
)


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TOKEN_SERVICE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc" / "token-service.yaml"


def load(file: Path, text: str) -> Settings:
    file.write_text(text)
    return load_settings(file, Settings)


def test_two_lines_are_enough(file: Path) -> None:
    settings = load(file, MINIMAL)
    assert settings.token_url == "https://tokens.example.com/token"
    assert (settings.listen.host, settings.listen.port, settings.listen.tls) == ("127.0.0.1", 5001, None)
    assert [(service.name, service.profile) for service in settings.services] == [
        ("registry.example.com", "distribution")
    ]
    assert (settings.anonymous, settings.audit, settings.trusted_proxies, settings.authenticators) == (
        True, "-", [], []
    )  # fmt: skip
    assert (settings.token.lifetime, settings.token.issued_at) == (300, True)


def test_paths_are_beside_the_file_wherever_the_program_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent.parent)
    file.write_text(
        MINIMAL + "keys: {dir: secret}\naudit: log/audit.log\nauthenticators: [{kind: htpasswd, file: ../x}]\n"
    )
    settings = load_settings(Path("etc/token-service.yaml"), Settings)
    assert settings.keys.dir == file.parent / "secret"
    assert settings.policies == file.parent / "policies"
    assert settings.audit == str(file.parent / "log/audit.log")
    assert settings.authenticators[0].file == file.parent / "../x"


def test_absolute_paths_stay_as_they_are(file: Path) -> None:
    settings = load(file, MINIMAL + "keys: {dir: /srv/keys}\npolicies: /srv/policies\naudit: /var/log/audit\n")
    assert (settings.keys.dir, settings.policies, settings.audit) == (
        Path("/srv/keys"), Path("/srv/policies"), "/var/log/audit"
    )  # fmt: skip


BAD: list[tuple[str, str, int, str, str]] = [
    ("an empty file", "", 1, "empty", "mapping"),
    ("a list", "- issuer\n", 1, "not a mapping of settings", "settings.md"),
    ("not YAML", "issuer: [\n", 1, "not valid YAML", "check"),
    ("no issuer", "services: [{name: x}]\n", 1, "`issuer` is missing", "settings.md"),
    ("no services", "issuer: https://x.example\n", 1, "`services` is missing", "settings.md"),
    ("empty services", "issuer: https://x.example\nservices: []\n", 2, "`services`: list should have at least 1", ""),
    ("an unknown setting", MINIMAL + "keyz: x\n", 3, "`keyz` is not a setting", "settings.md"),
    ("an unknown one within", MINIMAL + "listen:\n  prot: 1\n", 4, "`listen.prot` is not a setting", "settings.md"),
    ("a setting twice", MINIMAL + "issuer: https://y.example\n", 3, "twice", "line 1"),
    ("an issuer that is no URL", "issuer: tokens\n" + ONE, 1, "`issuer`: write an http(s) URL", ""),
    ("a trailing slash", "issuer: https://x.example/\n" + ONE, 1, "leave out the trailing slash", ""),
    ("a query", 'issuer: "https://x.example/?a"\n' + ONE, 1, "write an http(s) URL", ""),
    ("an empty query", 'issuer: "https://x.example?"\n' + ONE, 1, "write an http(s) URL", ""),
    ("a fragment", 'issuer: "https://x.example#"\n' + ONE, 1, "write an http(s) URL", ""),
    ("a user", "issuer: https://hunter2@x.example\n" + ONE, 1, "write an http(s) URL", ""),
    ("a port too high", "issuer: https://x.example:99999\n" + ONE, 1, "write an http(s) URL", ""),
    ("a port in words", "issuer: https://x.example:http\n" + ONE, 1, "write an http(s) URL", ""),
    ("half a bracket", 'issuer: "https://[::1"\n' + ONE, 1, "write an http(s) URL", ""),
    ("another scheme", "issuer: ftp://x.example\n" + ONE, 1, "write an http(s) URL", ""),
    ("a quote", "issuer: 'https://x.example/\"'\n" + ONE, 1, "plain ASCII", ""),
    ("a name that is not ASCII", "issuer: https://ex\u00e4mple.org\n" + ONE, 1, "plain ASCII", ""),
    ("a realm in clear", MINIMAL + "realm: http://tokens.example.com/token\n", 1, "write an https URL", ""),
    ("a service with a space", "issuer: https://x.example\nservices:\n  - name: a b\n", 3, "`services.0.name`", ""),
    ("two services alike", "issuer: https://x.example\nservices: [{name: a}, {name: a}]\n", 1, "the same name", ""),
    ("an unknown profile", MINIMAL.replace("com}", "com, profile: harbor}"), 2, "`services.0.profile`", ""),
    ("a service as a text", "issuer: https://x.example\nservices: [x]\n", 2, "`services.0`", ""),
    ("plain HTTP for everyone", MINIMAL + "listen:\n  host: 0.0.0.0\n", 3, "passwords would travel in clear", ""),
    ("plain HTTP on all of IPv6", MINIMAL + 'listen: {host: "::"}\n', 3, "passwords would travel in clear", ""),
    ("plain HTTP on a name", MINIMAL + "listen: {host: tokens.example.com}\n", 3, "passwords would travel", ""),
    ("plain HTTP on no name", MINIMAL + 'listen: {host: ""}\n', 3, "passwords would travel in clear", ""),
    ("TLS without a key", MINIMAL + "listen:\n  tls: {certificate: x}\n", 4, "`listen.tls.key` is missing", ""),
    ("a port that is none", MINIMAL + "listen:\n  port: 70000\n", 4, "`listen.port`: input should be less", ""),
    ("an unknown authenticator", MINIMAL + "authenticators:\n  - {kind: hunter2, file: x}\n", 4,
     "`authenticators.0.kind` is missing or not one", "htpasswd or users"),
    ("an authenticator without a kind", MINIMAL + "authenticators:\n  - {file: x}\n", 4,
     "`authenticators.0.kind` is missing or not one", "htpasswd or users"),
    ("an authenticator without a file", MINIMAL + "authenticators:\n  - kind: users\n", 4,
     "`authenticators.0.file` is missing", ""),
    ("a key of another kind", MINIMAL + "authenticators:\n  - kind: users\n    file: x\n    url: z\n", 6,
     "`authenticators.0.url` is not a setting", ""),
    ("a lifetime too short", MINIMAL + "token:\n  lifetime: 59\n", 4, "greater than or equal to 60", ""),
    ("a lifetime in words", MINIMAL + "token: {lifetime: hunter2}\n", 3, "`token.lifetime`: input", ""),
    ("a switch that tools disagree about", MINIMAL + "anonymous: yes\n", 3, "read differently", "true, false"),
    ("a proxy that is no network", MINIMAL + "trusted_proxies:\n  - hunter2\n", 4, "write a network such as", ""),
    ("a proxy with host bits", MINIMAL + "trusted_proxies:\n  - 10.0.0.1/8\n", 4, "write a network such as", ""),
    ("a cache for too long", MINIMAL + "limits: {credential_cache_seconds: 61}\n", 3, "less than or equal to 60", ""),
    ("no threads", MINIMAL + "limits: {password_workers: 0}\n", 3, "`limits.password_workers`: input should be", ""),
    ("a section as a text", MINIMAL + "limits: hunter2\n", 3, "`limits`: input should be", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "problem", "fix"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_is_named_by_setting_line_and_fix_and_no_value_is_shown(
    file: Path, text: str, line: int, problem: str, fix: str
) -> None:
    with pytest.raises(LoadError) as caught:
        load(file, text)
    place = caught.value.place
    assert place == f"{file}:{line}" or (problem == "not valid YAML" and place.startswith(f"{file}:"))
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert caught.value.fix
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_plain_http_is_for_this_machine(file: Path, host: str) -> None:
    assert load(file, MINIMAL + f'listen: {{host: "{host}"}}\n').listen.host == host


@pytest.mark.parametrize("how", ["behind_tls_proxy: true", "tls: {certificate: a.pem, key: a.key}"])
def test_other_addresses_want_tls_here_or_in_front(file: Path, how: str) -> None:
    settings = load(file, MINIMAL + f"listen: {{host: 0.0.0.0, {how}}}\n")
    assert settings.listen.host == "0.0.0.0"
    if settings.listen.tls is not None:
        assert settings.listen.tls.key == file.parent / "a.key"


def test_a_file_that_is_not_there_or_no_file_is_named(file: Path) -> None:
    for path, problem in ((file, "No such file"), (file.parent, "Is a directory")):
        with pytest.raises(LoadError, match=rf"{path}: cannot be read: {problem}.* \(name it with --config FILE\)"):
            load_settings(path, Settings)


def test_a_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes(MINIMAL.encode("utf-16"))
    with pytest.raises(LoadError, match="not UTF-8"):
        load_settings(file, Settings)


# --- the environment -------------------------------------------------------------------------------------------


def test_the_environment_beats_the_file_setting_by_setting(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ISSUER": "https://other.example.com",
        "LISTEN__PORT": "8080",
        "TOKEN__ISSUED_AT": "false",
        "SERVICES": '[{"name": "a"}, {"name": "b", "profile": "zot"}]',
        "KEYS__DIR": "other-keys",
        "AUDIT": "other.log",
    }.items():
        monkeypatch.setenv(f"TOKEN_SERVICE_{name}", value)
    settings = load(file, MINIMAL + "listen: {port: 9, max_connections: 7}\ntoken: {lifetime: 600}\n")
    assert settings.issuer == "https://other.example.com"
    assert (settings.listen.port, settings.listen.max_connections) == (8080, 7)
    assert (settings.token.lifetime, settings.token.issued_at) == (600, False)
    assert [service.profile for service in settings.services] == ["distribution", "zot"]
    assert settings.keys.dir == file.parent / "other-keys"
    assert settings.audit == str(file.parent / "other.log")


BAD_ENVIRONMENT: list[tuple[str, str, str, str]] = [
    ("TOKEN_SERVICE_ISUER", "x", "TOKEN_SERVICE_ISUER", "is not a setting"),
    ("TOKEN_SERVICE_", "x", "TOKEN_SERVICE_", "is not a setting"),
    ("TOKEN_SERVICE_LISTEN__PROT", "1", "TOKEN_SERVICE_LISTEN__PROT", "`listen.prot` is not a setting"),
    ("TOKEN_SERVICE_LISTEN__PORT", "hunter2", "TOKEN_SERVICE_LISTEN__PORT", "`listen.port`: input should be a valid"),
    ("TOKEN_SERVICE_LISTEN__HOST", "0.0.0.0", "TOKEN_SERVICE_LISTEN__HOST", "passwords would travel in clear"),
    ("TOKEN_SERVICE_LISTEN", '{"port": "hunter2"}', "TOKEN_SERVICE_LISTEN", "`listen.port`: input should be a valid"),
    ("TOKEN_SERVICE_SERVICES", "hunter2", "TOKEN_SERVICE_SERVICES", "is not JSON"),
    ("TOKEN_SERVICE_SERVICES", "[]", "TOKEN_SERVICE_SERVICES", "at least 1 item"),
    ("TOKEN_SERVICE_SERVICES", '[{"name": "hunter2 x"}]', "TOKEN_SERVICE_SERVICES", "`services.0.name`"),
    ("TOKEN_SERVICE_ISSUER", "https://x.example\nhunter2", "TOKEN_SERVICE_ISSUER", "plain ASCII"),
    ("TOKEN_SERVICE_ISSUER", "", "TOKEN_SERVICE_ISSUER", "write an http(s) URL"),
    ("TOKEN_SERVICE_ANONYMOUS", "hunter2", "TOKEN_SERVICE_ANONYMOUS", "`anonymous`: input should be a valid boolean"),
    ("token_service_token__lifetime", "1", "token_service_token__lifetime", "`token.lifetime`"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "place", "problem"), BAD_ENVIRONMENT)
def test_a_bad_variable_is_named_and_not_the_line_that_it_overrides(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(LoadError) as caught:
        load(file, MINIMAL + "listen: {port: 9}\ntoken: {lifetime: 600}\n")
    assert caught.value.place == f"environment {place}"
    assert problem in caught.value.problem
    assert caught.value.fix
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_line_is_named_although_another_setting_comes_from_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SERVICE_LISTEN__PORT", "8080")
    with pytest.raises(LoadError) as caught:
        load(file, MINIMAL + "listen:\n  max_connections: 0\n")
    assert caught.value.place == f"{file}:4"


def test_what_kubernetes_sets_beside_a_service_of_this_name_is_no_mistake(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Service called `token-service` gives every pod these variables; they must not keep ours from starting."""
    for name, value in {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "5001",
        "SERVICE_PORT_HTTP": "5001",
        "PORT": "tcp://10.0.0.1:5001",
        "PORT_5001_TCP": "tcp://10.0.0.1:5001",
        "PORT_5001_TCP_ADDR": "10.0.0.1",
        "REGISTRY_SERVICE_HOST": "10.0.0.2",
        "REGISTRY_PORT_5000_TCP": "tcp://10.0.0.2:5000",
    }.items():
        monkeypatch.setenv(f"TOKEN_SERVICE_{name}", value)
    assert load(file, MINIMAL).listen.port == 5001
    registry = file.with_name("registry.yaml")
    registry.write_text(REGISTRY)
    assert load_settings(registry, RegistrySettings).listen.port == 5000


def test_the_programs_do_not_read_each_others_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SERVICE_REGISTRY_ISSUER", "http://registry.example.com")
    monkeypatch.setenv("TOKEN_SERVICE_ISSUER", "https://other.example.com")
    assert load(file, MINIMAL).issuer == "https://other.example.com"
    registry = file.with_name("registry.yaml")
    registry.write_text(REGISTRY)
    settings = load_settings(registry, RegistrySettings)
    assert settings.issuer == "http://registry.example.com"
    assert (settings.root, settings.keys_file) == (file.parent / "data", file.parent / "bundle.pem")
    monkeypatch.setenv("TOKEN_SERVICE_REGISTRY_ISUER", "x")
    with pytest.raises(LoadError, match="environment TOKEN_SERVICE_REGISTRY_ISUER: is not a setting"):
        load_settings(registry, RegistrySettings)


# --- values ----------------------------------------------------------------------------------------------------


def test_settings_do_not_change_once_read(file: Path) -> None:
    settings = load(file, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        settings.issuer = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.listen.port = 1  # type: ignore[misc]


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(Settings.model_fields))


@given(st.dictionaries(NAMES | st.text(max_size=8), JSON_LIKE, max_size=4))
def test_no_values_raise_anything_but_a_load_error(values: Mapping[str, object]) -> None:
    plain = {"issuer": "https://x.example", "services": [{"name": "x"}], **json.loads(json.dumps(values))}
    try:
        outcome = build_settings(plain, Settings, Path("/x")).issuer
    except LoadError as error:
        outcome = str(error)
    assert outcome.startswith(("https:", "settings: "))
