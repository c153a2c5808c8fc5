"""A model whose parts are ONNX graphs, run by ONNX Runtime; everything else is that of PyTorch.

``vqatrain export --format onnx`` traces the parts that hold weights one by one (vision tower,
projector, token embeddings, language model, output layer) with the exporters of transformers. Here
they are put back into a model without weights. So what goes on between the parts - where features
of a picture are put, positions, generation with its cache - is the code of transformers, and eval,
infer and serve take such a folder like any other.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata.errors import MissingExtraError, OptionError
from vqatrain.config import AnswerOptions
from vqatrain.models.family import HEAD, Family, Loaded, family_of_type
from vqatrain.models.model import GRAPHS

if TYPE_CHECKING:
    from torch import nn

EMBEDDINGS, LANGUAGE = "embeddings", "language"
CACHE = "past_key_values"


def is_export(folder: Path) -> bool:
    """Whether a folder holds graphs instead of weights."""
    return (folder / GRAPHS).is_file()


def part_names(family: Family) -> dict[str, str]:
    """Dotted names of the modules that become graphs, by the name of the graph.

    What lies inside another one is a part of its graph.
    """
    projectors = {f"projector{n or ''}": name for n, name in enumerate(family.projector)}
    named = {"vision": family.vision_tower, **projectors,
             LANGUAGE: family.language_model, "head": HEAD}  # fmt: skip
    return {
        graph: name
        for graph, name in named.items()
        if not any(name.startswith(f"{other}.") for other in named.values())
    }


def load(folder: Path, options: AnswerOptions | None = None) -> Loaded:
    """Load an exported folder for answering.

    Args:
        folder: What the export has written.
        options: Providers of ONNX Runtime; by default it computes on the processor.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        OptionError: ONNX Runtime lacks a provider, or an option needs weights.
    """
    if options is not None and (options.adapter is not None or options.quantise):
        found = f"an adapter or quantised parts on {folder}, which holds graphs"
        raise OptionError("--model", found, "a folder with weights", "Export it after merging.")
    providers = [] if options is None else options.provider
    session = _session(providers)
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForImageTextToText,
        AutoProcessor,
        GenerationConfig,
    )
    from transformers.exporters.base import ExportedModel

    config = AutoConfig.from_pretrained(folder)
    family = family_of_type(config.model_type)()
    given = {"providers": providers} if providers else {"device": "cpu"}
    runners = ExportedModel.from_pretrained(folder, **given, **session).runners
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    model.generation_config = GenerationConfig.from_pretrained(folder)
    embeddings = model.get_input_embeddings()
    model.set_input_embeddings(graph(runners[EMBEDDINGS], embeddings))
    for name, module in part_names(family).items():
        model.set_submodule(module, graph(runners[name], model.get_submodule(module)))
    return Loaded(model, AutoProcessor.from_pretrained(folder))


def _session(providers: list[str]) -> dict[str, Any]:
    """Options of a session: as many threads as torch has."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("a folder of ONNX graphs", "onnx", "onnxruntime") from None
    import torch

    known = onnxruntime.get_available_providers()
    if unknown := [name for name in providers if name not in known]:
        expected = f"one of {', '.join(known)}"
        raise OptionError("--provider", f"{unknown[0]}: not in this ONNX Runtime", expected)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return {"session_options": options}


def graph(runner: Any, hollow: nn.Module) -> nn.Module:
    """A module that runs a graph.

    Args:
        runner: Runs the graph (``transformers.exporters``).
        hollow: The module that was traced, without weights; gives its settings.
    """
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            # A plain entry: as an attribute, the hollow module would count as a part.
            self.__dict__["_hollow"] = hollow
            super().__init__()
            # Models ask their parts for a device and a type of numbers.
            self.place = torch.nn.Parameter(torch.empty(0), requires_grad=False)

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(hollow, name)

        def forward(self, *values: Any, **named: Any) -> Any:
            given = dict(zip(inspect.signature(hollow.forward).parameters, values, strict=False))
            return run(runner, hollow, given | named)

    return Graph()


def run(runner: Any, hollow: nn.Module, given: dict[str, Any]) -> Any:
    """Run a graph on what its module would have been given; a cache is written back.

    Args:
        runner: Runs the graph.
        hollow: The module that was traced.
        given: Arguments of its forward pass, by name.
    """
    from transformers.exporters.utils import precompute_export_inputs

    precompute_export_inputs(hollow, given)
    if CACHE in runner.metadata.kwargs:
        return _grow(runner, hollow, given)
    return runner(**_taken(runner, given))


def _taken(runner: Any, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in runner.metadata.kwargs}


def _grow(runner: Any, hollow: nn.Module, given: dict[str, Any]) -> Any:
    """Run the language model; the cache that was given holds the new tokens afterwards."""
    from transformers import DynamicCache

    if given.get(CACHE) is None:
        given[CACHE] = DynamicCache(config=hollow.config)
    cache = given[CACHE]
    out = runner(**_taken(runner, _complete(given, hollow.config)))
    for layer, grown in zip(cache.layers, out.past_key_values.layers, strict=True):
        if not layer.is_initialized:
            layer.lazy_initialization(grown.keys, grown.values)
        layer.keys, layer.values = grown.keys, grown.values
    out.past_key_values = cache
    return out


def _complete(given: dict[str, Any], config: Any) -> dict[str, Any]:
    """With what may be left out: a mask of ones; tensors of no token for a cache without any."""
    import torch
    from transformers import DynamicCache

    rows, new = given["inputs_embeds"].shape[:2]
    before = given[CACHE].get_seq_length()
    mask = given.get("attention_mask")
    full = torch.ones(rows, before + new, dtype=torch.int64) if mask is None else mask
    if before:
        return given | {"attention_mask": full}
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    nothing = torch.zeros(rows, config.num_key_value_heads, 0, size)
    empty = DynamicCache(config=config)
    for number in range(config.num_hidden_layers):
        empty.update(nothing, nothing, number)
    return given | {"attention_mask": full, CACHE: empty}
