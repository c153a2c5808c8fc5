"""Supervised fine-tuning: shards in, model or adapter out. The run reads from top to bottom."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import math
import os
import time
from pathlib import Path
from typing import Any

from vqadata.errors import OptionError
from vqatrain import contract, quantise, tuning
from vqatrain import model as models
from vqatrain import proof as labels
from vqatrain.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, Schedule, curriculum, trainable
from vqatrain.family import Loaded

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"

PROVED_EXAMPLES = 16
"""Examples of the label proof."""

LIBRARIES = ("vqadata", "torch", "transformers", "peft", "accelerate", "pillow", "pyarrow")


def run(config: TrainConfig) -> Path:
    """Train a model on shards.

    Args:
        config: What to train, on what, and how.

    Returns:
        The run folder: ``config.json``, ``log.jsonl``, ``tensorboard/``, ``model/`` or ``adapter/``
        with the processor, and ``run.json``, which is written last.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit. Nothing was trained.
    """
    models.prepare_libraries()
    from transformers import set_seed

    started = time.time()
    _refuse_existing(config)
    questions = Questions(config)
    trainable(questions)
    _limit_threads(config.threads)
    set_seed(config.seed)

    dtype = models.choose_dtype(config.precision)
    quantised = config.quantise if config.tuning == "qlora" else []
    loaded = models.load(config.model, dtype, questions.texts(), quantised)
    agreed = contract.settle(loaded, config, config.prompt_suffix)
    steps = config.max_steps or _steps_of(config, len(questions))
    length = steps * config.batch_size * config.gradient_accumulation * _world_size()
    first = curriculum(questions, config.first_where, config.first_rows, config.seed)
    schedule = Schedule(questions, length, config.seed, first)

    batcher = Batcher(loaded, config.prompt_suffix)
    proof = _prove_labels(loaded, batcher, schedule)
    model = tuning.prepare(loaded.model, config)
    folder = _new_folder(config, loaded)
    labels.write(proof, folder)
    trainer = _trainer(config, model, schedule, batcher, steps, folder)
    result = trainer.train(resume_from_checkpoint=str(config.resume) if config.resume else None)

    _save(folder, config, loaded._replace(model=model), agreed)
    _remove_empty(folder / CHECKPOINTS)
    _write_json(
        folder / models.RUN_FILE,
        {
            "status": "finished",
            "base_model": config.model,
            "data": _describe_data(questions, schedule),
            "steps": steps,
            "loss": result.training_loss,
            "seconds": round(time.time() - started, 1),
            "parameters": tuning.count_parameters(model),
            "quantised_layers": quantise.quantised_layers(model),
            "device": str(trainer.args.device),
            "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    )
    return folder


def _trainer(
    config: TrainConfig, model: Any, schedule: Schedule, batcher: Batcher, steps: int, folder: Path
) -> Any:
    """The Trainer of transformers, taking the schedule in its own order."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    from vqatrain.progress import Progress

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    arguments = TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        max_steps=steps,
        train_sampling_strategy="sequential",
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        adam_beta2=config.adam_beta2,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        bf16=models.choose_dtype(config.precision) is torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),
        activation_checkpointing=config.gradient_checkpointing,
        dataloader_num_workers=config.workers,
        logging_steps=config.logging_steps,
        logging_first_step=True,
        save_strategy="steps" if config.save_steps else "no",
        save_steps=config.save_steps or 1,
        report_to=config.report_to,
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    trainer = Trainer(model, arguments, data_collator=batcher, train_dataset=schedule)
    trainer.pop_callback(PrinterCallback)
    trainer.add_callback(Progress(folder / "log.jsonl"))
    return trainer


def _prove_labels(loaded: Loaded, batcher: Batcher, schedule: Schedule) -> labels.LabelProof:
    """Look at the labels of the first examples, and say what they are."""
    examples = [schedule[place] for place in range(min(PROVED_EXAMPLES, len(schedule)))]
    picture_token: int = loaded.model.config.image_token_id
    proof = labels.prove(batcher, examples, picture_token)
    log.info("%s", labels.say(proof))
    return proof


def _save(folder: Path, config: TrainConfig, trained: Loaded, agreed: contract.Contract) -> None:
    """Save the model, or the adapter, with the processor and the contract of preprocessing."""
    full = config.tuning == "full"
    target = folder / (models.MODEL_FOLDER if full else models.ADAPTER_FOLDER)
    models.save(trained, target)
    contract.write(agreed, target)


def _remove_empty(folder: Path) -> None:
    """Remove the folder that the trainer makes for checkpoints, if there are none."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _refuse_existing(config: TrainConfig) -> None:
    if config.out.exists() and config.resume is None:
        finished = (config.out / models.RUN_FILE).exists()
        found = "a finished run" if finished else "a run that did not finish, or other files"
        raise OptionError(
            "--out", f"{config.out}: {found}", "a new folder",
            "Choose another name, remove it, or continue a checkpoint of it with --resume.",
        )  # fmt: skip


def _new_folder(config: TrainConfig, loaded: Loaded) -> Path:
    """Make the run folder; write the configuration, and a base that lies nowhere else."""
    config.out.mkdir(parents=True, exist_ok=True)
    _write_json(config.out / "config.json", config.model_dump(mode="json"))
    if loaded.origin is not None and config.tuning != "full":
        models.save(loaded._replace(model=loaded.origin), config.out / models.BASE_FOLDER)
    return config.out


def _steps_of(config: TrainConfig, rows: int) -> int:
    batch = config.batch_size * config.gradient_accumulation * _world_size()
    return max(1, math.ceil(rows * config.epochs / batch))


def _world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _limit_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


def _describe_data(questions: Questions, schedule: Schedule) -> dict[str, Any]:
    return {
        "digest": questions.shards.digest,
        "rows_in_shards": questions.total,
        "rows_chosen": len(questions),
        "examples_seen": len(schedule),
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
