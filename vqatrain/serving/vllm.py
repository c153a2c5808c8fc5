"""Hands a model over to vLLM: its own command line, after our contract was looked at.

Source: https://docs.vllm.ai/en/stable/cli/serve/ (written for 0.33). vLLM reads weights, chat
template and the limits of pictures from the folder. What it has no word for - text after each
question, adapters on a base that was made here - is refused rather than left out. This was never
run with vLLM.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from vqadata.errors import OptionError
from vqatrain.batches import contract
from vqatrain.config import ServeConfig
from vqatrain.data import PICTURE_POLICY
from vqatrain.models import model as models

NOBODY = "none.invalid"
"""A host that cannot exist. Without a list vLLM fetches pictures from everywhere."""

DTYPES = {"auto": "auto", "fp32": "float32", "bf16": "bfloat16"}


def command(config: ServeConfig) -> list[str]:
    """The words of vLLM's command line.

    Raises:
        OptionError: vLLM would answer otherwise than training did, or cannot do what is asked for.
    """
    trained = models.find_trained(config.model, config.adapter)
    _refuse(config, trained)
    name = config.name or Path(config.model.rstrip("/")).name
    return [
        "vllm", "serve", trained.base, "--served-model-name", name,
        "--host", config.host, "--port", str(config.port), "--dtype", DTYPES[config.precision],
        "--max-num-seqs", str(config.batch_size),
        "--limit-mm-per-prompt", json.dumps({"image": config.max_pictures}),
        "--allowed-media-domains", *(config.allow_host or [NOBODY]),
        "--generation-config", "vllm",
        "--override-generation-config",
        json.dumps({"temperature": 0, "max_new_tokens": config.max_new_tokens}),
    ]  # fmt: skip


def start(config: ServeConfig) -> int:
    """Run vLLM until it ends.

    Returns:
        Its exit status.

    Raises:
        OptionError: It is not installed, or see :func:`command`.
    """
    words = command(config)
    if shutil.which(words[0]) is None:
        raise OptionError(
            "--engine vllm", "no program vllm", "vLLM, which wants an environment of its own",
            "Install it, or add --print and run the line where it is.",
        )  # fmt: skip
    key = {"VLLM_API_KEY": config.api_key} if config.api_key else {}
    return subprocess.run(words, check=False, env={**os.environ, **key}).returncode  # noqa: S603


def _refuse(config: ServeConfig, trained: models.Trained) -> None:
    """Refuse what vLLM could not hold to.

    Raises:
        OptionError: It would answer otherwise than training did.
    """
    if trained.adapter is not None:
        raise OptionError(
            "--engine vllm", f"{config.model}: a model with an adapter", "a merged model",
            f"Run: vqatrain merge {config.model} -o {config.model.rstrip('/')}-merged",
        )  # fmt: skip
    wishes = ("quantise", "max_pixels", "max_tiles", "audit_log", "provider")
    if given := [f"--{wish.replace('_', '-')}" for wish in wishes if getattr(config, wish)]:
        raise OptionError("--engine vllm", f"{', '.join(given)}", "options that vLLM has as well")
    agreed = contract.read(trained.folder)
    if agreed is None:
        return
    if agreed.normalisation != PICTURE_POLICY:
        found = f"trained with pictures made RGB by {agreed.normalisation}"
        raise OptionError("--engine vllm", found, PICTURE_POLICY)
    if agreed.prompt_suffix and config.prompt_suffix is None:
        raise OptionError(
            "--engine vllm", f"trained with {agreed.prompt_suffix!r} after each question",
            "clients that send it, as vLLM does not add it",
            "Say that they do with --prompt-suffix ''.",
        )  # fmt: skip
    if config.prompt_suffix:
        raise OptionError("--prompt-suffix", repr(config.prompt_suffix), "'' with --engine vllm")
