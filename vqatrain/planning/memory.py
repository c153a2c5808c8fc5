"""Memory that a process of a run needs, part by part, told without weights.

Weights, gradients, optimiser states and the reference of preferences are counted. Activations are
not estimated by a formula: the language model runs once without data (on torch's ``meta`` device),
and what autograd would keep is added up. Left out are attention weights, which fused attention does
not keep, the activations of a vision tower that is trained, and what the libraries take for
themselves.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import BaseModel, Field

from vqatrain import parallel
from vqatrain.config import DpoConfig, TrainConfig
from vqatrain.models import model as models
from vqatrain.models import tuning
from vqatrain.models.family import WRAPPER, Loaded
from vqatrain.training import training

NF4_BYTES = 0.5159
"""Bytes of a weight in NF4 with double quantisation."""

ADAM_STATES = 2

TILE = (4096, 32768)
"""Answer tokens and words of which TRL has the logits of pairs at a time, forward and back."""


class Batch(BaseModel):
    """The largest batch of a run."""

    rows: int
    tokens: int = Field(description="Of its longest row, or of a packed sequence.")
    answers: int = Field(description="Tokens of which logits are computed, over all rows.")


class Memory(BaseModel):
    """Bytes on each device."""

    weights: int
    reference: int = Field(description="Of preferences: a copy of the model, or of its adapters.")
    gradients: int
    optimiser: int
    activations: int = Field(description="Of the language model, for the largest batch.")
    logits: int = Field(
        description="Of the answers of the largest batch, with their gradients; of pairs a tile at "
        "a time, with the gradient of an output layer that is trained."
    )

    @property
    def total(self) -> int:
        """All of it; a run needs more."""
        return sum(self.model_dump().values())


def device_bytes() -> int:
    """Memory of the GPU, or of the machine without one."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory(config: TrainConfig, loaded: Loaded, largest: Batch, processes: int) -> Memory:
    """Memory of one process of several.

    Args:
        config: The run.
        loaded: The model, without weights; it gets the adapters of the run.
        largest: The largest batch.
        processes: Processes that share what the preset says.
    """
    pairs = isinstance(config, DpoConfig)
    if pairs:  # TRL puts dropout out of action
        config = config.model_copy(update={"lora_dropout": 0.0})
    size = models.choose_dtype(config.precision).itemsize
    model = tuning.prepare(loaded.model, config)
    weights, trained = _weights(config, loaded, model, size)
    shared = parallel.shares(config.distributed, processes)
    reference = (trained if config.adapters else weights) if pairs else 0
    return Memory(
        weights=round(weights / shared.weights),
        reference=round(reference / shared.weights),
        gradients=round(trained / shared.gradients),
        optimiser=round(trained * ADAM_STATES / shared.optimiser),
        activations=_activations(config, loaded, largest),
        logits=_logits(model, largest, size, pairs),
    )


def _logits(model: Any, largest: Batch, size: int, pairs: bool) -> int:
    import torch

    head: torch.Tensor = model.get_output_embeddings().weight
    if not pairs:  # as computed, as float32, and the gradient of that
        return largest.answers * len(head) * (size + 4 + 4)
    # Without a GPU, TRL does not leave out the places that are no answers.
    places = largest.answers if torch.cuda.is_available() else largest.rows * largest.tokens
    tokens, words = TILE
    return min(places, tokens) * words * size + head.requires_grad * head.numel() * 4


def _weights(config: TrainConfig, loaded: Loaded, model: Any, size: int) -> tuple[float, float]:
    """Bytes of all weights, and of those that are trained."""
    family, quantised = loaded.family, training.quantised_parts(config)
    weights = trained = 0.0
    for name, weight in model.named_parameters():
        adapter = ".lora_" in name
        layer = name.endswith(".weight") and weight.ndim == 2 and ".embed" not in name
        four_bit = layer and not adapter and family.part_of(name) in quantised
        bytes_each = 4 if adapter else NF4_BYTES if four_bit else size
        weights += weight.numel() * bytes_each
        trained += weight.numel() * bytes_each if weight.requires_grad else 0
    return weights, trained


def _activations(config: TrainConfig, loaded: Loaded, largest: Batch) -> int:
    """What autograd keeps of the language model; with checkpoints, of one layer and all borders."""
    import torch

    dtype, text = models.choose_dtype(config.precision), loaded.model.config.get_text_config()
    language = loaded.model.get_submodule(loaded.family.language_model.removeprefix(WRAPPER))
    weight = next(language.parameters())
    border = torch.empty(
        largest.rows, largest.tokens, text.hidden_size, dtype=dtype, device=weight.device
    ).requires_grad_()
    kept = _kept(language.to(dtype) if weight.is_meta else language, border)
    if not config.gradient_checkpointing:
        return kept
    layers: int = text.num_hidden_layers
    return kept // layers + layers * border.nbytes


def _kept(module: Any, embeddings: Any) -> int:
    import torch

    own = {weight.untyped_storage()._cdata for weight in module.parameters()}
    tokens, found = embeddings.shape[1], dict[int, Any]()
    # A mask that is given spares the library a look at positions, which are not there on "meta".
    mask = torch.ones(tokens, tokens, dtype=torch.bool, device=embeddings.device).tril()
    mask = mask.expand(len(embeddings), 1, tokens, tokens)

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in own and tensor.shape[-2:] != (tokens, tokens):
            found[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module.train()(inputs_embeds=embeddings, attention_mask=mask, use_cache=False)
    return sum(storage.nbytes() for storage in found.values())
