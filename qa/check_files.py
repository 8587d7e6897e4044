"""Folders in which every file is a check: found by their names, and held to what a check must hold."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

HELD = ("TITLE", "TITLE_EN", "Params", "run", "EXAMPLES", "__doc__")


def modules(package: str, path: Sequence[str]) -> Iterator[tuple[str, ModuleType]]:
    """The files of a package with their ids, in order of id; those whose names begin with an underscore are no checks."""
    for check_id in sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_")):
        yield check_id, importlib.import_module(f"{package}.{check_id}")


def parameters(module: ModuleType, *more: str) -> type[Any]:
    """The ``Params`` of a module that holds all that a check must hold, and ``more``; else TypeError naming what is wrong."""
    missing = [name for name in (*HELD, *more) if not getattr(module, name, None)]
    if missing:
        raise TypeError(f"{module.__name__} is not a check: it lacks {', '.join(missing)}")
    params: Any = module.__dict__["Params"]
    if not (isinstance(params, type) and dataclasses.is_dataclass(params)):
        raise TypeError(f"{module.__name__}.Params is not a dataclass")
    return params
