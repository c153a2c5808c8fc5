"""Which rows there are: the questions of one or several data sets, numbered from 0, and a choice.

Only the manifest is read, unless rows are chosen by a condition or pictures are visited: then the
text of all rows is read once, never the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from vqadata.errors import DamageError, OptionError
from vqadata.loader.cells import offsets_of
from vqadata.record import Record
from vqadata.shards.reader import Shards

if TYPE_CHECKING:
    import polars as pl

    from vqadata.loader.permutation import Numbers

COLUMNS = [name for name in Record.model_fields if name != "origin"]
"""Record columns that a condition may use."""


class Catalogue(NamedTuple):
    """The rows of one data set, or of several, one behind the other."""

    shard_starts: Numbers
    """First row of each shard, and where the last one ends."""
    batch_starts: Numbers
    """First row of each record batch, and where the last one ends."""
    picture_starts: Numbers
    """First row of each picture, and where the last one ends; only 0 if nobody asked."""
    chosen: Numbers | None = None
    """The chosen rows, ascending; ``None`` for all."""

    @property
    def total(self) -> int:
        """Number of rows, chosen or not."""
        return int(self.shard_starts[-1])

    def among_chosen(self, starts: Numbers) -> Numbers:
        """Where runs of rows begin, told in chosen rows instead of rows."""
        import numpy as np

        return starts if self.chosen is None else np.searchsorted(self.chosen, starts)


def read_catalogue(
    shards: Shards, split: str | None, where: str | None, pictures: bool
) -> Catalogue:
    """Number the rows of a data set and choose some.

    Args:
        shards: The data set.
        split: Only the rows of this split.
        where: Only the rows that fulfil this SQL condition over :data:`COLUMNS`.
        pictures: Whether to find out which rows have the same picture.

    Raises:
        OptionError: No row fits, or the condition is no SQL.
    """
    files = shards.manifest.shards
    batches = [files[place.shard].batches[place.number] for place in shards.places]
    catalogue = Catalogue(
        _starts([shard.questions for shard in files]),
        _starts([batch.questions for batch in batches]),
        _picture_starts(shards) if pictures else _starts([]),
    )
    if split is not None and any(shard.split != split for shard in files):
        catalogue = catalogue._replace(chosen=_rows_of_split(catalogue, shards, split))
    if where is not None:
        catalogue = catalogue._replace(chosen=_rows_where(catalogue, shards, where))
    if not (catalogue.total if catalogue.chosen is None else len(catalogue.chosen)):
        raise OptionError("where", f"no row of {shards.where} fits {where!r}", "at least one")
    return catalogue


def joined(catalogues: Sequence[Catalogue]) -> Catalogue:
    """The rows of several data sets, numbered one behind the other."""
    import numpy as np

    if len(catalogues) == 1:
        return catalogues[0]
    firsts = firsts_of(catalogues)
    chosen = None
    if any(catalogue.chosen is not None for catalogue in catalogues):
        kept = [c.chosen if c.chosen is not None else np.arange(c.total) for c in catalogues]
        chosen = np.concatenate([rows + first for rows, first in zip(kept, firsts, strict=True)])
    return Catalogue(
        _in_a_row([c.shard_starts for c in catalogues]),
        _in_a_row([c.batch_starts for c in catalogues]),
        _in_a_row([c.picture_starts for c in catalogues]),
        chosen,
    )


def firsts_of(catalogues: Sequence[Catalogue]) -> list[int]:
    """Number of the first row of each data set among the rows of all."""
    return list(accumulate((catalogue.total for catalogue in catalogues[:-1]), initial=0))


def _in_a_row(starts: Sequence[Numbers]) -> Numbers:
    import numpy as np

    return _starts(np.concatenate([np.diff(part) for part in starts]))


def _picture_starts(shards: Shards) -> Numbers:
    import numpy as np

    counts = [_counts(shards, number) for number in range(len(shards.places))]
    return _starts(np.concatenate([np.empty(0, np.int64), *counts]))


def _counts(shards: Shards, number: int) -> Numbers:
    """Questions of each picture of a batch; of one that is skipped, all are laid to the first."""
    import numpy as np

    try:
        questions = shards.batch(number, ["questions"]).column(0)
    except DamageError as error:
        if shards.options.on_damage == "fail":
            raise
        shards.note_damage(number, error)
        place = shards.places[number]
        batch = shards.manifest.shards[place.shard].batches[place.number]
        return np.array([batch.questions, *[0] * (batch.pictures - 1)])
    return np.diff(np.asarray(offsets_of(questions)))


def select(table: pl.DataFrame, condition: str, option: str) -> pl.DataFrame:
    """The rows that fulfil a SQL condition.

    Args:
        table: Rows with some of :data:`COLUMNS`.
        condition: Such as ``answer IS NOT NULL``.
        option: Name of the option in errors.

    Raises:
        OptionError: The condition is not SQL over the record's columns.
    """
    import polars as pl

    try:
        return table.filter(pl.sql_expr(condition))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        problem = " ".join(str(error).split())[:200]
        columns = ", ".join(COLUMNS)
        raise OptionError(
            option, f"{condition!r} is no condition: {problem}", f"SQL over {columns}"
        ) from None


def _starts(counts: Sequence[int] | Numbers) -> Numbers:
    import numpy as np

    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)


def _rows_of_split(catalogue: Catalogue, shards: Shards, split: str) -> Numbers:
    import numpy as np

    starts = catalogue.shard_starts
    wanted = [number for number, s in enumerate(shards.manifest.shards) if s.split == split]
    if not wanted:
        known = ", ".join(shards.manifest.splits)
        raise OptionError("split", f"no row of {shards.where} is in {split!r}", f"one of {known}")
    return np.concatenate([np.arange(starts[n], starts[n + 1]) for n in wanted])


def _rows_where(catalogue: Catalogue, shards: Shards, where: str) -> Numbers:
    """The rows that fulfil a condition, of those that are chosen already."""
    import numpy as np
    import polars as pl

    names = [name for name in COLUMNS if name in where]
    table = pl.DataFrame(shards.questions(names))
    table = table.with_columns(row_number=_numbers(catalogue, shards, table["picture_row"]))
    fit = select(table, where, "where").get_column("row_number").to_numpy()
    chosen = catalogue.chosen
    return fit if chosen is None else np.intersect1d(chosen, fit, assume_unique=True)


def _numbers(catalogue: Catalogue, shards: Shards, picture_row: pl.Series) -> Numbers:
    """Numbers of rows of whole batches, from which whole batches may be missing."""
    import numpy as np

    firsts = [place.first_row for place in shards.places]
    batch = np.searchsorted(firsts, picture_row.to_numpy(), side="right") - 1
    _, begin, counts = np.unique(batch, return_index=True, return_counts=True)
    return catalogue.batch_starts[batch] + np.arange(len(batch)) - np.repeat(begin, counts)
