"""ONNX graphs, one for each part of a model, by the exporters of transformers.

Source: https://huggingface.co/docs/transformers (``transformers.exporters``), https://onnx.ai. The
parts are vision tower, projector, token embeddings, language model with its cache, output layer;
all are free in batch size, length and number of patches. ``vqatrain eval``, ``infer`` and ``serve``
take the folder as a model (:mod:`vqatrain.answering.graphs`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from vqadata.errors import MissingExtraError
from vqatrain.answering import graphs
from vqatrain.delivering.exporting import ModelExport
from vqatrain.models.family import Loaded

PACKAGES = ("onnx", "onnxscript", "onnxruntime")

USAGE = """# Use

    vqatrain infer . --image photo.jpg --question "What is this?"
    vqatrain serve . --provider CUDAExecutionProvider

Each part of the model is a graph (`*.onnx`, weights beside it in `*.onnx.data`), free in batch
size, length and number of patches; `export.json` names inputs and outputs. What goes on between
the parts is the code of transformers (`vqatrain/answering/graphs.py`). Questions ended with
{suffix!r} in training; `preprocessing.json` has the rest.

## TensorRT (written down, not run)

By ONNX Runtime's provider, which builds its engines at the first use:

    vqatrain infer . --image photo.jpg --question "What is this?" \\
      --provider TensorrtExecutionProvider --provider CUDAExecutionProvider

By itself, a part at a time; inputs and their shapes stand in `export.json`:

    trtexec --onnx=vision.onnx --saveEngine=vision.plan --fp16 \\
      --minShapes=... --optShapes=... --maxShapes=...
"""


class Onnx(ModelExport):
    """A graph for each part of the model."""

    only_fp32: ClassVar[bool] = True

    def write(self, loaded: Loaded, folder: Path) -> None:
        """Trace the parts.

        Raises:
            MissingExtraError: A package of the extra ``onnx`` is not installed.
            OptionError: The model cannot be taken apart.
        """
        for package in PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError("--format onnx", "onnx", package)
        from vqatrain.delivering.graph_export import to_graphs

        with _quiet():
            to_graphs(loaded).save_pretrained(folder)
        loaded.processor.save_pretrained(str(folder))

    def read(self, folder: Path, dtype: Any) -> Loaded:  # noqa: ARG002 - the graphs say it
        """Load the graphs."""
        return graphs.load(folder)

    def usage(self, suffix: str) -> str:
        """How the graphs are run, with ONNX Runtime and with TensorRT."""
        return USAGE.format(suffix=suffix)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tracer's notes on its own work from the terminal."""
    for name in ("torch.onnx", "transformers.exporters"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
