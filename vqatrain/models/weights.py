"""Reads weights whole: a model with a part that lay nowhere would be trained in silence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vqadata.errors import OptionError

SHOWN = 3
"""Names of weights that a message has."""


def read(kind: Any, name: str, option: str, spare: Collection[str] = (), **options: Any) -> Any:
    """Load a model of transformers, and refuse one that is not all there.

    Args:
        kind: One of the ``AutoModel`` classes.
        name: Folder or hub id.
        option: Who asked for it, for the message.
        spare: Modules that nobody needs, such as ``pooler``; their weights may be missing.
        options: Of ``from_pretrained``.

    Raises:
        OptionError: It cannot be loaded; or weights are missing, or of another shape, which
            transformers would make up at random.
    """
    from safetensors import SafetensorError

    try:
        model, report = kind.from_pretrained(
            name, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
            **options,
        )  # fmt: skip
    except SafetensorError as error:
        raise _unfit(option, name, f"a file of weights is cut off or damaged ({error})") from None
    except (OSError, ValueError) as error:
        raise unreadable(option, name, error) from None
    missing = [key for key in report["missing_keys"] if not set(spare) & set(key.split("."))]
    if missing:
        raise _unfit(option, name, f"{len(missing)} weights are missing: {_some(missing)}")
    if report["mismatched_keys"]:
        odd = [
            f"{key} of shape {tuple(found)}, not {tuple(wanted)}"
            for key, found, wanted in report["mismatched_keys"]
        ]
        raise _unfit(option, name, f"{len(odd)} weights do not fit config.json: {_some(odd)}")
    return model


def unreadable(option: str, name: str, error: Exception) -> OptionError:
    """What to say of a model that a library cannot load."""
    problem = " ".join(str(error).split())[:300].rstrip(".")
    return OptionError(
        option, f"{name!r} cannot be loaded: {problem}",
        "a model folder, a hub id, or tiny:FAMILY", "Without network, pass a local folder.",
    )  # fmt: skip


def _unfit(option: str, name: str, found: str) -> OptionError:
    return OptionError(option, f"{name}: {found}", "all of its weights", "Save or fetch it again.")


def _some(names: list[str]) -> str:
    more = " ..." if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
