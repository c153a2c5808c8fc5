"""Composes a vision tower and a language model that never met, through a new projector.

The result is a model as transformers knows it: saved, loaded and served like any other. A tower of
transformers makes a LLaVA (Liu et al. 2023, https://arxiv.org/abs/2304.08485), one of timm a
PerceptionLM (Cho et al. 2025, https://arxiv.org/abs/2504.13180). The projector knows nothing yet,
so it is trained first, alone (``--tuning projector``), or with everything (``--tuning full``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vqadata.errors import OptionError
from vqatrain.composing.language import Language, find_language
from vqatrain.composing.tower import Tower, find_tower
from vqatrain.config import TrainConfig
from vqatrain.models import model as models
from vqatrain.models.family import Loaded

if TYPE_CHECKING:
    import torch


def compose(config: TrainConfig, corpus: Iterable[str] = (), weights: bool = True) -> Loaded:
    """Put a vision tower before a language model.

    ``model`` names a language model, or a composed one whose tower is replaced. ``vision_tower``
    names a tower, a pair of encoders (CLIP, SigLIP), a model of timm, or a vision-language model
    whose tower is taken.

    Args:
        config: Names both.
        corpus: Texts that a tiny tokenizer is learnt from.
        weights: Without, only the outline is made.

    Raises:
        MissingExtraError: The tower is one of timm, which is not installed.
        OptionError: One of them cannot be loaded, or they cannot be put together.
    """
    models.prepare_libraries()
    if config.adapters or config.vision_tower is None:
        raise OptionError(
            "--tuning", f"{config.tuning} with --vision-tower, whose projector knows nothing yet",
            "projector or full", "Train the projector first, then adapters on that run.",
        )  # fmt: skip
    dtype = models.choose_dtype(config.precision)
    sees = find_tower(models.base_of(config.vision_tower), dtype, weights)
    speaks = find_language(models.base_of(config.model), dtype, corpus, weights, sees.marks)
    return Loaded(_joined(speaks, sees, dtype, weights), sees.processor(speaks))


def _joined(speaks: Language, sees: Tower, dtype: torch.dtype, weights: bool) -> Any:
    """The model, with a projector of random weights."""
    import torch
    from transformers import AutoModelForImageTextToText

    config = sees.config(speaks)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    inner: Any = model.model
    if type(inner.vision_tower) is not type(sees.model):
        found = type(sees.model).__name__
        raise OptionError("--vision-tower", found, f"a {type(inner.vision_tower).__name__}")
    with torch.device("cpu" if weights else "meta"):
        inner.multi_modal_projector = type(inner.multi_modal_projector)(config).to(dtype)
    inner.vision_tower, inner.language_model = sees.model, speaks.model
    model.lm_head = speaks.head
    model.tie_weights()
    model.generation_config = speaks.generation
    return model.eval()
