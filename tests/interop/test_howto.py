"""docs/distribution.md shows what the commands really print."""

import re
from pathlib import Path

import pytest

from tests.interop.site import run_product

HOWTO = Path(__file__).parents[2] / "docs" / "distribution.md"


def _block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", HOWTO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return str(block)


@pytest.mark.parametrize("registry", ["distribution-2.8", "distribution-3.0", "distribution-3.1"])
def test_the_printed_block_is_the_one_that_the_howto_shows(tmp_path: Path, registry: str) -> None:
    (tmp_path / "token-service.yaml").write_text(_block("yaml", "# token-service.yaml"))
    shown = _block("console", "token-service registry-config")
    command, _, expected = shown.partition("\n")
    arguments = command.removeprefix("$ token-service ").split()
    out = arguments[arguments.index("--out") + 1]
    arguments[arguments.index("--registry") + 1] = registry
    arguments[arguments.index("--out") + 1] = str(tmp_path / "trust")
    assert run_product(["keys", "generate", "--dir", "keys"], tmp_path).ok
    printed = run_product(arguments, tmp_path)
    assert printed.ok, printed.output
    block = "".join(line for line in printed.output.splitlines(keepends=True) if not line.startswith("#"))
    assert block.replace(str(tmp_path / "trust"), out) == expected
