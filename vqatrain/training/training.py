"""What supervised fine-tuning and preference training have in common."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from vqadata.errors import MissingExtraError, OptionError
from vqatrain import composing, parallel
from vqatrain.batches import contract
from vqatrain.batches.batch import Batcher
from vqatrain.batches.layout import Layout
from vqatrain.batches.packing import Collator, PackBatcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, Schedule, origin
from vqatrain.models import model as models
from vqatrain.models.family import Loaded, Part
from vqatrain.pace import Pace, is_main
from vqatrain.training import checkpoints, proof
from vqatrain.training.run_folder import LOG
from vqatrain.training.trace import Trace

log = logging.getLogger(__name__)

PROVED_EXAMPLES = 16
"""Examples of the label proof."""


def refuse_missing(config: TrainConfig) -> None:
    """Refuse before hours of work what would fail for want of a library.

    Raises:
        MissingExtraError: Curves go to Weights & Biases, which is not installed.
    """
    if config.report_to == "wandb" and importlib.util.find_spec("wandb") is None:
        raise MissingExtraError("--report-to wandb", "wandb", "wandb")


def load(config: TrainConfig, corpus: Iterable[str]) -> tuple[Loaded, contract.Contract]:
    """Load the model that is to be trained, by the seed, and settle its preprocessing.

    Raises:
        OptionError: There is no such model, or an option does not fit it.
    """
    import torch
    from transformers import set_seed

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    set_seed(config.seed)
    base, dtype = models.base_of(config.model), models.choose_dtype(config.precision)
    before = contract.read(Path(base))
    if config.vision_tower is None:
        loaded = models.load(base, dtype, corpus, quantised_parts(config))
    else:
        with parallel.whole_weights():
            loaded, before = composing.compose(config, corpus), None
    agreed = contract.settle(loaded, config, config.prompt_suffix, before)
    if before is not None and (changes := contract.differences(before, agreed)):
        log.warning("other preprocessing than the model was trained with: %s", changes)
    return loaded, agreed


def outline(config: TrainConfig, corpus: Iterable[str]) -> Loaded:
    """The model that would be trained, without its weights.

    Raises:
        OptionError: As of :func:`load`.
    """
    if config.vision_tower is not None:
        return composing.compose(config, corpus, weights=False)
    return models.outline(models.base_of(config.model), corpus)


def quantised_parts(config: TrainConfig) -> list[Part]:
    """Parts that get four-bit weights."""
    return config.quantise if config.tuning == "qlora" else []


def collator(config: TrainConfig, batcher: Batcher, loaded: Loaded) -> Collator:
    """Makes the batches of supervised fine-tuning.

    Raises:
        OptionError: Rows cannot be packed in this family.
    """
    packed = config.batching == "packed"
    return Collator(PackBatcher(batcher.seeing, loaded) if packed else batcher.seeing)


def prove_labels(loaded: Loaded, batcher: Batcher, schedule: Schedule) -> proof.LabelProof:
    """Look at the labels of the first examples, and say what they are.

    Raises:
        VqaDataError: A picture carries a label.
    """
    places = range(min(PROVED_EXAMPLES, len(schedule)))
    examples = [example for place in places for example in schedule[place].examples]
    examples = examples[:PROVED_EXAMPLES]
    picture_token: int = loaded.model.config.image_token_id
    found = proof.prove(batcher, examples, picture_token)
    log.info("%s", proof.say(found))
    return found


def arguments(config: TrainConfig, pace: Pace) -> dict[str, Any]:
    """Arguments of the Trainer of transformers, and of those derived from it; without the steps.

    They are made before the model is loaded: what shards weights must know of it then.
    """
    import torch

    if config.liger:
        _require_liger()
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(config.out / "tensorboard")
    os.environ["WANDB_DIR"] = str(config.out)
    os.environ.setdefault("WANDB_PROJECT", "vqatrain")
    return {
        "output_dir": str(config.out / checkpoints.FOLDER),
        "per_device_train_batch_size": pace.batch_size,
        "gradient_accumulation_steps": pace.accumulation,
        "train_sampling_strategy": "sequential",
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": config.warmup_steps,
        "weight_decay": config.weight_decay,
        "adam_beta2": config.adam_beta2,
        "max_grad_norm": config.max_grad_norm,
        "seed": config.seed,
        "bf16": models.choose_dtype(config.precision) is torch.bfloat16,
        "use_cpu": not torch.cuda.is_available(),
        "activation_checkpointing": config.gradient_checkpointing,
        "dataloader_num_workers": config.workers,
        "logging_steps": config.logging_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # such a loss would be logged as nothing
        "save_strategy": "steps" if config.save_steps else "no",
        "save_steps": config.save_steps or 1,
        "report_to": config.report_to,
        "run_name": config.out.name,
        "include_num_input_tokens_seen": "non_padding",
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "use_liger_kernel": config.liger,
        "ddp_find_unused_parameters": _finds_unused(config),
        **parallel.arguments(config.distributed),
    }


def _finds_unused(config: TrainConfig) -> bool | None:
    """Whether DDP looks for weights without gradient at every step; ``None``: as the library likes.

    Adapters of the language model have one in every batch. Other weights may have none, such as
    those of a vision tower behind the layer that is read.
    """
    return False if config.adapters and config.lora_targets is None else None


def watch(trainer: Any, config: TrainConfig, batcher: Batcher, rows: Questions | None) -> None:
    """Have the trainer say how it goes in our words, and answer the rows that are held out."""
    from transformers import PrinterCallback

    from vqatrain.training.held_out import HeldOut
    from vqatrain.training.progress import Progress

    trainer.pop_callback(PrinterCallback)
    callbacks = trainer.callback_handler.callbacks
    callbacks.insert(0, Progress(config.out / LOG))
    if rows is not None:
        callbacks.insert(1, HeldOut(trainer, rows, batcher, config))


def _require_liger() -> None:
    import torch

    if not torch.cuda.is_available():
        raise OptionError("--liger", "no GPU", "a GPU: its kernels run nowhere else", "Leave it.")
    if importlib.util.find_spec("liger_kernel") is None:
        raise OptionError("--liger", "liger-kernel is not installed", "pip install liger-kernel")


def train(
    trainer: Any,
    config: TrainConfig,
    folder: Path,
    layout: Layout,
    describe: Callable[[Path], None],
) -> float:
    """Train, with a trace of the rows.

    Args:
        trainer: Has the model.
        config: The options.
        folder: The run folder.
        layout: What is trained on.
        describe: Writes beside the weights of a checkpoint what makes them a model.

    Returns:
        The mean loss.
    """
    if is_main() and config.warmup_steps >= layout.steps:
        log.warning(
            "--warmup-steps %d of %d steps: the learning rate does not reach its peak",
            config.warmup_steps, layout.steps,
        )  # fmt: skip
    trainer.args.max_steps, trainer.train_dataset = layout.steps, layout.schedule
    trainer.follow(Trace(folder, layout), describe, config.keep_checkpoints)
    if is_main():
        trainer.trace.begin(config.resume)
    try:
        done = trainer.train(resume_from_checkpoint=str(config.resume) if config.resume else None)
    except KeyboardInterrupt:
        if is_main():
            log.warning("%s", checkpoints.how_to_go_on(folder, trainer.state.global_step))
        raise
    return float(done.training_loss)


def facts(
    config: TrainConfig, questions: Questions, layout: Layout, trainer: Any
) -> dict[str, Any]:
    """What was trained on and what was trained, for ``run.json``."""
    return {
        "base_model": models.base_of(config.model),
        "data": {
            **origin(questions),
            "rows_too_long": [row.question_id for row in layout.too_long],
            "examples_seen": len(layout.schedule.order.rows),
        },
        "steps": layout.steps,
        "trace": trainer.trace.end,
        "quantised": quantised_parts(config),
        **trainer.counted,
        "device": str(trainer.args.device),
    }
