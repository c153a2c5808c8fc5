"""The options of ``vqatrain pairs``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class PairsConfig(BaseModel):
    """Which wrong answers become rejected ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictions: Path = Field(
        description="Answers of the model, as vqatrain eval and infer write them, or in another "
        "form that vqatrain score reads.",
        json_schema_extra={"argument": True},
    )
    shards: Path = Field(
        description="Folder of shards, written by vqadata.", json_schema_extra={"argument": True}
    )
    out: Path = Field(
        description="Output folder, or a URL.",
        json_schema_extra={"short": "-o", "metavar": "FOLDER"},
    )
    metric: list[str] = Field(
        default_factory=list,
        description="Metric by which an answer is wrong, with a score of 0; may be given several "
        "times, then by all. By default VQA accuracy, official and robust, and exact match.",
        json_schema_extra={"metavar": "NAME"},
    )
    overwrite: bool = Field(False, description="Replace a finished data set in the output folder.")
