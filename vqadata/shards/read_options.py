"""How shards are read: what to do about damage, and how to get at them over a network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReadOptions(BaseModel):
    """How shards are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_damage: Literal["fail", "skip"] = Field(
        "fail",
        description="What to do about damage: fail, or skip what it concerns, count it and say so.",
    )
    check: Literal["picture", "batch"] = Field(
        "picture",
        description="When the loader compares the pictures of a mapped shard with their digests: "
        "each one before it is handed out, or all of a record batch before its first row is.",
    )
    read_ahead: int = Field(
        4, ge=0, le=64, description="Batches that are fetched before they are asked for."
    )
    cache_dir: Path | None = Field(
        None,
        description="Where batches of a URL are kept; by default in the user's cache folder.",
    )
    cache_mb: int = Field(
        8192,
        ge=0,
        description="Most megabytes of that cache; what was not used for longest goes first.",
    )
    retries: int = Field(
        8, ge=0, description="How often a read over the network is tried again after it failed."
    )
    backoff_seconds: float = Field(
        0.1, ge=0, description="Wait before the first new try; it doubles with each, up to 30 s."
    )
