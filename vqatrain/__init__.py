"""vqatrain: fine-tune a vision-language model on shards, and score it; thin over transformers.

Everything is imported when it is first used::

    from vqatrain import TrainConfig, run
    run(TrainConfig(shards="shards", model="Qwen/Qwen2.5-VL-3B-Instruct", out="runs/first"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqatrain.config import (
        DpoConfig,
        EvalConfig,
        MergeConfig,
        ProveConfig,
        TrainConfig,
    )
    from vqatrain.delivery_config import ExportConfig
    from vqatrain.evaluation import evaluate
    from vqatrain.exporting import export
    from vqatrain.infer import load
    from vqatrain.merging import merge
    from vqatrain.pairs import pair
    from vqatrain.pairs_config import PairsConfig
    from vqatrain.planning import plan
    from vqatrain.preferences import dpo
    from vqatrain.proving import prove
    from vqatrain.sft import run

__all__ = [
    "DpoConfig", "EvalConfig", "ExportConfig", "MergeConfig", "PairsConfig", "ProveConfig",
    "TrainConfig", "dpo", "evaluate", "export", "load", "merge", "pair", "plan", "prove", "run",
]  # fmt: skip

_HOMES = {
    "DpoConfig": "vqatrain.config",
    "EvalConfig": "vqatrain.config",
    "ExportConfig": "vqatrain.delivery_config",
    "MergeConfig": "vqatrain.config",
    "ProveConfig": "vqatrain.config",
    "TrainConfig": "vqatrain.config",
    "dpo": "vqatrain.preferences",
    "evaluate": "vqatrain.evaluation",
    "export": "vqatrain.exporting",
    "load": "vqatrain.infer",
    "merge": "vqatrain.merging",
    "pair": "vqatrain.pairs",
    "PairsConfig": "vqatrain.pairs_config",
    "plan": "vqatrain.planning",
    "prove": "vqatrain.proving",
    "run": "vqatrain.sft",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vqatrain' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
