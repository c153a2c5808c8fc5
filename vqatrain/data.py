"""The door between the two packages: shards in, examples out. Nothing else imports the data side.

Item ``i`` of a schedule is always the same row, so a stopped run continues with the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.converting.conversion import OutputOptions
from vqadata.errors import OptionError, VqaDataError
from vqadata.exporting.rows import StoredPicture
from vqadata.groundwork.digests import bytes_digest
from vqadata.images.decode import NORMALISATION, normalise, to_rgb
from vqadata.images.fetch import FetchError, Limits, fetch
from vqadata.images.header import BadPicture, Header, read_header
from vqadata.loader.catalogue import COLUMNS, select
from vqadata.rearranging import pairing
from vqadata.shards.reader import Shards, open_shards
from vqatrain.config import DataOptions, TrainConfig
from vqatrain.dialogs import Dialogs, Turn
from vqatrain.order import CURRICULUM, Order, passes

if TYPE_CHECKING:
    import polars as pl
    from PIL.Image import Image

    from vqatrain.order import Rows

FETCH_SECONDS = 10.0
"""Longest wait for a picture behind a URL."""

PICTURE_POLICY = NORMALISATION
"""Name of the policy by which pictures become RGB."""

NoPair: TypeAlias = pairing.NoPair
"""Why a row makes no pair for preferences."""

Pairing: TypeAlias = pairing.Pairing
"""Where the wrong answers of pairs come from."""


class Example(NamedTuple):
    """One question, ready for a processor."""

    question_id: str
    pictures: list[Image]
    """RGB, by the one normalisation policy of :mod:`vqadata.images.decode`."""
    question: str
    answer: str | None
    rejected: str | None = None
    """A worse answer, for preference training."""
    system: str | None = None
    """The system prompt of its conversation."""
    before: tuple[Turn, ...] = ()
    """The earlier turns of its conversation."""


def open_picture(source: Path | str | bytes | Image) -> Image:
    """A picture as the model sees it, from a file, from encoded bytes, or from Pillow.

    Raises:
        VqaDataError: It cannot be read or decoded, or is too large; the message names the file.
    """
    if isinstance(source, bytes):
        return to_rgb(source)
    if not isinstance(source, Path | str):
        return normalise(source)
    try:
        return to_rgb(Path(source).read_bytes())
    except OSError as error:
        found = error.strerror or str(error)
        raise VqaDataError(str(source), found, "a picture", "Check the path.") from None
    except VqaDataError as error:
        raise VqaDataError(str(source), error.found, error.expected, "Repair the file.") from None


def picture_file(data: bytes) -> str:
    """What the file of an encoded picture is called: by its digest, with the ending of its format.

    Raises:
        VqaDataError: It is no picture, or too large.
    """
    picture = StoredPicture("", None, bytes_digest(data), picture_header(data).format)
    return f"{picture.digest}.{picture.extension}"


def picture_header(data: bytes) -> Header:
    """Format and size of an encoded picture, without its pixels.

    Raises:
        VqaDataError: It is no picture, or too large.
    """
    try:
        return read_header(data)
    except BadPicture as bad:
        raise VqaDataError("picture", f"{bad.code}, {bad.detail}", "a picture") from None


def download(url: str, hosts: frozenset[str], most_mb: int) -> bytes:
    """A picture behind a URL of an allowed host.

    Raises:
        VqaDataError: The host is not allowed, or does not answer as it should.
    """
    try:
        return fetch(url, Limits(hosts, most_mb << 20, FETCH_SECONDS))
    except FetchError as error:
        raise VqaDataError("picture", str(error), "a data URI, or an allowed host") from None


class Questions:
    """The chosen rows of a folder of shards: text in memory, pictures read when asked for.

    Args:
        options: Which rows.

    Raises:
        ShardError: The folder cannot be read.
        OptionError: No row fits, or the condition is no SQL.
    """

    def __init__(self, options: DataOptions) -> None:
        """Read the text of all rows and choose."""
        import polars as pl

        self.shards: Shards = open_shards(options.shards)
        table = pl.DataFrame(self.shards.questions(COLUMNS))
        self.total = table.height
        if not self.total:
            raise VqaDataError(str(options.shards), "no questions in it", "at least one question")
        self._dialogs = Dialogs(table)
        table = self._dialogs.table
        if options.split is not None:
            table = table.filter(pl.col("split") == options.split)
            _refuse_empty(table, "--split", options.split, self.shards.manifest.splits)
        if options.where is not None:
            table = select(table, options.where, "--where")
            _refuse_empty(table, "--where", options.where, {})
        self.table = table

    def __len__(self) -> int:
        """Number of chosen rows."""
        return self.table.height

    def example(self, row: int) -> Example:
        """Read and decode one row.

        Raises:
            VqaDataError: A picture is missing or cannot be decoded; the message names the row.
        """
        record = self.table.row(row, named=True)
        identity = record["question_id"]
        where = f"{self.shards.where}: question {identity}"
        pictures = []
        for data in self.encoded(row):
            if data is None:
                raise VqaDataError(where, "no picture", "a picture", "Run vqadata clean first.")
            try:
                pictures.append(to_rgb(data))
            except VqaDataError as error:
                raise VqaDataError(where, error.found, error.expected, error.remedy) from None
        return self.words(record)._replace(pictures=pictures)

    def words(self, record: dict[str, Any]) -> Example:
        """A row of :meth:`records` without its pictures."""
        rejected = record["rejected"][0] if record["rejected"] else None
        return Example(
            record["question_id"], [], record["text"], record["answer"], rejected,
            record["system"], self._dialogs.before(record),
        )  # fmt: skip

    def encoded(self, row: int) -> list[bytes | None]:
        """The pictures of a row as they are stored."""
        return self.shards.pictures(int(self.table["picture_row"][row]))

    def records(self) -> Iterator[dict[str, Any]]:
        """The chosen rows as dictionaries, without pictures."""
        return self.table.iter_rows(named=True)

    def texts(self) -> Iterator[str]:
        """All questions and answers: what a tokenizer is learnt from."""
        yield from self.table.get_column("text")
        yield from self.table.get_column("answer").drop_nulls()


def keep(questions: Questions, mask: Sequence[bool]) -> None:
    """Keep the rows whose mark is true, in their order."""
    import polars as pl

    questions.table = questions.table.filter(pl.Series(mask, dtype=pl.Boolean))


def held_out(config: TrainConfig) -> Questions | None:
    """The rows that are kept for watching, or ``None`` if none are asked for.

    Raises:
        OptionError: They would also be trained on.
    """
    if config.eval_shards is None and config.eval_split is None:
        return None
    shards = config.eval_shards or config.shards
    same = shards.resolve() == config.shards.resolve()
    if same and config.split in (None, config.eval_split):
        raise OptionError(
            "--eval-split", f"the rows of {config.eval_split or shards} are trained on",
            "rows that are not", "Name a split for each: --split train --eval-split val.",
        )  # fmt: skip
    return Questions(DataOptions(shards=shards, split=config.eval_split))


def origin(questions: Questions) -> dict[str, Any]:
    """Where the rows come from: digest and account of the shards, licences of the chosen rows."""
    manifest = questions.shards.manifest
    licences = questions.table.get_column("licence").fill_null("not stated").value_counts(sort=True)
    return {
        "digest": questions.shards.digest,
        "rows_in_shards": questions.total,
        "rows_chosen": len(questions),
        "account": {
            "seen": manifest.seen, "kept": manifest.questions, "dropped": manifest.dropped,
            "quarantined": manifest.quarantined, "adds_up": manifest.adds_up,
        },
        "licences": dict(licences.sort("licence").iter_rows()),
    }  # fmt: skip


def keep_pairs(questions: Questions) -> int:
    """Keep the rows whose first rejected answer is another than their answer.

    Returns:
        Number of rows that are no pair, and are left out.

    Raises:
        VqaDataError: There is no pair.
    """
    import polars as pl

    before = len(questions)
    first = pl.col("rejected").list.first()
    table = questions.table.filter(first.is_not_null() & (first != pl.col("answer")))
    if table.is_empty():
        raise VqaDataError(
            str(questions.shards.folder), f"{before} rows, none with a rejected answer",
            "rows with an answer and a rejected one",
            "Convert preferences (chosen and rejected), or leave --where away.",
        )  # fmt: skip
    questions.table = table
    return before - len(table)


def write_pairs(
    shards: Path, out: Path, judge: pairing.Judge, origin: Pairing, overwrite: bool
) -> int:
    """Write rows with a wrong answer beside theirs; see :func:`vqadata.rearranging.pairing.pair`.

    Returns:
        Number of rows that were written.
    """
    return pairing.pair(shards, out, judge, origin, OutputOptions(overwrite=overwrite)).questions


def trainable(questions: Questions) -> None:
    """Refuse rows that would break a run hours later.

    Raises:
        VqaDataError: A row has no answer, or a picture without a readable header.
    """
    import polars as pl

    table = questions.table
    where = questions.shards.where
    unanswered = table.filter(pl.col("answer").is_null())
    if unanswered.height:
        raise VqaDataError(
            where, f"{unanswered.height} rows without an answer, first question "
            f"{unanswered['question_id'][0]}", "an answer in every row",
            "Leave them out with --where 'answer IS NOT NULL'.",
        )  # fmt: skip
    broken = table.filter(pl.col("widths").list.contains(None))
    if broken.height:
        raise VqaDataError(
            where, f"{broken.height} rows whose picture cannot be opened, first question "
            f"{broken['question_id'][0]}", "pictures",
            f"Run: vqadata clean {where} -o {where}-clean",
        )  # fmt: skip


class Item(NamedTuple):
    """What stands at one place of a run."""

    place: int
    examples: list[Example]


class Schedule:
    """A map-style dataset whose item ``i`` is what is trained on at place ``i``.

    Args:
        questions: The rows.
        order: Which of them stand where.
    """

    def __init__(self, questions: Questions, order: Order) -> None:
        """Keep both."""
        self.questions, self.order = questions, order

    def __len__(self) -> int:
        """Places of the whole run."""
        return len(self.order)

    def __getitem__(self, place: int) -> Item:
        """Read the examples at a place of the order."""
        return Item(place, [self.questions.example(row) for row in self.order.at(place)])


def curriculum(
    questions: Questions, condition: str | None, length: int | None, seed: int
) -> Rows | None:
    """Row numbers of the curriculum in their order, or ``None`` without one.

    Args:
        questions: The rows.
        condition: SQL condition of the rows that come first.
        length: How many examples; by default each fitting row once, beyond it several passes.
        seed: Seed of the order.

    Raises:
        OptionError: The condition is no SQL, or no row fulfils it.
    """
    if condition is None:
        return None
    chosen = select(questions.table.with_row_index("row_number"), condition, "--first-where")
    _refuse_empty(chosen, "--first-where", condition, {})
    rows = chosen.get_column("row_number").to_numpy()
    return passes(rows, length or len(rows), seed, CURRICULUM)


def _refuse_empty(table: pl.DataFrame, option: str, given: str, known: dict[str, int]) -> None:
    if table.is_empty():
        expected = f"one of {', '.join(known)}" if known else "at least one row"
        raise OptionError(option, f"no row fits {given!r}", expected)
