"""Supervised fine-tuning: shards in, model or adapter out. The run reads from top to bottom."""

from __future__ import annotations

import time
from pathlib import Path

from vqatrain import model as models
from vqatrain import run_folder, training, tuning
from vqatrain.batch import Batcher
from vqatrain.config import TrainConfig
from vqatrain.data import Questions, trainable
from vqatrain.layout import lay_out
from vqatrain.pace import pace


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
    from transformers import TrainingArguments

    from vqatrain.trainer import SftTrainer

    started = time.time()
    run_folder.refuse_existing(config)
    questions = Questions(config)
    trainable(questions)

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
    loss = training.train(trainer, config, folder, layout)

    run_folder.save(folder, config, loaded._replace(model=model), agreed)
    facts = training.facts(config, questions, layout, trainer)
    run_folder.finish(folder, started, facts | {"loss": loss})
    return folder
