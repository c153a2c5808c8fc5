"""The loader in the Trainer of transformers and those built on it: resumed to the bit, mid-epoch.

The Trainer alone winds an iterable forward by reading all of it again, and saves no state of its
data. Here the loader's state lies in each checkpoint, and a resumed run reads on from there::

    class OurTrainer(FromLoader, transformers.Trainer): ...

    trainer = OurTrainer(model, arguments, data_collator=collate)
    trainer.read_from(loader, workers=2)
    trainer.train(resume_from_checkpoint="runs/checkpoint-100")
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.errors import OptionError

if TYPE_CHECKING:
    from vqadata.loader.loader import Loader
    from vqadata.loader.torch_rows import TorchBatches

STATE = "loader.json"
"""The loader's state in a checkpoint folder; it holds for all ranks."""


class FromLoader:
    """To be mixed into ``transformers.Trainer`` or a class derived from it, before it.

    The epochs of the loader follow each other until ``max_steps``, which must be set; so the epoch
    in the Trainer's log is the share of the run.
    """

    args: Any
    data_collator: Any
    state: Any
    _batches: TorchBatches

    def read_from(self, loader: Loader, workers: int = 0) -> None:
        """Take batches from a loader; the Trainer's own collator makes them, in the worker.

        Args:
            loader: Its rank and ranks are those of this process.
            workers: Processes.

        Raises:
            OptionError: The loader's part is another one, or ``max_steps`` is not set.
        """
        own, wanted = loader.options, (self.args.process_index, self.args.world_size)
        if (own.rank, own.ranks) != wanted:
            raise OptionError(
                "rank", f"rank {own.rank} of {own.ranks}", f"{wanted[0]} of {wanted[1]}"
            )
        if self.args.max_steps <= 0:
            raise OptionError("max_steps", "not set", "the steps of the whole run")
        self.args.ignore_data_skip = True
        self._batches = loader.torch(workers, self.data_collator)

    def get_train_dataloader(self) -> Any:
        """The loader's batches without an end."""
        return _Endless(self._batches)

    def train(self, resume_from_checkpoint: str | bool | None = None, **more: Any) -> Any:
        """Train; put the loader where it was when a checkpoint was written."""
        if resume_from_checkpoint is True:
            from transformers.trainer_utils import get_last_checkpoint

            resume_from_checkpoint = get_last_checkpoint(self.args.output_dir)
        if isinstance(resume_from_checkpoint, str):
            state = json.loads((Path(resume_from_checkpoint) / STATE).read_text())
            self._batches.load_state_dict(state)
        return super().train(resume_from_checkpoint, **more)  # type: ignore[misc]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # type: ignore[misc]
        if self.args.should_save:
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            (folder / STATE).write_text(json.dumps(self._batches.state_dict()))


class _Endless:
    """Epoch after epoch; without a length, as the Trainer counts steps."""

    def __init__(self, batches: TorchBatches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield from self._batches
