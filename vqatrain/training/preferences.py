"""Direct preference optimisation (Rafailov et al. 2023), by TRL: chosen against rejected answers.

Pairs are rows with a ``rejected`` answer. Batches are made as in supervised fine-tuning, so
prompts, special tokens and pictures are those of inference. The reference is the model as it was:
without its adapters, or a copy of it. Optimising preferences can teach a model to decline or to
ramble; so some rows are answered before and after, and a model that stops committing is warned of.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqadata.errors import MissingExtraError, OptionError
from vqatrain import parallel
from vqatrain.batches.batch import IGNORED, Batcher
from vqatrain.batches.layout import lay_out
from vqatrain.batches.packing import Collator
from vqatrain.config import DpoConfig
from vqatrain.data import Example, Questions, held_out, keep_pairs, trainable
from vqatrain.models import model as models
from vqatrain.models import tuning
from vqatrain.pace import pace
from vqatrain.scoring import habit
from vqatrain.training import run_folder, training


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
    if parallel.shards_weights(config.distributed):
        raise OptionError(
            "--distributed", f"{config.distributed} shards weights; answers are asked for before",
            "ddp, zero1 or zero2",
        )  # fmt: skip
    started = time.time()
    run_folder.refuse_existing(config)
    training.refuse_missing(config)
    questions = Questions(config)
    without = keep_pairs(questions)
    trainable(questions)
    watched = held_out(config)

    step = pace(config)
    arguments = training.arguments(config, step)
    loaded, agreed = training.load(config, questions.texts())
    batcher = Batcher(loaded, config.prompt_suffix)
    layout = lay_out(config, questions, batcher, loaded, step)
    labels = training.prove_labels(loaded, batcher, layout.schedule)
    asked = [questions.example(row) for row in range(min(config.asked_rows, len(questions)))]
    before = habit.observe(loaded.model, batcher, asked)
    reference = copy.deepcopy(loaded.model) if not config.adapters else None
    model = tuning.prepare(loaded.model, config)

    folder = run_folder.begin(config, loaded, labels)
    trainer = _trainer(config, model, reference, batcher, arguments)
    training.watch(trainer, config, batcher, watched)
    loss = training.train(trainer, config, folder, layout)
    after = habit.observe(model, batcher, asked)
    habit.warn(before, after)

    if reference is None:
        model.delete_adapter("ref")  # TRL's copy of the adapter as it was
    run_folder.save(folder, config, trainer, loaded.processor, agreed)
    facts = training.facts(config, questions, layout, trainer)
    answers = {"before": before.model_dump(), "after": after.model_dump()}
    facts |= {"loss": loss, "rows_without_pair": without, "answers": answers}
    run_folder.finish(folder, started, facts)
    return folder


class PairBatcher:
    """Makes batches for TRL: all chosen answers, then all rejected ones.

    Args:
        batcher: Makes the batches of single answers.
    """

    def __init__(self, batcher: Batcher) -> None:
        """Keep the batcher."""
        self._batcher = batcher

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """A batch of twice as many rows as there are examples.

        Returns:
            The model's inputs, and ``completion_mask`` of the shape of ``input_ids``: 1 where a
            token belongs to an answer.
        """
        rejected = [example._replace(answer=example.rejected) for example in examples]
        batch = self._batcher([*examples, *rejected])
        width, labels = batch.pop("logits_to_keep"), batch.pop("labels")
        mask = batch["attention_mask"].new_zeros(batch["input_ids"].shape)
        mask[:, -width:] = (labels != IGNORED).to(mask.dtype)
        return batch | {"completion_mask": mask}


def _require_trl() -> None:
    try:
        import trl  # noqa: F401
    except ImportError:
        raise MissingExtraError("vqatrain dpo", "dpo", "trl") from None


def _trainer(
    config: DpoConfig, model: Any, reference: Any, batcher: Batcher, arguments: dict[str, Any]
) -> Any:
    """The trainer of TRL with our batches; its data set is only a shape."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from vqatrain.training.trainer import Traced

    return type("PairTrainer", (Traced, DPOTrainer), {})(
        model,
        ref_model=reference,
        # Nothing is cut; picture tokens least of all.
        args=DPOConfig(**arguments, beta=config.beta, loss_type=[config.loss], max_length=None),
        data_collator=Collator(PairBatcher(batcher)),
        # TRL looks at the first row to tell whether there are pictures.
        train_dataset=Dataset.from_list(
            [{"images": [], "prompt": "", "chosen": "", "rejected": ""}]
        ),
        processing_class=batcher.processor,
    )
