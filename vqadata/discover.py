"""The folder is the list: sources, cleaners, model families and metrics are found, not registered.

A module of such a folder holds exactly one public class of its kind. Adding one is adding a file;
no list, no ``__init__`` and no table is edited.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TypeVar

from vqadata.errors import OptionError

Kind = TypeVar("Kind")


def names(package: ModuleType) -> list[str]:
    """Names of the modules in ``package`` with dashes, sorted, without importing them."""
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    )


def find(package: ModuleType, kind: type[Kind], name: str, option: str = "") -> type[Kind]:
    """The class of ``kind`` in the module called ``name``.

    Args:
        package: The folder.
        kind: What is looked for.
        name: With dashes.
        option: The option that gave the name, for the message.

    Raises:
        OptionError: There is no module of that name; the message lists those there are.
        TypeError: The module does not hold exactly one such class (a defect of the module).
    """
    known = names(package)
    if name not in known:
        what = option or package.__name__.rpartition(".")[2]
        raise OptionError(
            f"{what}: {name!r}", "not known", f"one of {', '.join(known)}", "Check the spelling."
        )
    module = importlib.import_module(f"{package.__name__}.{name.replace('-', '_')}")
    steps = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, kind)
        and value.__module__ == module.__name__
    ]
    if len(steps) != 1:
        raise TypeError(f"{module.__name__} must hold one {kind.__name__}, found {len(steps)}")
    return steps[0]
