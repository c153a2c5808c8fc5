"""The options by which a model comes and goes: download and export."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.config import WrittenModel


class ExportConfig(WrittenModel):
    """Options of ``vqatrain export``."""

    format: str = Field(
        "hf",
        description="hf: weights, processor and contract for plain transformers; onnx: a graph for "
        "each part of the model.",
    )
    out: Path = Field(
        Path("runs/exported"),
        description="Folder to write; must not exist.",
        json_schema_extra={"short": "-o"},
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "fp32", description="Numbers of the weights; ONNX takes fp32 alone."
    )


class DownloadConfig(BaseModel):
    """Options of ``vqatrain download``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        description="Id of a model of the hub, ORG/NAME.", json_schema_extra={"argument": True}
    )
    revision: str = Field("main", description="Branch, tag or commit.")
    out: Path | None = Field(
        None,
        description="Folder to fetch into; by default models/NAME.",
        json_schema_extra={"short": "-o"},
    )
    show: bool = Field(False, description="Only say what there is, and under which licence.")

    @property
    def folder(self) -> Path:
        """Where the model goes."""
        return self.out or Path("models") / self.model.rpartition("/")[2]
