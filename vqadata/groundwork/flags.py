"""Command-line options made from the described fields of a pydantic model.

An option is declared once, as a field: its name is the flag and the YAML key, its description the
help, its type the check, its default the default. The command lines know no option of their own
where a model has one. pydantic is imported when a command's options are asked for, so that
``--help`` of the program answers in a blink.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import click

from vqadata.errors import OptionError
from vqadata.groundwork.yaml_file import read_mapping

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo

_MARKUP = re.compile(r":(?:mod|class|func|data|meth|attr):`~?(?P<name>[^`]*)`")
"""References of reStructuredText."""

Model = TypeVar("Model", bound="BaseModel")
Models: TypeAlias = "Sequence[tuple[str, type[BaseModel]]]"


def model_options(model: type[BaseModel], prefix: str = "") -> list[click.Parameter]:
    """One click parameter for each field of ``model``.

    A field whose ``json_schema_extra`` holds ``{"argument": True}`` becomes a positional argument,
    ``{"short": "-o"}`` adds a short flag, ``{"metavar": "DIR"}`` names the value. Options that are
    not given reach the command as ``None`` (lists as ``()``), so that :func:`build` can tell them
    from given ones.

    Args:
        model: The model.
        prefix: Put before every field's name, with an underscore.
    """
    start = f"{prefix}_" if prefix else ""
    fields = model.model_fields
    return [_parameter(start + name, fields[name]) for name in _in_order(model)]


def _in_order(model: type[BaseModel]) -> list[str]:
    """Names of the fields as a person wants to read them: required first, then the model's own."""
    named = [
        name
        for kind in model.__mro__
        for name in inspect.get_annotations(kind)
        if name in model.model_fields
    ]
    return sorted(dict.fromkeys(named), key=lambda name: not model.model_fields[name].is_required())


class ModelCommand(click.Command):
    """A click command that asks for the options of its models only when it is parsed or explained.

    Args:
        models: Gives the models, each with the prefix of its options.
    """

    def __init__(self, *args: Any, models: Callable[[], Models], **kwargs: Any) -> None:
        """Keep the models for later."""
        super().__init__(*args, **kwargs)
        self._models: Callable[[], Models] | None = models

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The declared parameters that are required, those of the models, the other declared."""
        if self._models is not None:
            given = [option for model in self._models() for option in model_options(*model[::-1])]
            required = [parameter for parameter in self.params if parameter.required]
            others = [parameter for parameter in self.params if not parameter.required]
            self.params = [*required, *given, *others]
            self._models = None
        return super().get_params(ctx)


def build(
    model: type[Model],
    given: Mapping[str, Any],
    config: Path | None = None,
    section: str = "",
    prefix: str = "",
) -> Model:
    """Make ``model`` from a YAML file and flags; flags win.

    Args:
        model: The model to build.
        given: Values from the command line, by option name. ``None`` and ``()`` mean "not given".
        config: A YAML mapping of field names to values, or ``None``.
        section: The key of ``config`` that holds the mapping; empty for the whole file.
        prefix: The prefix that the options had in :func:`model_options`.

    Raises:
        OptionError: A key is unknown, a value is missing or of the wrong kind.
    """
    from pydantic import ValidationError

    start = f"{prefix}_" if prefix else ""
    values = dict(_read_section(config, section)) if config else {}
    values |= {
        name: list(value) if isinstance(value, tuple) else value
        for name in model.model_fields
        if (value := given.get(start + name)) is not None and value != ()
    }
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _first_fault(error, model, start, config) from None


def check_sections(config: Path, known: Sequence[str]) -> None:
    """Refuse a YAML file with a section that nothing would read.

    Args:
        config: A YAML mapping of sections.
        known: The sections that are read.

    Raises:
        OptionError: A section is unknown, or the file cannot be read.
    """
    for name in read_mapping(config, "--config", "a mapping of sections"):
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            remedy = f"Did you mean {near[0]}?" if near else "Give other options as flags."
            expected = f"sections of {', '.join(known)}"
            raise OptionError(str(config), f"{name}: no such section", expected, remedy)


def described(kind: type[BaseModel], example: str) -> str:
    """The help of a step: what its class and its module say, and an example.

    The module of a source says where the data set comes from, its licence and what a record looks
    like; blocks of it that are set in keep their lines.
    """
    about = inspect.getdoc(sys.modules[kind.__module__]) or ""
    plain = _MARKUP.sub(r"\g<name>", about.replace("::\n", ":\n").replace("``", ""))
    paragraphs = plain.split("\n\n")
    kept = [f"\b\n{text}" if text.startswith("    ") else text for text in paragraphs]
    return "\n\n".join([str(kind.__doc__), *kept, f"\b\nExample:\n  {example}"])


def flag_of(name: str) -> str:
    """The flag of a field: ``answer_policy`` is ``--answer-policy``."""
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> click.Parameter:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kind, many = _click_type(field.annotation)
    metavar = str(extra["metavar"]) if "metavar" in extra else None
    if extra.get("argument"):
        return click.Argument(
            [name], type=kind, required=False, nargs=-1 if many else 1, metavar=metavar
        )
    names = [name, flag_of(name)]
    negative = kind is click.BOOL and name.startswith("no_")
    if kind is click.BOOL and not negative:
        names[1] += f"/--no-{flag_of(name)[2:]}"
    if "short" in extra:
        names.append(str(extra["short"]))
    return click.Option(
        names,
        type=None if kind is click.BOOL else kind,
        default=None,
        multiple=many,
        is_flag=True if negative else None,
        help=_help(field),
        metavar=metavar,
    )


def _help(field: FieldInfo) -> str:
    if field.is_required():
        return f"{field.description}  [required]"
    if field.default_factory is not None or field.default in (None, (), [], ""):
        return field.description or ""
    shown = field.default
    if isinstance(shown, bool):
        shown = "yes" if shown else "no"
    if isinstance(shown, list):
        shown = ", ".join(map(str, shown))
    return f"{field.description}  [default: {shown}]"


def _click_type(annotation: Any) -> tuple[Any, bool]:
    """The click type of an annotation, and whether the option may be given several times."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inner = [part for part in args if part is not type(None)]
        return _click_type(inner[0])
    if origin in (list, tuple):
        return _click_type(args[0])[0], True
    if origin is Literal:
        return click.Choice([str(choice) for choice in args]), False
    if annotation is bool:
        return click.BOOL, False
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return click.Path(path_type=Path), False
    if annotation in (int, float):
        return annotation, False
    return click.STRING, False


def _read_section(config: Path, section: str) -> Mapping[str, Any]:
    document = read_mapping(config, "--config", "a mapping of options")
    part = document.get(section) if section else document
    if not isinstance(part, dict | None):
        raise OptionError(str(config), f"{section}: not a mapping", "a mapping of options")
    return part or {}


def _first_fault(
    error: ValidationError, model: type[BaseModel], start: str, config: Path | None
) -> OptionError:
    """Say the first fault in the words of the command line."""
    faults = error.errors(include_url=False)
    # A key that is misspelt is also missing: say the spelling.
    fault = next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
    name = str(fault["loc"][0]) if fault["loc"] else ""
    where = _shown_name(name, model, start, config)
    if fault["type"] == "missing":
        given = _shown_name(name, model, start, None)
        return OptionError(where, "not given", "a value", f"Pass {given}; see --help.")
    if fault["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        near = difflib.get_close_matches(name, model.model_fields, 1)
        remedy = f"Did you mean {near[0]}?" if near else "Check the spelling."
        return OptionError(where, "no such option", f"one of {known}", remedy)
    message = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return OptionError(where, f"found {fault['input']!r}", message, "See --help.")


def _shown_name(name: str, model: type[BaseModel], start: str, config: Path | None) -> str:
    field = model.model_fields.get(name)
    extra = field.json_schema_extra if field else None
    if isinstance(extra, dict) and extra.get("argument"):
        return name.upper()
    if config is not None:
        return f"{config}: {name or 'options'}"
    return flag_of(start + name) if name else "options"
