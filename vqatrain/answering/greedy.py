"""What a model says to prompts, the most probable token at each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch


class Made(NamedTuple):
    """What was said to some prompts."""

    ids: torch.Tensor
    """Tokens behind the prompts; shape (prompts, tokens)."""
    logits: tuple[torch.Tensor, ...]
    """Of each of these tokens, shape (prompts, vocabulary); none unless ``output_logits``."""


def greedy(model: Any, inputs: dict[str, torch.Tensor], most: int, **more: Any) -> Made:
    """Let a model answer; nothing of it is kept for gradients.

    Args:
        model: The model, as it is: in training or not.
        inputs: Prompts, as :meth:`vqatrain.batches.batch.Batcher.prompts` makes them.
        most: Tokens after which an answer is cut.
        more: Other options of ``generate``.
    """
    said = model.generate(
        **placed(inputs, model), max_new_tokens=most, do_sample=False,
        return_dict_in_generate=True, **more,
    )  # fmt: skip
    return Made(said.sequences[:, inputs["input_ids"].shape[1] :], said.logits or ())


def placed(inputs: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
    """Inputs on the device of a model, pixels in the type of its weights."""
    return {
        name: values.to(model.device, model.dtype)
        if values.is_floating_point()
        else values.to(model.device)
        for name, values in inputs.items()
    }
