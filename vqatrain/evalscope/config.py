"""The options of ``vqatrain evalscope``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from vqatrain.config import MetricOptions


class EvalScopeConfig(MetricOptions):
    """Which served model EvalScope asks, and which questions."""

    model: str = Field(description="Name by which the server knows the model.")
    url: str = Field(
        "http://127.0.0.1:8000/v1",
        pattern=r"^https?://",
        description="Where the server answers; the key is taken from VQATRAIN_API_KEY.",
    )
    out: Path = Field(
        Path("runs/evalscope"),
        description="Folder for data, task and results; must not exist, or hold the same.",
        json_schema_extra={"short": "-o"},
    )
    limit: int | None = Field(None, ge=1, description="Only so many rows, the first ones.")
    batch_size: int = Field(16, ge=1, description="Requests at a time.")
    max_new_tokens: int = Field(16, ge=1, description="Longest answer, in tokens.")
    run: str | None = Field(
        None,
        description="Python of the environment in which EvalScope is installed: run it there. By "
        "default the command is printed.",
        json_schema_extra={"metavar": "PYTHON"},
    )
