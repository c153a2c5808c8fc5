"""Direct preference optimisation (Rafailov et al. 2023), by TRL: chosen against rejected answers.

Pairs are rows with a ``rejected`` answer. Batches are made as in supervised fine-tuning, so
prompts, special tokens and pictures are those of inference. The reference is the model as it was:
without its adapters, or a copy of it. Optimising preferences can teach a model to decline or to
ramble; so some rows are answered before and after, and a model that stops committing is warned of.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vqadata.errors import MissingExtraError, OptionError
from vqatrain.batches.batch import Batcher
from vqatrain.batches.layout import lay_out
from vqatrain.batches.packing import Collator
from vqatrain.batches.pair_batch import PairBatcher, see_blanks
from vqatrain.config import DpoConfig
from vqatrain.data import Example, Questions, held_out, keep_pairs, trainable
from vqatrain.models import model as models
from vqatrain.models import tuning
from vqatrain.pace import is_main, pace
from vqatrain.scoring import habit
from vqatrain.scoring.habit import Habit
from vqatrain.training import checkpoints, run_folder, training


def dpo(config: DpoConfig) -> Path:
    """Train a model on pairs of answers.

    Args:
        config: What to train, on what, and how.

    Returns:
        The run folder, as of :func:`vqatrain.training.sft.run`; ``run.json`` also holds how the
        model answered before and after.

    Raises:
        VqaDataError: The data cannot be trained on, or an option does not fit. Nothing was trained.
    """
    models.prepare_libraries()
    _require_trl()
    from trl import DPOConfig

    started, config = time.time(), checkpoints.chosen(config)
    run_folder.refuse_existing(config)
    training.refuse_missing(config)
    questions = Questions(config)
    without = keep_pairs(questions)
    trainable(questions)
    watched = held_out(config)

    step = pace(config)
    arguments = DPOConfig(
        **training.arguments(config, step),
        beta=config.beta, loss_type=[config.loss],
        max_length=None,  # nothing is cut; picture tokens least of all
    )  # fmt: skip
    loaded, agreed = training.load(config, questions.texts())
    reference = None if config.adapters else training.load(config, questions.texts())[0].model
    batcher = Batcher(loaded, config.prompt_suffix)
    layout = lay_out(config, questions, batcher, loaded, step)
    labels = training.prove_labels(loaded, batcher, layout.schedule)
    asked = [questions.example(row) for row in range(min(config.asked_rows, len(questions)))]
    model = tuning.prepare(loaded.model, config)

    trainer = _trainer(model, reference, batcher, arguments)
    folder = run_folder.begin(config, loaded, labels)
    training.watch(trainer, config, batcher, watched)
    describe = partial(run_folder.describe, loaded.processor, agreed)
    loss = training.train(trainer, config, folder, layout, describe)
    before, after = _answers(trainer, batcher, asked)
    if is_main():
        habit.warn(before, after)

    run_folder.save(folder, config, trainer, loaded.processor, agreed)
    facts = training.facts(config, questions, layout, trainer)
    answers = {"before": before.model_dump(), "after": after.model_dump()}
    facts |= {"loss": loss, "rows_without_pair": without, "answers": answers}
    run_folder.finish(folder, started, facts)
    return folder


def _answers(trainer: Any, batcher: Batcher, asked: Sequence[Example]) -> tuple[Habit, Habit]:
    """How the reference answers, and the model after its training.

    Both are asked when the training is over: only then do processes that share weights know how to
    put them together. The reference is still the model as it was.
    """
    model, reference = trainer.model, trainer.ref_model
    if reference is not None:
        before = habit.observe(reference, batcher, asked)
    else:
        model.set_adapter("ref")  # TRL's copy of the adapter as it was
        before = habit.observe(model, batcher, asked)
        model.set_adapter("default")
        model.delete_adapter("ref")
    return before, habit.observe(model, batcher, asked)


def _require_trl() -> None:
    try:
        import trl  # noqa: F401
    except ImportError:
        raise MissingExtraError("vqatrain dpo", "dpo", "trl") from None


def _trainer(model: Any, reference: Any, batcher: Batcher, arguments: Any) -> Any:
    """The trainer of TRL with our batches; its data set is only a shape.

    Raises:
        OptionError: TRL does not train so, such as adapters on the output layer.
    """
    from datasets import Dataset
    from trl import DPOTrainer

    from vqatrain.training.trainer import Traced

    types = {name: weight.dtype for name, weight in model.named_parameters()}
    try:
        trainer = type("PairTrainer", (Traced, DPOTrainer), {})(
            model,
            ref_model=reference,
            args=arguments,
            data_collator=Collator(PairBatcher(batcher)),
            # TRL looks at the first row to tell whether there are pictures.
            train_dataset=Dataset.from_list(
                [{"images": [], "prompt": "", "chosen": "", "rejected": ""}]
            ),
            processing_class=batcher.processor,
        )
    except ValueError as error:
        raise OptionError("vqatrain dpo", f"TRL says: {error}", "what TRL trains") from None
    for name, weight in model.named_parameters():
        # TRL rounds the adapters of four-bit models to bfloat16; small steps would be lost in it.
        weight.data = weight.data.to(types.get(name, weight.dtype))
    for each in (trainer.model, trainer.ref_model):
        if each is not None:
            see_blanks(trainer.accelerator.unwrap_model(each))
    return trainer
