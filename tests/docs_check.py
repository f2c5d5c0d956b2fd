"""Holds the docs to the code: `python -m tests.docs_check`, part of `make check`; `--write` makes the reference.

* `docs/reference/settings.md` and `commands.md` are made from the settings models and the commands themselves, and
  `docs/schemas/*.json` from the models and the policy loader.
* Every relative link leads somewhere; every `token_service/…` path that prose names exists.
* Every YAML block that begins with `# token-service.yaml`, `# registry.yaml`, `# users.yaml` or `# policies/…` loads.
"""

import json
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from token_service import strict_yaml
from token_service.accounts.users_file import parse_users
from token_service.cli.main import app
from token_service.config import RegistrySettings, Settings, build_settings
from token_service.errors import LoadError
from token_service.policy.parse import parse_policy
from token_service.policy.schema import expectation_schema, policy_schema

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "docs/reference/settings.md"
COMMANDS = ROOT / "docs/reference/commands.md"
_MADE = "<!-- made by `python -m tests.docs_check --write` -->\n"
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_PATH = re.compile(r"`((?:token_service|tests|benchmarks|docs|policies)/[A-Za-z0-9_./-]*[A-Za-z0-9_/])`")
_BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOT_OURS = re.compile(r"docs/content/|policies/(?:main|team)\.")
_HASH = "$2y$05$" + "." * 53


def settings_reference() -> str:
    return (
        f"{_MADE}# Settings\n\nOne YAML file a program; paths are relative to it. An environment variable overrides\n"
        "a setting: upper case, with the prefix below, `__` between levels; lists are written as JSON. Unknown\n"
        "settings and variables are refused.\n\n"
        f"## `token-service serve` (`TOKEN_SERVICE_…`)\n\n{_table(Settings)}\n"
        f"## `token-service registry serve` (`TOKEN_SERVICE_REGISTRY_…`)\n\n{_table(RegistrySettings)}"
    )


def _table(model: type[BaseModel]) -> str:
    rows = "".join(f"| `{name}` | {default} | {text} |\n" for name, default, text in _rows(model, ""))
    return f"| setting | default | meaning |\n|---|---|---|\n{rows}"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        setting = f"{prefix}{name}"
        parts = list(_sections(field.annotation))
        listed = "[]" if get_origin(field.annotation) is list else ""
        if not parts:
            yield setting, _default(field), _text(field)
        elif field.description:
            yield f"{setting}{listed}", _default(field), _text(field)
        for part in parts:
            yield from _rows(part, f"{setting}{listed}.")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, list) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            yield from _sections(argument)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required" if field.is_required() else "none"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    return "none" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _text(field: FieldInfo) -> str:
    choices = [repr(choice).strip("'") for choice in get_args(field.annotation) if isinstance(choice, str)]
    listed = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return f"{field.description or ''}{listed}".replace("|", "\\|")


def commands_reference() -> str:
    return f"{_MADE}# Commands\n\n" + "".join(_command_texts(typer.main.get_command(app), "token-service"))


def _command_texts(command: Any, name: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children:
        for child in sorted(children):
            yield from _command_texts(children[child], f"{name} {child}")
        return
    yield f"## `{name}`\n\n{(command.help or '').strip()}\n\n"
    rows = [row for parameter in command.params if (row := _option(parameter)) is not None]
    if rows:
        yield "| option | default | meaning |\n|---|---|---|\n" + "".join(rows) + "\n"


def _option(parameter: Any) -> str | None:
    if parameter.name == "help":
        return None
    is_option = parameter.param_type_name == "option"
    shown = f"`{parameter.opts[0]}`" if is_option else f"`{parameter.name.upper()}`"
    default = parameter.default
    if isinstance(default, Enum):
        default = default.value
    text = (
        "" if default is None or default == "" or isinstance(default, bool) or callable(default) else f"`{default}`"
    )
    meaning = (getattr(parameter, "help", "") or "").replace("|", "/")
    return f"| {shown} | {'required' if parameter.required else text} | {meaning} |\n"


def made_files() -> dict[Path, str]:
    """Every file that is made from the code, with what it must hold."""
    schemas = {
        "token-service": Settings.model_json_schema(),
        "registry": RegistrySettings.model_json_schema(),
        "policy": policy_schema(),
        "expectations": expectation_schema(),
    }
    made = {
        ROOT / f"docs/schemas/{name}.schema.json": json.dumps(schema, indent=2) + "\n"
        for name, schema in schemas.items()
    }
    return {SETTINGS: settings_reference(), COMMANDS: commands_reference(), **made}


def problems() -> list[str]:
    """Everything that is wrong with the docs, a line each."""
    found = []
    for path, made in made_files().items():
        if not path.exists() or path.read_text() != made:
            found.append(f"{path.relative_to(ROOT)}: out of step: run `python -m tests.docs_check --write`")
    for document in documents():
        text = document.read_text()
        found += [f"{document.relative_to(ROOT)}: {problem}" for problem in _problems(document, text)]
    return found


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("keys/*.md")])


def _problems(document: Path, text: str) -> Iterator[str]:
    for target in _LINK.findall(text):
        if "://" not in target and not (document.parent / target).exists():
            yield f"broken link {target}"
    for named in _PATH.findall(text):
        if not _NOT_OURS.match(named) and not (ROOT / named).exists():
            yield f"names {named}, which does not exist"
    for indent, block in _BLOCK.findall(text):
        plain = re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)
        try:
            _load(plain)
        except LoadError as error:
            yield f"a YAML block does not load: {error}"


def _load(block: str) -> None:
    first = block.partition("\n")[0].strip()
    if first == "# token-service.yaml":
        build_settings(_plain(block), Settings, ROOT)
    elif first == "# registry.yaml":
        build_settings(_plain(block), RegistrySettings, ROOT)
    elif first == "# users.yaml":
        parse_users(re.sub(r"password_hash: .*", f'password_hash: "{_HASH}"', block).encode(), "users.yaml")
    elif first.startswith("# policies/") and ".test." not in first:
        parse_policy(block.encode(), first.removeprefix("# "))


def _plain(block: str) -> dict[str, Any]:
    plain = strict_yaml.to_plain(strict_yaml.load(block, "block"))
    if not isinstance(plain, dict):
        raise LoadError("block", "is not a mapping")
    return plain


def main() -> None:
    if "--write" in sys.argv[1:]:
        for path, made in made_files().items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(made)
    found = problems()
    sys.stdout.write("".join(f"{line}\n" for line in found) or "docs: ok\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
