"""The checks, one file each: the file's name is the check's id, its key in a rule book and its value in the database.

Nothing lists the checks by hand: a file in this folder whose name does not begin with an underscore is a check.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, cast

from qa import check_files
from qa.types import Call, Finding


@dataclass(frozen=True)
class Limits:
    """The agent's ``measure`` (an id of ``qa.rules.measures``) is held between the parameters ``low`` and ``high`` ("": no such limit)."""

    measure: str
    low: str = ""
    high: str = ""


class CheckModule(Protocol):
    """What a file of this folder holds.

    ``TITLE`` and ``TITLE_EN`` name the check, ``Params`` is a frozen dataclass of its settings with units in the names,
    ``run`` yields what was found (facts, no points; at least one finding), ``EXAMPLES`` are calls with the outcome due.
    A check that limits measures by plain parameters may say so in ``LIMITS``, a tuple of :class:`Limits`: ``qa whatif`` then shows
    how the calls lie against them.
    """

    TITLE: str
    TITLE_EN: str
    Params: type[Any]
    EXAMPLES: Sequence[Any]

    def run(self, call: Call, params: Any) -> Iterator[Finding]: ...


def registry() -> dict[str, CheckModule]:
    """All checks by id, in order of id.

    Raises TypeError if a file of the folder is not a check: a fault of the program, not of the user.
    """
    return dict(_modules())


@functools.cache
def _modules() -> tuple[tuple[str, CheckModule], ...]:
    return tuple((check_id, as_check(module)) for check_id, module in check_files.modules(__name__, __path__))


def as_check(module: ModuleType) -> CheckModule:
    """``module`` as a check, once it holds all that a check must hold; else TypeError naming what is wrong."""
    params = check_files.parameters(module)
    known = {field.name for field in dataclasses.fields(params)} | {""}
    unknown = [name for limits in limits_of(module) for name in (limits.low, limits.high) if name not in known]
    if unknown:
        raise TypeError(f"{module.__name__}.LIMITS names no parameter: {', '.join(unknown)}")
    return cast(CheckModule, module)


def limits_of(module: object) -> tuple[Limits, ...]:
    """The measures that a check limits by plain parameters; () for one that says nothing of it."""
    found: tuple[Limits, ...] = getattr(module, "LIMITS", ())
    return found
