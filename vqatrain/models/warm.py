"""What workers that count tokens have loaded before they begin; see :mod:`vqadata.engine.warm`."""

from __future__ import annotations

from vqatrain.models.model import prepare_libraries

prepare_libraries()

from transformers import AutoProcessor  # noqa: E402, F401 - only now are the libraries prepared
