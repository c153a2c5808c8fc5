"""What our trainers add to those of the libraries: the trace of rows, and rows named on failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, Trainer, TrainerCallback

from vqadata.errors import VqaDataError
from vqatrain import parallel
from vqatrain.batches.packing import PLACES
from vqatrain.data import Example
from vqatrain.models import quantise, tuning, weights
from vqatrain.training import checkpoints
from vqatrain.training.trace import Trace


class Traced:
    """Comes before a trainer class: records which rows made each step.

    Every process says which places it took; they must be those of the step.
    """

    trace: Trace
    args: Any
    accelerator: Any
    state: Any

    def __init__(self, model: Any, *given: Any, **more: Any) -> None:
        """Count the model as it is: TRL adds to it, and FSDP2 cuts it."""
        self.counted = {
            "parameters": tuning.count_parameters(model),
            "quantised_layers": quantise.quantised_layers(model),
        }
        super().__init__(model, *given, **more)  # type: ignore[call-arg]

    def follow(
        self, trace: Trace, describe: Callable[[Path], None], keep: int | None = None
    ) -> None:
        """Write this trace while training, and make checkpoints whole.

        Args:
            trace: Of the run.
            describe: Writes beside the weights of a checkpoint what makes them a model.
            keep: Checkpoints that are kept; ``None``: all.
        """
        self.trace, self._batches = trace, list[list[int]]()
        self.describe, self.keep = describe, keep
        self.add_callback(_Writer(self))  # type: ignore[attr-defined]

    def create_accelerator_and_postprocess(self) -> None:
        """Make what the processes have in common."""
        super().create_accelerator_and_postprocess()  # type: ignore[misc]
        parallel.fully_shard(self)

    def get_batch_samples(self, *given: Any) -> tuple[list[Any], Any]:
        """Take the places out of the batches of a step, and see what other processes have."""
        batches, items = super().get_batch_samples(*given)  # type: ignore[misc]
        self._batches = [batch.pop(PLACES) for batch in batches]
        mine = [place for places in self._batches for place in places]
        self.places = self.accelerator.gather(torch.tensor(mine, device=self.args.device)).tolist()
        return batches, items

    def training_step(self, *given: Any, **more: Any) -> Any:
        """A batch forward and back; if it goes wrong, say with which rows.

        Raises:
            VqaDataError: Memory ran out, or the loss is no number.
        """
        places = self._batches.pop(0)
        try:
            loss = super().training_step(*given, **more)  # type: ignore[misc]
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            raise self._out_of_memory(places) from error
        if not torch.isfinite(loss):
            raise VqaDataError(
                self._where(self._examples(places)), f"the loss is {float(loss)}", "a number",
                "A lower --learning-rate, more --warmup-steps or --precision fp32 may help; "
                "go on from an earlier checkpoint with --resume.",
            )  # fmt: skip
        return loss

    def _load_from_checkpoint(self, folder: str, model: Any = None) -> None:
        """Load weights by the names under which they were saved.

        The library takes these for the names in memory. Most families are saved under others, and
        the library leaves such weights as they are, without a word.
        """
        target = model or self.model  # type: ignore[attr-defined]
        sharded = any(hasattr(weight, "device_mesh") for weight in target.parameters())
        if sharded or not isinstance(target, PreTrainedModel):
            super()._load_from_checkpoint(folder, model)  # type: ignore[misc]
        else:
            saved = weights.read(type(target), folder, "--resume", dtype=target.dtype)
            target.load_state_dict(saved.state_dict())

    def _out_of_memory(self, places: Sequence[int]) -> VqaDataError:
        """What to say when memory ran out."""
        rows = self._examples(places)
        largest = max((picture.size for row in rows for picture in row.pictures), default="none")
        return VqaDataError(
            self._where(rows), f"memory ran out; {len(rows)} rows, largest picture {largest}", "",
            "Smaller batches, --max-pixels or --gradient-checkpointing help; see vqatrain plan.",
        )  # fmt: skip

    def _examples(self, places: Sequence[int]) -> list[Example]:
        """What a batch was made of."""
        items = [self.train_dataset[place] for place in places]  # type: ignore[attr-defined]
        return [row for item in items for row in item.examples]

    def _where(self, rows: Sequence[Example]) -> str:
        named = ", ".join(row.question_id for row in rows)
        return f"step {self.state.global_step + 1}, question {named}"


class _Writer(TrainerCallback):  # type: ignore[misc]
    """Writes the trace, in the main process."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        parallel.check_sharded(self._trainer)
        parallel.let_answer(self._trainer)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        if state.is_world_process_zero:
            self._trainer.trace.write(state.global_step, self._trainer.places)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        parallel.wait()  # the others may still write
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            self._trainer.describe(checkpoint)
            self._trainer.trace.mark(checkpoint)
            checkpoints.prune(checkpoint, self._trainer.keep)


class SftTrainer(Traced, Trainer):  # type: ignore[misc]
    """The Trainer of transformers, with a trace."""
