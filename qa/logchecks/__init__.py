"""The checks of the call log, one file each: the file's name is the check's id and its key in ``[log_checks]`` of a rule book.

Nothing lists them by hand: a file in this folder whose name does not begin with an underscore is a check.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol, cast

from qa import check_files
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
    return tuple((check_id, as_check(module)) for check_id, module in check_files.modules(__name__, __path__))


def as_check(module: ModuleType) -> LogCheckModule:
    """``module`` as a log check, once it holds all that one must hold; else TypeError naming what is wrong."""
    check_files.parameters(module, "in_words")
    return cast(LogCheckModule, module)
