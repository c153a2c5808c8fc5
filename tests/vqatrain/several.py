"""Runs several modes in one process of several: ``torchrun ... -m tests.vqatrain.several JOBS``.

A process that has loaded torch and transformers once can train tiny models in every mode, one after
the other; what a library keeps between two runs is forgotten here.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def forget() -> None:
    """Forget the mode of the run before."""
    from accelerate.state import AcceleratorState, PartialState
    from transformers.integrations import deepspeed

    deepspeed.unset_hf_deepspeed_config()
    AcceleratorState._reset_state(reset_partial_state=False)
    PartialState._shared_state.clear()
    for name in list(os.environ):
        if name.startswith(("ACCELERATE_", "FSDP_")):
            del os.environ[name]
    gc.collect()


def train(job: dict[str, Any]) -> None:
    """Train as the options say: on answers, or with ``dpo`` on pairs."""
    from vqatrain import DpoConfig, TrainConfig, dpo, run

    options = {name: value for name, value in job.items() if name != "dpo"}
    if job.get("dpo"):
        dpo(DpoConfig(**options))
    else:
        run(TrainConfig(**options))


def main(path: str) -> None:
    jobs: list[dict[str, Any]] = json.loads(Path(path).read_text())
    for job in jobs:
        try:
            train(job)
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            os._exit(1)  # the others would wait for this one
        forget()


if __name__ == "__main__":
    main(sys.argv[1])
