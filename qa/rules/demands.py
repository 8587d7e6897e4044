"""What a required expression demands of a call: its parts, each with the situation that it is due in.

A required condition that stands near another is due where that other one is found: an apology *after* a complaint, thanks *after* a hold.
Where the other never arose nothing is due: that part drops out, and the rest is demanded as if it stood alone.  Of an *or* its
branches that stand near something make the situation; where none of those arose, the whole *or* drops out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qa.rules.conditions import Situation
from qa.rules.expression import And, Expression, Name, Not, Or, Truth, names
from qa.rules.model import Relation


@dataclass(frozen=True)
class Demand:
    """``expression``, asked for each hit of the condition that ``near`` names, in that relation; None: asked once, of the whole call."""

    expression: Expression
    near: Relation | None = None


def situations(here: Situation, expression: Expression) -> dict[str, Relation]:
    """The conditions that those in an expression stand in relation to, in order."""
    related = [relation for name in names(expression) if (relation := here.known[name].relation) is not None]
    each = {relation.other: relation for relation in related if relation.which == "each"}
    return {relation.other: each.get(relation.other, relation) for relation in related}


def demands(here: Situation, require: Expression) -> tuple[Demand, ...]:
    """The parts of ``require`` that are due in this call; () if it is all about situations that never arose.

    Where everything is about one situation each hit of which is an occasion, all of it is asked there.  Else parts that are due at the
    same places are one demand, and what stands near nothing is asked of the whole call.  A part that stands near several conditions
    (branches of an *or*) is asked of the whole call too: whichever branch holds, it is met.
    """
    around = situations(here, require)
    never = {other for other, relation in around.items() if _never(here, relation)}
    if [relation.which for relation in around.values()] == ["each"]:
        return () if never else tuple(Demand(require, relation) for relation in around.values())
    near: dict[str, list[Expression]] = {}
    whole: list[Expression] = []
    several: list[Expression] = []
    for part in _parts(require):
        if (left := _left(here, part, never)) is None:
            continue
        each = _each(here, left)
        if len(each) == 1:
            near.setdefault(each[0], []).append(left)
        else:
            (several if each else whole).append(left)
    return (
        *(Demand(_all_of(parts), around[other]) for other, parts in near.items()),
        *(Demand(part) for part in several),
        *([Demand(_all_of(whole))] if whole else []),
    )


def _never(here: Situation, relation: Relation) -> bool:
    """Whether certainly nothing is there to stand near to."""
    return not here.occasions(relation) and here.named(relation.other, favour=False).truth is Truth.FALSE


def _parts(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, And):
        for part in expression.parts:
            yield from _parts(part)
    else:
        yield expression


def _left(here: Situation, expression: Expression, never: set[str]) -> Expression | None:
    """What is left of an expression without the conditions near something that never arose; None if nothing is."""
    if isinstance(expression, Name):
        relation = here.known[expression.name].relation
        return None if relation is not None and relation.other in never else expression
    if isinstance(expression, Not):
        inner = _left(here, expression.inner, never)
        return None if inner is None else Not(inner)
    parts = tuple(left for part in expression.parts if (left := _left(here, part, never)) is not None)
    if isinstance(expression, Or) and situations(here, expression) and not any(situations(here, part) for part in parts):
        return None
    return replace(expression, parts=parts) if parts else None


def _each(here: Situation, expression: Expression) -> tuple[str, ...]:
    """The conditions of which every hit is an occasion of its own."""
    related = (here.known[name].relation for name in names(expression))
    return tuple(dict.fromkeys(relation.other for relation in related if relation is not None and relation.which == "each"))


def _all_of(parts: list[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else And(tuple(parts))
