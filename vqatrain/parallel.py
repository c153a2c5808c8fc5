"""Several processes: DDP, FSDP2 and DeepSpeed's ZeRO, each by its library, from a preset.

A preset is a JSON file in ``configs/``: DeepSpeed's own configuration, or ``fsdp_config`` of
transformers. What is here is what the libraries do otherwise than they are asked, on a CPU or in
silence.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import MissingExtraError, OptionError
from vqatrain.pace import is_main

DDP = "ddp"
PRESETS = Path(__file__).parent / "configs"


def presets() -> list[str]:
    """Names of the presets."""
    return [DDP, *sorted(path.stem for path in PRESETS.glob("*.json"))]


def read(name: str) -> dict[str, Any]:
    """A preset, or a file of one's own.

    Raises:
        OptionError: There is no such file, or it is no JSON.
    """
    path = Path(name) if name.endswith(".json") else PRESETS / f"{name}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        expected = f"one of {', '.join(presets())}, or a JSON file of DeepSpeed or FSDP"
        raise OptionError("--distributed", f"{name!r} cannot be read", expected) from None
    return found


def arguments(name: str) -> dict[str, Any]:
    """Arguments of the trainer for a preset.

    Raises:
        OptionError: The run was not started as one of several processes.
        MissingExtraError: DeepSpeed is not installed.
    """
    if name == DDP:
        return {}
    preset = read(name)
    if "RANK" not in os.environ:
        raise OptionError(
            "--distributed", f"{name} in a process of its own", "processes that know each other",
            "Start them by torchrun; vqatrain launch --print shows how.",
        )  # fmt: skip
    if "zero_optimization" not in preset:
        # So four-bit weights are loaded in a form that can be cut.
        os.environ["ACCELERATE_USE_FSDP"] = "true"
        return {"fsdp": True, "fsdp_config": preset}
    if importlib.util.find_spec("deepspeed") is None:
        raise MissingExtraError(f"--distributed {name}", "distributed", "deepspeed")
    _compile_nothing()
    return {"deepspeed": preset}


class Shares(NamedTuple):
    """Among how many processes things are divided; infinity: they lie in main memory."""

    weights: float
    gradients: float
    optimiser: float


def shares(name: str, processes: int) -> Shares:
    """What a preset divides among processes."""
    if name == DDP:
        return Shares(1, 1, 1)
    zero = read(name).get("zero_optimization", {"stage": 3})
    divided = [processes if zero["stage"] >= stage else 1 for stage in (3, 2, 1)]
    offloaded = ("offload_param", "", "offload_optimizer")
    return Shares(
        *(math.inf if key in zero else n for n, key in zip(divided, offloaded, strict=True))
    )


def shards_weights(name: str) -> bool:
    """Whether no process has all weights."""
    return shares(name, 2).weights > 1


def _compile_nothing() -> None:
    """DeepSpeed would build operators at the first step; a build that is killed hangs all later."""
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


@contextlib.contextmanager
def whole_weights() -> Iterator[None]:
    """Build a model that no process shards; random weights cannot be sharded as they are made."""
    from transformers.integrations import deepspeed

    kept = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = kept


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A temporary folder that all processes of the machine see; the main process makes it."""
    from torch import distributed

    several = distributed.is_available() and distributed.is_initialized()
    with tempfile.TemporaryDirectory() as folder:
        names = [folder]
        if several:
            distributed.broadcast_object_list(names)
        yield Path(names[0])
        wait()


def wait() -> None:
    """Wait for all processes."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()


def zero_three() -> bool:
    """Whether ZeRO-3 shards weights as they are loaded."""
    from transformers.integrations import is_deepspeed_zero3_enabled

    return bool(is_deepspeed_zero3_enabled())


def fully_shard(trainer: Any) -> None:
    """See to it that FSDP2 is what was asked for: on a CPU accelerate would train as DDP."""
    from accelerate import DistributedType, FullyShardedDataParallelPlugin

    state = trainer.accelerator.state
    if trainer.args.fsdp and state.distributed_type is DistributedType.MULTI_CPU:
        plugin = FullyShardedDataParallelPlugin(**trainer.args.fsdp_plugin_args)
        state.fsdp_plugin, state.distributed_type = plugin, DistributedType.FSDP
        trainer.is_fsdp_enabled = True


def let_answer(trainer: Any) -> None:
    """Have FSDP2 put weights together for ``generate`` too, which sees pictures before any forward.

    ZeRO-3 does so for each module, and a model that has all its weights is left alone.
    """
    from torch.distributed.fsdp import register_fsdp_forward_method

    for model in (trainer.model, getattr(trainer, "ref_model", None)):
        if model is not None:
            register_fsdp_forward_method(model, "generate")


def whole_state(trainer: Any) -> dict[str, Any] | None:
    """Weights that processes share, put together in the main one; ``None`` if each has all.

    All processes take part.
    """
    from torch.distributed.tensor import DTensor

    if zero_three():
        found: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        return found
    state = trainer.model_wrapped.state_dict()
    if not any(isinstance(value, DTensor) for value in state.values()):
        return None
    whole = {}
    for name, value in state.items():  # one after the other: none holds more than one in full
        full = value.full_tensor() if isinstance(value, DTensor) else value
        if is_main():
            whole[name] = full.cpu()
    return whole


def check_sharded(trainer: Any) -> None:
    """See to it, before the first step, that weights are sharded where that was asked for.

    Raises:
        OptionError: They are not.
    """
    from torch.distributed.tensor import DTensor

    weights = list(trainer.model_wrapped.parameters())
    sharded = any(isinstance(weight, DTensor) or hasattr(weight, "ds_id") for weight in weights)
    stage = (trainer.args.deepspeed or {"zero_optimization": {"stage": 0}})["zero_optimization"]
    if sharded != bool(trainer.args.fsdp or stage["stage"] == 3):
        found = "every process would have all weights" if not sharded else "weights are sharded"
        raise OptionError("--distributed", found, "what the preset says")
