"""vqatrain: fine-tune a vision-language model on shards, and score it; thin over transformers.

Everything is imported when it is first used::

    from vqatrain import TrainConfig, run
    run(TrainConfig(shards="shards", model="Qwen/Qwen2.5-VL-3B-Instruct", out="runs/first"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqatrain.answering.infer import load
    from vqatrain.config import (
        DpoConfig,
        EvalConfig,
        MergeConfig,
        ProveConfig,
        TrainConfig,
    )
    from vqatrain.delivering.config import ExportConfig
    from vqatrain.delivering.exporting import export
    from vqatrain.delivering.merging import merge
    from vqatrain.pairs.config import PairsConfig
    from vqatrain.pairs.pairing import pair
    from vqatrain.planning.planning import plan
    from vqatrain.scoring.evaluation import evaluate
    from vqatrain.training.preferences import dpo
    from vqatrain.training.proving import prove
    from vqatrain.training.sft import run

__all__ = [
    "DpoConfig", "EvalConfig", "ExportConfig", "MergeConfig", "PairsConfig", "ProveConfig",
    "TrainConfig", "dpo", "evaluate", "export", "load", "merge", "pair", "plan", "prove", "run",
]  # fmt: skip

_HOMES = {
    "DpoConfig": "vqatrain.config",
    "EvalConfig": "vqatrain.config",
    "ExportConfig": "vqatrain.delivering.config",
    "MergeConfig": "vqatrain.config",
    "ProveConfig": "vqatrain.config",
    "TrainConfig": "vqatrain.config",
    "dpo": "vqatrain.training.preferences",
    "evaluate": "vqatrain.scoring.evaluation",
    "export": "vqatrain.delivering.exporting",
    "load": "vqatrain.answering.infer",
    "merge": "vqatrain.delivering.merging",
    "pair": "vqatrain.pairs.pairing",
    "PairsConfig": "vqatrain.pairs.config",
    "plan": "vqatrain.planning.planning",
    "prove": "vqatrain.training.proving",
    "run": "vqatrain.training.sft",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vqatrain' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
