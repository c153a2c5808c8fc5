"""Traces the parts of a model for an ONNX export; see :mod:`vqatrain.answering.graphs`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from vqadata.errors import OptionError
from vqatrain.answering.graphs import EMBEDDINGS, LANGUAGE, part_names
from vqatrain.answering.greedy import greedy
from vqatrain.answering.probe import probes
from vqatrain.batches.batch import Batcher
from vqatrain.models.family import Family, Loaded

if TYPE_CHECKING:
    import torch
    from torch import nn

MASKED = "masked_flash"
"""Name of our attention; with "flash" in it, models hand over the borders between pictures."""

CONTINUED = 3
"""Tokens that the traced language model adds to its cache: more than one, so that any number can
be added later."""


def to_graphs(loaded: Loaded) -> Any:
    """Trace each part as an ONNX graph, free in batch size, length and number of patches.

    Returns:
        ``transformers.exporters.base.ExportedModel``, which can be saved.

    Raises:
        OptionError: A model of this family has weights outside of its parts.
    """
    from transformers.exporters import OnnxConfig, OnnxExporter
    from transformers.exporters.base import ExportedModel

    model: Any = loaded.model.eval()
    modules = {name: model.get_submodule(module) for name, module in parts(model, loaded.family)}
    samples = _samples(loaded, modules)
    exporter, config = OnnxExporter(), OnnxConfig(dynamic=True)
    components: dict[str, Any] = {}
    with packed_attention(modules["vision"]):
        for name, module in modules.items():
            components |= {name: exporter.export(module, samples[name], config).components["model"]}
    return ExportedModel(
        components, "onnx", config=model.config, generation_config=model.generation_config
    )


def parts(model: Any, family: Family) -> Iterator[tuple[str, str]]:
    """Names of graphs and of the modules that they are made of.

    Raises:
        OptionError: A weight is in none of them, or they cannot be traced apart.
    """
    named = part_names(family)
    inside = tuple(f"{module}." for module in named.values())
    if outside := [name for name, _ in model.named_parameters() if not name.startswith(inside)]:
        kind = model.config.model_type
        raise OptionError(
            "--format", f"{kind} has weights outside of its parts: {outside[0]}",
            "a model whose weights are all in vision tower, projector, language model and head",
            "Use --format hf.",
        )  # fmt: skip
    yield from named.items()
    embeddings = model.get_input_embeddings()
    yield EMBEDDINGS, next(name for name, one in model.named_modules() if one is embeddings)


def _samples(loaded: Loaded, modules: dict[str, nn.Module]) -> dict[str, dict[str, Any]]:
    """What each part is given when the probes are asked, with a cache under way."""
    import torch

    model: Any = loaded.model
    inputs = Batcher(loaded).prompts(probes())
    with ExitStack() as stack:
        seen = {name: stack.enter_context(_overheard(one)) for name, one in modules.items()}
        greedy(model, inputs, 1)
    seen[LANGUAGE] = _continued(seen[LANGUAGE], modules[LANGUAGE], model.config.get_text_config())
    states = next(iter(seen["head"]))
    seen["head"] = {states: torch.cat([seen["head"][states]] * 2, dim=1)}
    return seen


@contextmanager
def _overheard(module: nn.Module) -> Iterator[dict[str, Any]]:
    """The arguments of the first call of a module, by name."""
    names = list(inspect.signature(module.forward).parameters)
    seen: dict[str, Any] = {}

    def listen(_: nn.Module, values: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not seen:
            given = dict(zip(names, values, strict=False)) | named
            seen.update({name: value for name, value in given.items() if value is not None})

    hook = module.register_forward_pre_hook(listen, with_kwargs=True)
    yield seen
    hook.remove()


def _continued(given: dict[str, Any], language: nn.Module, config: Any) -> dict[str, Any]:
    """The same prompt, of which all but the last tokens are in the cache already."""
    import torch
    from transformers import DynamicCache

    cut = given["inputs_embeds"].shape[1] - CONTINUED
    cache = DynamicCache(config=config)
    embedded, positions = given["inputs_embeds"], given["position_ids"]
    mask = given.get("attention_mask")  # left out where no prompt is padded
    mask = torch.ones(embedded.shape[:2], dtype=torch.int64) if mask is None else mask
    begun = {"inputs_embeds": embedded[:, :cut], "position_ids": positions[..., :cut]}
    with torch.no_grad():
        language(**begun, attention_mask=mask[:, :cut], past_key_values=cache, use_cache=True)
    return {
        "inputs_embeds": embedded[:, cut:],
        "attention_mask": mask,
        "position_ids": positions[..., cut:],
        "past_key_values": cache,
        "use_cache": True,
    }


@contextmanager
def packed_attention(tower: Any) -> Iterator[None]:
    """Trace attention over pictures in one row (Qwen-VL) as one attention with a mask.

    transformers exports it as a batch of segments of equal length, which gives wrong features, in
    silence, for pictures of different sizes and where windows do not divide a picture evenly. A
    mask fits all sizes; it takes memory by the square of the patches that are seen at a time.
    """
    from transformers import AttentionInterface

    packed: list[Any] = [
        one for one in tower.modules() if "cu_seqlens" in inspect.signature(one.forward).parameters
    ]
    if not packed:
        yield
        return
    AttentionInterface.register(MASKED, masked_attention)
    before = tower.config._attn_implementation
    tower.config._attn_implementation = MASKED
    for one in packed:  # a method of the object itself is not replaced by the exporter
        one.forward = types.MethodType(type(one).forward, one)
    try:
        yield
    finally:
        tower.config._attn_implementation = before
        for one in packed:
            del one.forward


def masked_attention(
    module: Any,  # noqa: ARG001 - transformers gives it, and more that is not looked at
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *_: Any,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in which a patch sees its own segment only.

    Args:
        module: The layer.
        query: ``[1, heads, patches, size]``.
        key: The same shape.
        value: The same shape.
        settings: ``scaling``, and ``cu_seq_lens_q``: where segments begin, ``[segments + 1]``.

    Returns:
        ``[1, patches, heads, size]``, and no weights.
    """
    import torch

    patches = torch.arange(query.shape[2], device=query.device)
    segment = (patches[:, None] >= settings["cu_seq_lens_q"][None, 1:]).sum(dim=1)
    apart = (segment[:, None] != segment[None, :]).to(query.dtype)
    mask = (apart * torch.finfo(query.dtype).min)[None, None]
    out = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=settings["scaling"]
    )
    return out.transpose(1, 2), None
