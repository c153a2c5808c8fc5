"""Tells the layout of a path: which source reads it, and why; refuses where two fit, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vqadata import sources
from vqadata.converting.look import COLUMNAR, NO_RECORDS, FileLook, Look, look_at
from vqadata.discover import find, names
from vqadata.errors import VqaDataError
from vqadata.steps import Recognition, Source

KNOWN_OTHERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("COCO captions: texts about pictures, no questions", frozenset({"image_id", "caption"})),
    ("COCO detection: boxes, no questions", frozenset({"bbox", "category_id"})),
    (
        "LLaMA-Factory's list of data sets: name the file that it lists",
        frozenset({"file_name", "columns"}),
    ),
    ("COCO panoptic segmentation, no questions", frozenset({"segments_info"})),
    ("text detection or recognition labels, no questions", frozenset({"instances", "img_path"})),
    ("text recognition labels, no questions", frozenset({"filename", "text"})),
    ("key information labels, no questions", frozenset({"file_name", "annotations"})),
    ("GQA or Visual Genome scene graphs, no questions", frozenset({"objects", "width", "height"})),
    ("GQA choices for the metric, no questions", frozenset({"valid", "plausible"})),
    ("requests for OpenAI's batch API, which have no answers", frozenset({"custom_id", "body"})),
    ("predictions of a model, no data set", frozenset({"question_id", "prompt", "model_id"})),
)
"""Files that look like it but hold no questions about pictures, by fields of their records."""

RESULTS = frozenset({"question_id", "answer"})
"""All the fields of a VQA results file: answers of a model, without their questions."""

RESULT_EXTRAS = frozenset({"image_id", "probs", "score", "confidence"})


class Recognised(NamedTuple):
    """The source that reads a path."""

    source: type[Source]
    options: dict[str, Any]
    """Its options that name the files."""
    why: str
    """What the layout was told by."""
    unread: list[str]
    """Other files of data that lie there, and what they are where that is known."""


def recognise(path: Path) -> Recognised:
    """Tell the layout of a file or a folder.

    Raises:
        VqaDataError: Nothing is there, no source reads it, or several do; the message names what
            fits, what nearly fits and lacks what, and what kind of other file it is.
    """
    look = look_at(path)
    said = {kind: kind.recognise(look) for kind in source_kinds()}
    fitting = {kind: each for kind, each in said.items() if each.files}
    if not fitting:
        unknown = Look(path, [file for file in look.files if not other_kind(file)])
        any_layout = {kind: kind.recognise_any(unknown) for kind in said}
        fitting = {kind: each for kind, each in any_layout.items() if each.files}
        said |= {kind: each for kind, each in any_layout.items() if each.missing}
    if not fitting:
        raise _nothing_fits(look, said)
    fitting = _that_lists_the_others(fitting)
    if len(fitting) > 1:
        raise _several_fit(path, fitting)
    ((kind, told),) = fitting.items()
    if not told.options:
        found = f"{kind.step_name()}, but {told.why}: {_shown(told.files)}"
        remedy = f"Name them; see: vqadata convert {kind.step_name()} --help"
        raise VqaDataError(str(path), found, "one set of files", remedy)
    return Recognised(kind, told.options, told.why, list(_unread(look, told)))


def _that_lists_the_others(
    fitting: dict[type[Source], Recognition],
) -> dict[type[Source], Recognition]:
    """Of several the one whose files are all those of the others and more, if there is one."""
    for kind, told in fitting.items():
        others = [set(each.files) for other, each in fitting.items() if other is not kind]
        if all(files < set(told.files) for files in others):
            return {kind: told}
    return fitting


def _unread(look: Look, told: Recognition) -> Iterator[str]:
    """The files with records that are in none of the options."""
    named = [value for given in told.options.values() for value in _listed(given)]
    for file in look.files:
        data = file.records or file.fault or file.form != "other"
        if data and file.path not in (*told.files, *named):
            kind = file.fault or other_kind(file) or ("" if file.records else NO_RECORDS)
            yield f"{file.path.name} ({kind})" if kind else file.path.name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def source_kinds() -> list[type[Source]]:
    """All sources that are found."""
    return [find(sources, Source, name) for name in names(sources)]  # type: ignore[type-abstract]


def other_kind(file: FileLook) -> str | None:
    """What kind of file it is, if it is a known one that holds no questions about pictures."""
    if file.form == "pickle":
        return "a Python pickle, which can run any code when it is read"
    if file.key == "images" and {"id", "file_name"} <= file.fields:
        return "COCO captions, boxes or keypoints, no questions"
    if file.fields >= RESULTS and file.fields <= RESULTS | RESULT_EXTRAS:
        return "VQA results: answers of a model without the questions"
    return next((what for what, fields in KNOWN_OTHERS if fields <= file.fields), None)


def _several_fit(path: Path, fitting: dict[type[Source], Recognition]) -> VqaDataError:
    said = "; ".join(
        f"{kind.step_name()} ({_shown(each.files)}: {each.why})" for kind, each in fitting.items()
    )
    ways = " or ".join(f"vqadata convert {kind.step_name()}" for kind in fitting)
    return VqaDataError(str(path), f"several layouts: {said}", "one", f"Choose: {ways}.")


def _nothing_fits(look: Look, said: dict[type[Source], Recognition]) -> VqaDataError:
    others = [f"{file.path.name} is {kind}" for file in look.files if (kind := other_kind(file))]
    near = [
        f"{kind.step_name()} (lacks {each.missing})" for kind, each in said.items() if each.missing
    ]
    found = "; ".join(others[:3]) or f"no known layout in {_described(look)}"
    if near:
        found += f"; nearest: {', '.join(near)}"
    remedy = "A file of your own is read through a field map: vqadata map suggest FILE."
    if any(file.form == "pickle" for file in look.files):
        remedy = "Pickles are refused: export them to JSON or Parquet."
    elif any("expected UTF-8" in file.fault for file in look.files):
        remedy = "Save it as UTF-8, such as by: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
    elif look.files and all(file.form in COLUMNAR for file in look.files):
        remedy = (
            "If it has them, name the columns: vqadata convert huggingface FILE --field "
            "image=COLUMN --field question=COLUMN --field answer=COLUMN"
        )
    return VqaDataError(str(look.path), found, "questions about pictures", remedy)


def _described(look: Look) -> str:
    if not look.files:
        return "a folder without data files"
    return ", ".join(_fields_of(look.files))


def _fields_of(files: list[FileLook]) -> Iterator[str]:
    for file in files[:3]:
        fields = ", ".join(sorted(file.fields)[:12])
        yield f"{file.path.name} ({f'fields {fields}' if fields else file.fault or NO_RECORDS})"


def _shown(files: tuple[Path, ...]) -> str:
    names_of = [file.name for file in files]
    more = f" and {len(names_of) - 2} more" if len(names_of) > 2 else ""
    return ", ".join(names_of[:2]) + more
