"""Supervised fine-tuning: shards in, model or adapter out. The run reads from top to bottom."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from vqatrain.batches.batch import Batcher
from vqatrain.batches.layout import lay_out
from vqatrain.batches.views import shuffle_answers
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, held_out, trainable
from vqatrain.models import model as models
from vqatrain.models import tuning
from vqatrain.pace import pace
from vqatrain.training import checkpoints, run_folder, training


def run(config: TrainConfig, control: bool = False) -> Path:
    """Train a model on shards.

    Args:
        config: What to train, on what, and how.
        control: Train on the answers of other rows; a loss that falls all the same is no learning.

    Returns:
        The run folder: ``config.json``, ``labels.json``, ``log.jsonl``, ``tensorboard/``,
        ``model/`` or ``adapter/`` with the processor and the contract of preprocessing, and
        ``run.json``, which is written last.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit. Nothing was trained.
    """
    models.prepare_libraries()
    from transformers import TrainingArguments

    from vqatrain.training.trainer import SftTrainer

    started, config = time.time(), checkpoints.chosen(config)
    run_folder.refuse_existing(config)
    training.refuse_missing(config)
    questions = Questions(config)
    trainable(questions)
    if control:
        shuffle_answers(questions, config.seed)
    watched = held_out(config)

    step = pace(config)
    arguments = TrainingArguments(**training.arguments(config, step))
    loaded, agreed = training.load(config, questions.texts())
    batcher = Batcher(loaded, config.prompt_suffix)
    layout = lay_out(config, questions, batcher, loaded, step)
    labels = training.prove_labels(loaded, batcher, layout.schedule)
    collator = training.collator(config, batcher, loaded)
    model = tuning.prepare(loaded.model, config)

    folder = run_folder.begin(config, loaded, labels)
    trainer = SftTrainer(model, arguments, collator, layout.schedule)
    training.watch(trainer, config, batcher, watched)
    describe = partial(run_folder.describe, loaded.processor, agreed)
    loss = training.train(trainer, config, folder, layout, describe)

    run_folder.save(folder, config, trainer, loaded.processor, agreed)
    facts = training.facts(config, questions, layout, trainer)
    run_folder.finish(folder, started, facts | {"loss": loss, "control": control})
    return folder
