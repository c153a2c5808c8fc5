"""Asks a model about pictures: one, a folder of them, or lines of a file.

From Python::

    model = vqatrain.load("runs/first")
    model.answer("photo.jpg", "What is this?")

Pictures are bounded before they are decoded and normalised as in training. Paths in a file of
questions stay under its folder, or under ``--image-root``. A picture that cannot be opened, or that
the model cannot take, costs its own line alone: the line has an ``error`` in place of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.errors import OptionError, VqaDataError
from vqatrain.answering.answerer import Answerer
from vqatrain.config import AnswerOptions, InferConfig
from vqatrain.data import Example, open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

    Source: TypeAlias = Path | str | bytes | Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
"""Files of a folder that are taken for pictures."""


Say = Callable[..., Any]
"""Takes a text, and ``nl=False`` where no line ends with it, as ``click.echo`` does."""


class Asked(NamedTuple):
    """One question on its way: what will be said of it, and the pictures."""

    line: dict[str, Any]
    """What the output repeats: id, image, question."""
    example: Example | None
    error: str | None = None
    """Why it cannot be asked."""


class Model:
    """A model that answers; see :func:`load`."""

    def __init__(self, options: AnswerOptions) -> None:
        """Load it."""
        self._answerer = Answerer(options)

    def answer(self, image: Source | list[Source], question: str) -> str:
        """Answer one question about one picture, or about several.

        Args:
            image: A path, encoded bytes, a Pillow picture, or a list of these.
            question: The question.

        Raises:
            VqaDataError: A picture cannot be opened.
        """
        sources = image if isinstance(image, list) else [image]
        pictures = [open_picture(source) for source in sources]
        return self._answerer.answer([Example("", pictures, question, None)])[0]

    def stream(self, image: str | Path, question: str, say: Say) -> None:
        """Answer one question, and say the words as they come.

        Raises:
            VqaDataError: The picture cannot be opened.
        """
        from transformers import TextStreamer

        class Spoken(TextStreamer):  # type: ignore[misc]
            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                say(text, nl=stream_end)

        streamer = Spoken(self._answerer.tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._answerer.answer([Example("", [open_picture(image)], question, None)], streamer)

    def answers(self, asked: Iterable[Asked], batch_size: int) -> Iterator[dict[str, Any]]:
        """Answer many, some at a time, in their order."""
        stream = iter(asked)
        while chunk := list(islice(stream, batch_size)):
            said = iter(self._said([one.example for one in chunk if one.example is not None]))
            for one in chunk:
                yield one.line | ({"error": one.error} if one.example is None else next(said))

    def _said(self, examples: list[Example]) -> list[dict[str, str]]:
        """An answer each, or why there is none: what the model cannot take costs no neighbour."""
        if not examples:
            return []
        try:
            return [{"answer": text} for text in self._answerer.answer(examples)]
        except VqaDataError as error:
            if len(examples) == 1:
                return [{"error": str(error)}]
        return [self._said([one])[0] for one in examples]


def load(model: str | Path, **options: Any) -> Model:
    """Load a run, a model folder or a hub id for answering.

    Args:
        model: Run folder, model folder or hub id.
        options: Fields of :class:`~vqatrain.config.AnswerOptions`.

    Raises:
        OptionError: There is no such model, or an option is wrong.
    """
    return Model(AnswerOptions(model=str(model), **options))


def infer(config: InferConfig) -> Iterator[dict[str, Any]]:
    """Answer what the options ask, a dictionary a question: id, image, question, answer or error.

    Raises:
        VqaDataError: The file of questions is broken; lines before the fault are answered.
        OptionError: The options do not say what to ask.
    """
    asked = questions(config)
    yield from Model(config).answers(asked, config.batch_size)


def infer_to(config: InferConfig, say: Say) -> int:
    """Answer, and write the answers to the file that is asked for, or say them.

    A file appears when all is answered. The answer about a single picture is said as it comes.

    Returns:
        Exit status: 0, or 1 if some picture could not be opened.

    Raises:
        VqaDataError: As :func:`infer`; also if the file cannot be written.
    """
    if config.image is not None and config.out is None:
        asked = list(questions(config))
        Model(config).stream(config.image, asked[0].line["question"], say)
        return 0
    failed = 0
    with _lines_to(config.out, say) as write:
        for line in infer(config):
            failed += "error" in line
            write(json.dumps(line, ensure_ascii=False))
    if failed:
        say(f"{failed:,} could not be answered; their lines have an error", err=True)
    return 1 if failed else 0


@contextmanager
def _lines_to(path: Path | None, say: Say) -> Iterator[Callable[[str], Any]]:
    if path is None:
        yield say
        return
    if path.exists():
        raise OptionError("--out", f"{path} exists", "a new file", "Choose another name.")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield lambda line: file.write(f"{line}\n")
    except OSError as error:
        raise VqaDataError(str(path), error.strerror or str(error), "a file to write") from None
    unfinished.replace(path)


def questions(config: InferConfig) -> Iterator[Asked]:
    """What the options ask, picture by picture.

    Raises:
        OptionError: Not exactly one of a picture, a folder and a file is given, or no question.
    """
    given = [name for name in ("image", "images", "file") if getattr(config, name) is not None]
    if len(given) != 1:
        found = " and ".join(f"--{name}" for name in given) or "nothing to look at"
        raise OptionError("vqatrain infer", found, "one of --image, --images and --file")
    if config.file is not None:
        return _of_file(config.file, config.image_root or config.file.parent, config.question)
    if config.question is None:
        raise OptionError("--question", "not given", "the question to ask of each picture")
    paths = [config.image] if config.image else _pictures(config.images or Path())
    question = config.question
    return (_asked({"image": str(path), "question": question}, [path]) for path in paths)


def _pictures(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise OptionError("--images", f"{folder}: no pictures in it", "a folder with pictures")
    return found


def _of_file(path: Path, root: Path, question: str | None) -> Iterator[Asked]:
    """Questions of a file of JSON lines: ``image`` or ``images``, ``question``, and any id."""
    try:
        lines = path.open(encoding="utf-8-sig")
    except OSError as error:
        raise VqaDataError(str(path), error.strerror or str(error), "a file of questions") from None
    with lines:
        for number, text in enumerate(lines, start=1):
            if text.strip():
                yield _of_line(f"{path}: line {number}", text, root, question)


def _of_line(where: str, text: str, root: Path, question: str | None) -> Asked:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise VqaDataError(where, str(error), "a JSON object") from None
    expected = "an object with image (or images) and question"
    if not isinstance(line, dict):
        raise VqaDataError(where, f"a JSON {type(line).__name__}", expected)
    names = line.get("images") or [line.get("image")]
    asked = line.get("question") or question
    if not isinstance(asked, str) or not all(isinstance(name, str) for name in names):
        raise VqaDataError(where, f"keys {', '.join(line)}", expected)
    base = root.resolve()
    paths = [(base / name).resolve() for name in names]
    outside = [path for path in paths if not path.is_relative_to(base)]
    if outside:
        return Asked(line, None, f"{outside[0]} is not under {root}")
    return _asked(line | {"question": asked}, paths)


def _asked(line: dict[str, Any], paths: Sequence[Path]) -> Asked:
    try:
        pictures = [open_picture(path) for path in paths]
    except VqaDataError as error:
        return Asked(line, None, str(error))
    return Asked(line, Example(str(paths[0]), pictures, line["question"], None))
