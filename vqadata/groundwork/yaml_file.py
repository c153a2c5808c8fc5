"""A YAML file of a user's: one mapping, or one clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vqadata.errors import OptionError


def read_mapping(path: Path, option: str, what: str) -> dict[Any, Any]:
    """Read a YAML file that holds one mapping; an empty file is an empty mapping.

    Args:
        path: The file.
        option: The flag that named it.
        what: What the mapping holds, for the error.

    Raises:
        OptionError: The file cannot be read, is not YAML, or holds something else.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(
            str(path),
            f"cannot be read: {error.strerror}",
            f"a YAML file, {what}",
            f"Check {option}.",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise OptionError(str(path), f"not YAML: {problem}", what) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise OptionError(str(path), f"found {type(document).__name__}", what)
    return document
