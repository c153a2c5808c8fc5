"""Tells a catalogue what a run reads and makes, as events of OpenLineage, if that is asked for.

The specification is https://openlineage.io/spec/2-0-2/OpenLineage.json: a START event, and in the
end COMPLETE, FAIL, or ABORT after an interrupt, each one JSON object. They go to a file, a line
each, or to an address, a POST each. They name folders of the machine and times; the output of a run
knows nothing of them. The rows of a data set are its questions.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from vqadata.errors import OptionError

if TYPE_CHECKING:
    import pyarrow as pa

    Event: TypeAlias = dict[str, Any]

SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"

FACETS = "https://openlineage.io/spec/facets"

NAMESPACE = "OPENLINEAGE_NAMESPACE"
"""The environment variable by which OpenLineage's own clients name the namespace of jobs."""

PATIENCE = 10.0
"""Seconds that an address has to answer."""

log = logging.getLogger(__name__)

_listeners: list[Callable[[Event], None]] = []


class Data(NamedTuple):
    """What a run reads or makes."""

    place: Path | str
    """A file, a folder, or a URL."""
    version: str | None = None
    rows: int | None = None
    size: int | None = None
    """Bytes."""
    schema: pa.Schema | None = None


def listen(place: str) -> None:
    """Send the events of all runs of this program to a file or to an address.

    Raises:
        OptionError: The file cannot be written.
    """
    if place.startswith(("http://", "https://")):
        _listeners.append(_Address(place).post)
        return
    file = Path(place)
    try:
        file.open("a").close()
    except OSError as error:
        raise OptionError(
            f"--lineage {place}", f"cannot be written: {error.strerror}", "a file, or an address",
            "Choose another file.",
        ) from None  # fmt: skip
    _listeners.append(lambda event: _append(file, event))


def stop_listening() -> None:
    """Send events nowhere any more."""
    _listeners.clear()


class Run:
    """A run while it lasts.

    Args:
        job: What is done: ``clean``, ``convert coco-vqa``.
        inputs: What it reads.
        out: Where it writes.
    """

    def __init__(self, job: str, inputs: Sequence[Data], out: Path | str) -> None:
        """Tell nothing yet."""
        self._id = str(uuid.uuid4())
        self._job = {"namespace": os.environ.get(NAMESPACE, "vqadata"), "name": job}
        self._inputs, self._made = inputs, Data(out)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(_listeners)

    def made(self, data: Data) -> None:
        """Say what there is now, where the run writes."""
        self._made = data._replace(place=self._made.place)

    def tell(
        self,
        what: Literal["START", "COMPLETE", "FAIL", "ABORT"],
        error: BaseException | None = None,
    ) -> None:
        """Send an event to all who listen."""
        if not self.is_heard:
            return
        version = importlib.metadata.version("vqadata")
        facets = {"processing_engine": _facet("1-1-0/ProcessingEngineRunFacet",
                                              name="vqadata", version=version)}  # fmt: skip
        if error is not None:
            told = str(error) or type(error).__name__
            facets["errorMessage"] = _facet("1-0-0/ErrorMessageRunFacet", message=told,
                                            programmingLanguage="PYTHON")  # fmt: skip
        event = {
            "eventType": what,
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "producer": _producer(),
            "schemaURL": SPEC,
            "run": {"runId": self._id, "facets": facets},
            "job": self._job,
            "inputs": [_dataset(data, "input") for data in self._inputs],
            "outputs": [_dataset(self._made, "output")],
        }
        for listener in _listeners:
            listener(event)


@contextmanager
def run(job: str, inputs: Sequence[Data], out: Path | str) -> Iterator[Run]:
    """Tell of a run that lasts as long as the context; see :class:`Run`."""
    told = Run(job, inputs, out)
    told.tell("START")
    try:
        yield told
    except BaseException as error:
        told.tell("ABORT" if isinstance(error, KeyboardInterrupt) else "FAIL", error)
        raise
    told.tell("COMPLETE")


def _dataset(data: Data, side: Literal["input", "output"]) -> Event:
    namespace, name = _named(str(data.place))
    facets, counts = {}, {"rowCount": data.rows, "size": data.size}
    if data.version is not None:
        facets["version"] = _facet("1-0-0/DatasetVersionDatasetFacet", datasetVersion=data.version)
    if data.schema is not None:
        facets["schema"] = _facet("1-2-0/SchemaDatasetFacet", fields=_fields(data.schema))
    told = {key: count for key, count in counts.items() if count is not None}
    kind = "1-0-0/InputStatistics" if side == "input" else "1-0-2/OutputStatistics"
    statistics = _facet(f"{kind}{side.capitalize()}DatasetFacet", **told)
    own = {f"{side}Statistics": statistics} if told else {}
    return {"namespace": namespace, "name": name, "facets": facets, f"{side}Facets": own}


def _named(place: str) -> tuple[str, str]:
    """Namespace and name as OpenLineage names files.

    >>> _named("s3://bucket/shards/clean")
    ('s3://bucket', 'shards/clean')
    >>> _named("/data/shards")
    ('file', '/data/shards')
    """
    parts = urlsplit(place) if "://" in place else None
    if parts is None or parts.scheme == "file":
        return "file", Path(parts.path if parts else place).absolute().as_posix()
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")


def _fields(of: pa.Schema | pa.StructType) -> list[Event]:
    """Columns with their types; those of structs, and of lists of structs, one in the other."""
    import pyarrow as pa

    fields = []
    for field in of:
        kind, lists = field.type, 0
        while pa.types.is_list(kind):
            kind, lists = kind.value_type, lists + 1
        inner = {"fields": _fields(kind)} if pa.types.is_struct(kind) else {}
        name = "list<" * lists + ("struct" if inner else str(kind)) + ">" * lists
        fields.append({"name": field.name, "type": name, **inner})
    return fields


def _facet(schema: str, **members: object) -> Event:
    name = schema.partition("/")[2]
    place = f"{FACETS}/{schema}.json#/$defs/{name}"
    return {"_producer": _producer(), "_schemaURL": place, **members}


def _producer() -> str:
    return f"urn:vqadata:{importlib.metadata.version('vqadata')}"


def _append(file: Path, event: Event) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(event, ensure_ascii=False) + "\n")


class _Address:
    """Whom events are sent to; who does not answer is told of once and left alone."""

    def __init__(self, url: str) -> None:
        self._url, self._is_silent = url, False

    def post(self, event: Event) -> None:
        from urllib.request import Request, urlopen

        if self._is_silent:
            return
        headers = {"Content-Type": "application/json"}
        request = Request(self._url, json.dumps(event).encode(), headers)  # noqa: S310 - see listen
        try:
            urlopen(request, timeout=PATIENCE).close()  # noqa: S310
        except OSError as error:
            self._is_silent = True
            log.warning("--lineage %s: %s; going on without", self._url, error)
