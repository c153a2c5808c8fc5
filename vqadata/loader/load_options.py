"""The options of a loader, declared once."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqadata.errors import OptionError


class LoadOptions(BaseModel):
    """What a loader hands out, and in which order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_size: int = Field(
        32, ge=1, description="Rows of a global batch: of one step over all ranks together."
    )
    columns: list[str] = Field(
        ["question_id", "text", "answer"],
        description="Columns of the record that a row has; answers.answer takes a member.",
    )
    images: Literal["encoded", "rgb", "none"] = Field(
        "encoded", description="Pictures as files, as RGB pixels, or not at all."
    )
    size: int | None = Field(
        None, ge=1, description="Resize RGB pixels to so many in width and height."
    )
    resize: Literal["exact", "fast"] = Field(
        "exact",
        description="exact: bicubic, to the bit as Pillow does it; fast: bicubic by torch, within "
        "2 levels of it.",
    )
    split: str | None = Field(None, description="Only the rows of this split.")
    where: str | None = Field(
        None, description="Only the rows that fulfil this SQL condition over the record's columns."
    )
    shuffle: Literal["global", "two-level", "none"] = Field(
        "global",
        description="global: over all rows; two-level: over the rows of some shards at a time, "
        "for reading over a network; none: in the order of the data.",
    )
    window: int = Field(8, ge=1, description="Shards of which two-level shuffles the rows.")
    visit: int = Field(
        1,
        ge=0,
        description="Questions of one picture that follow each other, so that it is decoded once; "
        "0: all that it has.",
    )
    seed: int = Field(0, ge=0, description="Seed of the order.")
    weights: list[float] | None = Field(
        None,
        description="How often each of several data sets is seen, as against the others; if unset, "
        "each row is seen once.",
    )
    last: Literal["short", "pad", "drop"] = Field(
        "short",
        description="What becomes of the rows of an epoch that do not fill a batch: one short "
        "batch, one filled up with marked rows, or none.",
    )
    rank: int = Field(0, ge=0, description="Which part of each global batch is wanted.")
    ranks: int = Field(1, ge=1, description="Parts of each global batch.")
    threads: int = Field(0, ge=0, description="Threads that read and decode ahead; 0: none.")


ORDER = ("split", "where", "shuffle", "window", "visit", "seed", "weights")
"""The options on which the order of rows depends."""


def options_of(options: LoadOptions | None, given: dict[str, Any]) -> LoadOptions:
    """Options, with some given anew.

    Raises:
        OptionError: One is unknown, or has no fitting value.
    """
    try:
        return LoadOptions.model_validate({**(options.model_dump() if options else {}), **given})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            known = ", ".join(LoadOptions.model_fields)
            raise OptionError("load", f"no option {name!r}", f"one of {known}") from None
        found = f"found {fault['input']!r}"
        raise OptionError(name, found, fault["msg"].removeprefix("Input should be ")) from None
