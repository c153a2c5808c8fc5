"""VQA v2 as EvalScope scored it up to release 1.14.0.

Source: ``evalscope/benchmarks/vqav2/vqav2_adapter.py`` of https://github.com/modelscope/evalscope
at commit 09f185a. Texts are compared as in ``evalscope-vqav2``, but ``min(matches / 3, 1)`` leaves
nobody out: one annotator of ten gives 0.333 where the official code gives 0.3.
"""

from __future__ import annotations

from typing import ClassVar

from vqatrain.metrics.evalscope_vqav2 import EvalscopeVqav2
from vqatrain.scoring.consensus import ENOUGH


class EvalscopeVqav21140(EvalscopeVqav2):
    """VQA score of EvalScope's vqav2, up to 1.14.0; needs several answers."""

    title: ClassVar[str] = "EvalScope vqav2, to 1.14.0"

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """Equal answers of three, nobody left out; nothing for an empty prediction."""
        return min(1.0, answers.count(prediction) / ENOUGH) if prediction else 0.0
