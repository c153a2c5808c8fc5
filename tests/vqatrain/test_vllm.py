"""What is handed over to vLLM, and what is refused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vqadata.errors import OptionError
from vqatrain.batches.contract import Contract, write
from vqatrain.cli import program
from vqatrain.config import ServeConfig
from vqatrain.data import PICTURE_POLICY
from vqatrain.serving import vllm


def folder(path: Path, **changes: Any) -> Path:
    """A model folder as far as it is looked at: its contract."""
    usual: dict[str, Any] = {
        "family": "smolvlm", "max_pixels": None, "pictures": {}, "normalisation": PICTURE_POLICY,
        "chat_template": "0", "special_tokens": "break", "prompt_suffix": "",
    }  # fmt: skip
    path.mkdir()
    write(Contract(**usual | changes), path)
    return path


def test_the_line_is_printed(tmp_path: Path) -> None:
    model = folder(tmp_path / "merged")
    given = ["serve", str(model), "--engine", "vllm", "--print", "--port", "9000"]
    done = CliRunner().invoke(program, given)
    assert done.exit_code == 0, done.output
    words = shlex.split(done.output)
    assert words[:3] == ["vllm", "serve", str(model)]
    assert words[words.index("--port") + 1] == "9000"
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--allowed-media-domains") + 1] == vllm.NOBODY


def test_a_key_stands_in_no_list_of_processes(tmp_path: Path) -> None:
    model = folder(tmp_path / "merged")
    config = ServeConfig(model=str(model), engine="vllm", api_key="secret", allow_host=["a.org"])
    words = vllm.command(config)
    assert "secret" not in " ".join(words)
    assert vllm.NOBODY not in words


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"prompt_suffix": " Short."}, {}, "after each question"),
        ({}, {"prompt_suffix": " Short."}, "with --engine vllm"),
        ({"normalisation": "older"}, {}, "made RGB by older"),
        ({}, {"max_pixels": 4096}, "--max-pixels"),
        ({}, {"adapter": Path("a")}, "Run: vqatrain merge"),
    ],
)
def test_what_vllm_cannot_hold_to_is_refused(
    changes: dict[str, Any], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    model = folder(tmp_path / "merged", **changes)
    with pytest.raises(OptionError, match=message):
        vllm.command(ServeConfig(model=str(model), **options))


def test_clients_may_send_the_suffix_and_vllm_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = folder(tmp_path / "merged", prompt_suffix=" Short.")
    config = ServeConfig(model=str(model), prompt_suffix="")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionError, match="no program vllm"):
        vllm.start(config)
