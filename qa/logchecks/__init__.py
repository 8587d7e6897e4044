"""The checks of the call log, one file each: the file's name is the check's id and its key in ``[log_checks]`` of a rule book.

Nothing lists them by hand: a file in this folder whose name does not begin with an underscore is a check.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol, cast

from qa.types import Finding
from qa.types.log import CallLog


class LogCheckModule(Protocol):
    """What a file of this folder holds.

    ``TITLE`` and ``TITLE_EN`` name the check, ``Params`` is a frozen dataclass of its settings with units in the names, ``in_words`` says
    in Chinese what is asked, ``run`` yields what was found (facts; evidence are rows; at least one finding), ``EXAMPLES`` are small logs
    with the outcome due (:class:`qa.log_examples.LogExample`).
    """

    TITLE: str
    TITLE_EN: str
    Params: type[Any]
    EXAMPLES: Sequence[Any]

    def in_words(self, params: Any) -> str: ...

    def run(self, log: CallLog, params: Any) -> Iterator[Finding]: ...


def registry() -> dict[str, LogCheckModule]:
    """All log checks by id, in order of id.

    Raises TypeError if a file of the folder is not a check: a fault of the program, not of the user.
    """
    return dict(_modules())


@functools.cache
def _modules() -> tuple[tuple[str, LogCheckModule], ...]:
    ids = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return tuple((check_id, as_check(importlib.import_module(f"{__name__}.{check_id}"))) for check_id in ids)


def as_check(module: ModuleType) -> LogCheckModule:
    """``module`` as a log check, once it holds all that one must hold; else TypeError naming what is wrong."""
    wanted = ("TITLE", "TITLE_EN", "Params", "in_words", "run", "EXAMPLES", "__doc__")
    missing = [name for name in wanted if not getattr(module, name, None)]
    if missing:
        raise TypeError(f"{module.__name__} is not a check of the log: it lacks {', '.join(missing)}")
    params: Any = module.__dict__["Params"]
    if not (isinstance(params, type) and dataclasses.is_dataclass(params)):
        raise TypeError(f"{module.__name__}.Params is not a dataclass")
    return cast(LogCheckModule, module)
