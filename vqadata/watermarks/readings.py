"""What was read in the pictures of a data set: in the pass over all, or in a sample now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vqadata.cleaning.text_engine import TextLine
from vqadata.groundwork.progress import Progress
from vqadata.images.header import BadPicture
from vqadata.watermarks.looking import look
from vqadata.watermarks.marks import Reading
from vqadata.watermarks.spot import spots

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.cleaning.survey import Survey
    from vqadata.cleaning.text_engine import TextEngine

COLUMNS = [
    *("digest", "group", "read_width", "read_height"),
    *("texts", "colourful", "paper", "laid_over"),
]


def from_columns(pictures: pa.Table, sure: float) -> Iterator[Reading]:
    """The readings that the pass over all pictures left, of pictures in which there is text.

    Args:
        pictures: The survey's table.
        sure: Confidence from which on the engine can be believed.
    """
    for batch in pictures.select(COLUMNS).to_batches():
        for row in batch.to_pylist():
            if row["texts"]:
                yield _reading(row, sure)


def _reading(row: dict[str, Any], sure: float) -> Reading:
    lines = [
        TextLine(line["text"], line["confidence"], tuple(line["corners"])) for line in row["texts"]
    ]
    found = spots(lines, row["read_width"], row["read_height"])
    facts = row["colourful"], sure, row["paper"], row["laid_over"]
    return Reading(row["digest"], row["group"], found, *facts)


def sampled(survey: Survey, engine: TextEngine, count: int) -> Iterator[Reading]:
    """Read some pictures of each group: those with the smallest digests, which are any.

    Args:
        survey: All pictures.
        engine: Reads them.
        count: How many of each group.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    columns = (survey.pictures[name].to_pylist() for name in ("digest", "group"))
    for digest, group in zip(*columns, strict=True):
        groups[group].append(digest)
    of = {digest: group for group, all_ in groups.items() for digest in sorted(all_)[:count]}
    with Progress("pictures read", len(of)) as progress:
        for view in survey.views(of):
            progress.advance(1)
            try:
                looked = look(engine, view.rgb, view.grey)
            except BadPicture:
                continue
            yield looked.reading(view.digest, of[view.digest], view.grey.shape, engine.sure)
