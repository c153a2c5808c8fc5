"""Supervised fine-tuning: shards in, model or adapter out. The run reads from top to bottom."""

from __future__ import annotations

import time
from pathlib import Path

from vqatrain import model as models
from vqatrain import run_folder, training, tuning
from vqatrain.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, Schedule, curriculum, trainable


def run(config: TrainConfig) -> Path:
    """Train a model on shards.

    Args:
        config: What to train, on what, and how.

    Returns:
        The run folder: ``config.json``, ``labels.json``, ``log.jsonl``, ``tensorboard/``,
        ``model/`` or ``adapter/`` with the processor and the contract of preprocessing, and
        ``run.json``, which is written last.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit. Nothing was trained.
    """
    models.prepare_libraries()
    from transformers import Trainer, TrainingArguments

    started = time.time()
    run_folder.refuse_existing(config)
    questions = Questions(config)
    trainable(questions)

    loaded, agreed = training.load(config, questions.texts())
    steps = training.steps_of(config, len(questions))
    first = curriculum(questions, config.first_where, config.first_rows, config.seed)
    schedule = Schedule(questions, training.examples_of(config, steps), config.seed, first)
    batcher = Batcher(loaded, config.prompt_suffix)
    labels = training.prove_labels(loaded, batcher, schedule)
    model = tuning.prepare(loaded.model, config)

    folder = run_folder.begin(config, loaded, labels)
    arguments = TrainingArguments(**training.arguments(config, steps, folder))
    trainer = Trainer(model, arguments, data_collator=batcher, train_dataset=schedule)
    loss = training.train(trainer, config, folder)

    run_folder.save(folder, config, loaded._replace(model=model), agreed)
    facts = training.facts(config, questions, schedule, steps, trainer)
    run_folder.finish(folder, started, facts | {"loss": loss})
    return folder
