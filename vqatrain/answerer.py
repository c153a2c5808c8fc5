"""A model that answers questions about pictures: the one way in which eval and infer ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vqatrain import contract
from vqatrain import model as models
from vqatrain.batch import Batcher, placed
from vqatrain.config import AnswerOptions
from vqatrain.data import Example
from vqatrain.family import Loaded


class Answerer:
    """A loaded model, its processor set as it was in training.

    Args:
        options: Which model, and how it answers.

    Raises:
        OptionError: There is no such model.
        VqaDataError: The preprocessing would be another than in training.
    """

    def __init__(self, options: AnswerOptions) -> None:
        """Load the model and settle the contract of preprocessing."""
        import torch

        models.prepare_libraries()
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        loaded, self.contract = _load(options)
        self._model: Any = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self._batcher = Batcher(loaded, self.contract.prompt_suffix)
        self._length = options.max_new_tokens

    def answer(self, examples: Sequence[Example], streamer: Any = None) -> list[str]:
        """Answer some questions greedily, in one batch.

        Args:
            examples: The questions; their answers are not looked at.
            streamer: Takes tokens as they come (``transformers.TextStreamer``), for one question.

        Returns:
            The answers in the order of the questions.
        """
        import torch

        inputs = self._batcher.prompts(examples)
        with torch.inference_mode():
            ids = self._model.generate(
                **placed(inputs, self._model), max_new_tokens=self._length, do_sample=False,
                streamer=streamer,
            )  # fmt: skip
        return self._batcher.decode(ids[:, inputs["input_ids"].shape[1] :])

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, for streamers."""
        return self._batcher.processor.tokenizer


def _load(options: AnswerOptions) -> tuple[Loaded, contract.Contract]:
    """The model, set as it was in training, and how its pictures and texts become tensors.

    Raises:
        VqaDataError: The preprocessing would be another than in training.
    """
    trained = models.find_trained(options.model, options.adapter)
    dtype = models.choose_dtype(options.precision)
    loaded = models.load_trained(trained, dtype, options.quantise)
    agreed = contract.read(trained.folder)
    suffix = options.prompt_suffix
    if suffix is None:
        suffix = agreed.prompt_suffix if agreed else ""
    settled = contract.settle(loaded, options, suffix, agreed)
    contract.compare(agreed, settled, trained.folder)
    return loaded, settled
