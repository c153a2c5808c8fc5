"""The kinds of step: a source reads, a cleaner judges, an export hands over.

Options are described pydantic fields.

A step's file name is its name everywhere: ``sources/coco_vqa.py`` is ``vqadata convert coco-vqa``,
``fixtures/coco_vqa/`` and ``schemas/sources/coco-vqa.schema.json``. A step imports no other step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from vqadata.converting.answers import AnswerPolicy

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.cleaning.survey import Survey
    from vqadata.converting.look import Look
    from vqadata.exporting.collecting import Collection
    from vqadata.exporting.outbox import Outbox
    from vqadata.images.embedded import EmbeddedPictures
    from vqadata.images.view import View
    from vqadata.ledger import Ledger, Rejection
    from vqadata.shards.manifest import BatchEntry
    from vqadata.shards.reader import Shards

VerdictAction = Literal["flag", "mask", "drop"]
Severity = Literal["error", "warning", "info"]


PIECE_BYTES = 64 << 20
"""Bytes of the shards that an export works off at a time, where its format does not say."""


class Step(BaseModel, ABC):
    """Something that is found in a folder, has options, and does one thing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def step_name(cls) -> str:
        """The name of the step: its file's name with dashes."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")


class Workspace(NamedTuple):
    """What a source works with."""

    ledger: Ledger
    """Takes note of what is not yielded."""
    scratch: Path
    """Folder for temporary files: for what must be brought together and stands far apart."""
    embedded: EmbeddedPictures
    """Takes pictures that come inside the input, and names them."""


class Recognition(NamedTuple):
    """What a source says of a first look at a path."""

    files: tuple[Path, ...] = ()
    """Files that are in its layout."""
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """Options of the source that name them."""
    why: str = ""
    """What they were told by."""
    missing: str = ""
    """If there are none: what the nearest file lacks; empty if none comes near."""


class Source(Step):
    """Reads the files of one data set layout and yields canonical records.

    A source reads and maps; it judges neither pictures nor answers. What it cannot map it reports
    to the ledger, with its place in the file.
    """

    example: ClassVar[str]
    """A command line that uses the source, shown in its help."""

    grouped: ClassVar[bool] = False
    """Whether all records of one picture name come in one batch."""

    image_root: list[Path] = Field(
        default_factory=list,
        description="Folder to look for pictures in; may be given several times. "
        "Without it: the folder of the question file, and its subfolder images.",
        json_schema_extra={"metavar": "DIR"},
    )
    split: str | None = Field(
        None, description="Split name of all rows; by default what the files say."
    )
    licence: str | None = Field(
        None, description="Licence of all rows; by default what the files say."
    )
    answer_policy: AnswerPolicy = Field(
        "majority",
        description="How the training answer is chosen from several. Ties of majority go to the "
        "answer that comes first in the source.",
    )
    unanswered: Literal["drop", "keep"] = Field(
        "drop",
        description="What to do with a question that has no answer although answers were given. "
        "Files without any answers (test splits) are always kept.",
    )
    missing_pictures: Literal["drop", "keep"] = Field(
        "drop",
        description="What to do with a question whose picture is not there. keep converts the "
        "text alone; such rows cannot be trained on.",
    )
    text_only: Literal["drop", "keep"] = Field(
        "drop",
        description="What to do with a question that names no picture. Such rows cannot be trained "
        "on as questions about pictures.",
    )
    markup: Literal["neutralise", "quarantine"] = Field(
        "neutralise",
        description="What to do with text that a model takes for a picture or a control token, "
        "such as <image> or <|im_end|> inside a question: put a space behind its first character, "
        "or quarantine the row. Either is noted with its offset.",
    )
    fetch_host: list[str] = Field(
        default_factory=list,
        description="Host from which pictures that are named by URL may be downloaded; may be "
        "given several times. Without it nothing is downloaded.",
        json_schema_extra={"metavar": "HOST"},
    )
    fetch_mb: int = Field(20, ge=1, description="Largest picture to download, in megabytes.")
    fetch_seconds: float = Field(20.0, gt=0, description="Longest wait for one picture.")
    keep_whole_records: bool = Field(
        False, description="Accept a truncated file: keep the records before the break."
    )

    @classmethod
    def recognise(cls, look: Look) -> Recognition:  # noqa: ARG003 - for those that can tell
        """Say which files of a look are in this layout. By default none: it has to be named."""
        return Recognition()

    @classmethod
    def recognise_any(cls, look: Look) -> Recognition:  # noqa: ARG003 - for those that can tell
        """Say which files can be read although they are in no layout that is known."""
        return Recognition()

    @abstractmethod
    def input_files(self) -> list[Path]:
        """The files that :meth:`batches` will read, for the manifest's digests."""

    @abstractmethod
    def batches(self, work: Workspace) -> Iterator[pa.RecordBatch]:
        """Yield the records that could be mapped as canonical Arrow batches.

        Every record of every input file is counted in the ledger as seen, and is either yielded or
        noted there.

        Args:
            work: The ledger, and room for what has to be put aside.

        Raises:
            VqaDataError: A file cannot be used at all.
        """

    def picture_roots(self) -> list[Path]:
        """The folders in which pictures are looked up, in order."""
        return self.image_root or [file.parent for file in self.input_files()[:1]]


class Verdict(NamedTuple):
    """What a cleaner says of one picture row, or of one question in it."""

    row: int
    """Picture row in the batch, from 0."""
    question: int | None
    """Question in that row, from 0; ``None`` for the picture, that is for all its questions."""
    action: VerdictAction
    """``drop`` takes the questions away, ``mask`` has :meth:`Cleaner.mend` write the picture anew,
    ``flag`` keeps everything with a remark."""
    why: Rejection
    severity: Severity = "warning"
    """``info`` is a fact that nobody has to act upon: it stands in the findings, not the ledger."""
    details: dict[str, Any] | None = None
    """What a person needs to see the reason, as JSON: ``other`` picture, ``edit``, ``boxes``,
    ``template`` (a file of :attr:`~vqadata.cleaning.survey.Survey.evidence`), ``zone``,
    ``score``."""
    image: int = 0
    """Which picture of the row it is about, from 0."""


class Tally(Protocol):
    """A statistic over many pictures, collected in pieces that are merged in any order."""

    def add(self, view: View, group: str) -> None:
        """Count one picture in.

        Args:
            view: The picture.
            group: Where its first question came from; see :func:`vqadata.cleaning.chunks.group_of`.
        """

    def merge(self, other: Self) -> None:
        """Take in what another piece has counted."""

    def to_bytes(self) -> bytes:
        """The whole state; equal states give equal bytes."""

    def from_bytes(self, data: bytes) -> Self:
        """A tally of the same options with the state that :meth:`to_bytes` gave."""


class Cleaner(Step):
    """Judges picture rows, in phases of which each has a default that does nothing.

    First every distinct picture is examined once, in any order and in several processes
    (:meth:`examine`, :meth:`tally`). Then the cleaner may :meth:`decide` what needs the sight of
    all. Then it sees every row once, in shard order (:meth:`judge`), and may remember what it saw.
    """

    order: ClassVar[int] = 50
    """Place among the cleaners: lower ones judge first, and later ones see only what they left."""

    judging: ClassVar[frozenset[str]] = frozenset()
    """Options on which neither :meth:`examine` nor :meth:`tally` depends: to change them costs no
    new look at the pictures."""

    @classmethod
    def flags_begin(cls) -> str:
        """What its flags begin with, before an underscore; empty where they say enough alone."""
        return cls.step_name().replace("-", "_")

    @property
    def is_idle(self) -> bool:
        """Whether its options say that it is not wanted: then it does not run."""
        return False

    def fresh(self) -> Self:
        """A copy with the same options that has seen nothing yet."""
        return self.model_validate(self.model_dump())

    def columns(self) -> dict[str, pa.DataType]:
        """Names and types of what :meth:`examine` says of a picture; empty if it looks at none.

        Two cleaners may have a name in common only if they say the same under it.
        """
        return {}

    def examine(self, view: View) -> dict[str, Any]:  # noqa: ARG002 - for those that look
        """Say what the picture is: a pure function of its bytes and the options, which is cached.

        :class:`~vqadata.images.header.BadPicture` may be raised: all columns are null then, as are
        those that are left out.
        """
        return {}

    def unexamined(self) -> dict[str, Any]:
        """What to say of a picture that killed each process that examined it."""
        return {}

    def tally(self) -> Tally | None:
        """A new, empty statistic if the cleaner collects one in the same pass."""
        return None

    def engines(self) -> dict[str, str]:
        """What else :meth:`examine` and :meth:`tally` depend on: versions, digests of weights."""
        return {}

    def decide(self, survey: Survey) -> None:
        """Look at all pictures together; called once, before the first :meth:`judge`."""

    @abstractmethod
    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Yield a verdict for everything in ``batch`` that is not simply to be kept.

        Args:
            batch: Picture rows in the schema of :func:`vqadata.shards.schema.shard_schema`.
        """

    def mend(self, view: View) -> bytes:
        """New encoded bytes of a picture with the verdict ``mask``."""
        raise NotImplementedError(f"{self.step_name()} masks nothing")


class Export(Step):
    """Writes finished shards in the format of another tool.

    What the format cannot carry is left out with a reason; nothing else is missing. It is made
    piece by piece, in any order, perhaps by several workers; where pieces end rests on the data and
    the options.
    """

    example: ClassVar[str]
    """A command line that uses the export, shown in its help; a test runs it."""

    @property
    def piece_bytes(self) -> int:
        """How large a piece is at most; a batch is in one piece."""
        return PIECE_BYTES

    def size_of(self, batch: BatchEntry) -> int:
        """How large a batch is in this format, about."""
        return batch.length

    def finish(self, shards: Shards, collection: Collection) -> None:
        """Write what rests on all pieces; by default nothing.

        Args:
            shards: The data.
            collection: What the pieces left; their files have their names.
        """

    @abstractmethod
    def write(self, shards: Shards, outbox: Outbox) -> None:
        """Write the questions of a piece, a batch in memory at a time.

        Args:
            shards: The data; its batches are those of the piece.
            outbox: Takes the files, and is told what became of each question: delivered, or left
                out with a reason.

        Raises:
            VqaDataError: The data cannot be written with these options.
        """
