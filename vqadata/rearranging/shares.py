"""The shares of a split: what was asked for, and the pure function that gives a group its part."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from vqadata.groundwork.spill import Numbers

_NAME = re.compile(r"\w[\w.-]*")


class PartShare(BaseModel):
    """One part of a split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the part; its rows get it as their split.")
    share: float = Field(description="Share of the picture groups, above 0, up to 1.")


def _read(given: object) -> object:
    """Parts from a mapping of names to shares, or from texts such as ``train=0.8``."""
    if isinstance(given, Mapping):
        return [{"name": name, "share": share} for name, share in given.items()]
    return [_part(item) for item in given] if isinstance(given, Sequence) else given


def _part(item: Any) -> object:
    if not isinstance(item, str):
        return item
    name, _, share = item.rpartition("=")
    try:
        return {"name": name, "share": float(share)}
    except ValueError:
        raise ValueError(f"NAME=SHARE such as train=0.8, not {item!r}") from None


def _checked(parts: list[PartShare]) -> list[PartShare]:
    names = [part.name for part in parts]
    for part in parts:
        if not _NAME.fullmatch(part.name):
            raise ValueError(f"names of letters, digits, '_', '-' and '.', not {part.name!r}")
        if names.count(part.name) > 1:
            raise ValueError(f"each name once, not {part.name} several times")
        if not 0 < part.share <= 1:
            raise ValueError(f"shares above 0 and up to 1, not {part.name}={part.share:g}")
    total = math.fsum(part.share for part in parts)
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"shares that add up to 1, not to {total:g}")
    return parts


class SplitOptions(BaseModel):
    """How a data set is split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Annotated[list[PartShare], BeforeValidator(_read), AfterValidator(_checked)] = Field(
        description="A part and its share of the pictures, such as train=0.8; repeatable. The "
        "shares add up to 1.",
        json_schema_extra={"metavar": "NAME=SHARE"},
    )
    seed: int = Field(0, description="Another seed gives another split.")
    within: str | None = Field(
        None,
        description="Split the rows of this split only, and keep the others as they are.",
        json_schema_extra={"metavar": "SPLIT"},
    )

    def parts_of(self, groups: Sequence[str], earlier: int = 0) -> Numbers:
        """The number of the part of each group, from 0.

        Args:
            groups: What names each group.
            earlier: How often the data were split before. It counts only with ``within``: what is
                left of [0, 1) in one part of an earlier split must be drawn anew.
        """
        import numpy as np

        salt = f"{self.seed}" if self.within is None else f"{self.seed} {earlier} {self.within}"
        points = np.array([point(name, salt) for name in groups], np.float64)
        cuts = list(accumulate(part.share for part in self.part))[:-1]
        found: Numbers = np.searchsorted(np.array(cuts), points, side="right").astype(np.int64)
        return found


def point(name: str, salt: str) -> float:
    """The place of a group on the line [0, 1): the upper 53 bits of an xxh3-64, as a fraction.

    >>> 0 <= point("d41d8cd98f00b204e9800998ecf8427e", "0") < 1
    True
    """
    import xxhash

    return float(xxhash.xxh3_64_intdigest(f"{salt} {name}".encode()) >> 11) / (1 << 53)
