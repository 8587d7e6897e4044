"""Conditions by name: a rule's own, those that all rules share, and those that are made of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from qa.params import Context, Known
from qa.rules.expression import MAX_DEPTH, Expression, Name, Titled, expand, names
from qa.rules.model import Condition, Say
from qa.rules.read_conditions import OF_A_PLACE, SOURCES, as_expression, check_name, read_condition
from qa.toml_document import Section, as_text, nearest

MAX_SIZE = 2000
"""Conditions, each as often as it is named, that one made of others comes to."""


def read_conditions(section: Section, context: Context) -> dict[str, Known]:
    """The conditions of a rule's own table ``conditions``, by id; relations are checked against these and the shared ones."""
    table = section.table_at("conditions")
    return {} if table is None else read_table(table, context)


def read_table(table: Section, context: Context) -> dict[str, Known]:
    """The conditions of a table of tables, by id; each may lean on any other of them.

    One that has a problem keeps its name, or what uses it would be reported as well.
    """
    found: dict[str, Known] = {}
    names_there = {**dict.fromkeys(context.conditions), **dict.fromkeys(table.table)}
    for name in table.table:
        inner = table.table_at(name)
        if inner is not None:
            made = [source for source in SOURCES if source in inner.table] == ["is"]
            one = _read_made(inner, name, names_there) if made else read_condition(inner, name, context)
            found.update({} if one is None else {name: one})
    _fill_in(table, found, context)
    check_relations(table, found, {**context.conditions, **{name: found.get(name) for name in table.table}})
    return {name: found[name] if name in found else Condition(name, Say((name,))) for name in table.table}


def _read_made(section: Section, condition_id: str, known: Iterable[str]) -> Titled | None:
    """A condition made of others, as written: ``is = "a and not b"``."""
    check_name(section, condition_id)
    title = section.optional("title", as_text, "")
    expression = section.required("is", lambda value: as_expression(value, known))
    for name in ("who", *OF_A_PLACE):
        if name in section.table:
            section.allow(name)
            section.document.problem((*section.at, name), f"由别的条件组成的条件（is）不能写 {name}", "写在它所用的条件里")
    section.close()
    return None if expression is None else Titled((expression,), condition_id, title or "")


def _fill_in(table: Section, found: dict[str, Known], context: Context) -> None:
    """Put, for every condition made of others in ``found``, these others in the place of their names."""
    done: dict[str, tuple[Expression, int]] = {}  # with the number of names in it

    def filled(name: str, above: tuple[str, ...]) -> Expression:
        here = found[name] if name in found else Name(name) if name in table.table else context.conditions[name]
        if name in above:
            raise _CircleError
        if not (isinstance(here, Titled) and name in found):
            return here if isinstance(here, Titled) else Name(name)
        if name not in done:
            if len(above) >= MAX_DEPTH:
                raise _TooLargeError
            inside = expand(here, lambda inner: filled(inner, (*above, name)))
            size = sum(done[inner][1] if inner in done else 1 for inner in names(here))
            if size > MAX_SIZE:
                raise _TooLargeError
            done[name] = inside, size
        return done[name][0]

    made = [name for name, one in found.items() if isinstance(one, Titled)]
    whole: dict[str, Known] = {}
    for name in made:
        try:
            whole[name] = cast("Titled", filled(name, ()))
        except _CircleError:
            table.document.problem((*table.at, name, "is"), f"条件 {name} 的 is 绕回了自己", "请改用别的条件")
            del found[name]
        except _TooLargeError:
            cause = f"条件 {name} 的 is 套用别的条件太多，至多 {MAX_DEPTH} 层、{MAX_SIZE} 个条件"
            table.document.problem((*table.at, name, "is"), cause, "请把中间的条件合写成一条")
            del found[name]
    found.update(whole)


class _CircleError(Exception):
    """A condition is made of itself."""


class _TooLargeError(Exception):
    """A condition is made of others that are made of others, and so on, too often."""


def check_relations(section: Section, own: Mapping[str, Known], known: Mapping[str, Known | None]) -> None:
    """Note each of ``own`` (tables of ``section``) that leans on a condition that is not known, has no place, or in the end is itself."""
    there = {**known, **own}
    for name, condition in own.items():
        if isinstance(condition, Titled) or condition.relation is None:
            continue
        key = (*section.at, name, condition.relation.order)
        if condition.relation.other not in there:
            cause = f"{condition.relation.order} 里的条件 {condition.relation.other} 没有定义"
            section.document.problem(key, cause, nearest(condition.relation.other, there))
        elif isinstance(there[condition.relation.other], Titled):
            cause = f"{condition.relation.order} 里的条件 {condition.relation.other} 由别的条件组成（is），没有处所"
            section.document.problem(key, cause, "请改指它所用的条件")
        elif _leans_on_itself(name, there):
            section.document.problem(key, f"条件 {name} 的 before/after/around 绕回了自己", "请改指别的条件")


def _leans_on_itself(name: str, there: Mapping[str, Known | None]) -> bool:
    seen: set[str] = set()
    at: str | None = name
    while at is not None and at not in seen:
        seen.add(at)
        condition = there.get(at)
        at = condition.relation.other if isinstance(condition, Condition) and condition.relation is not None else None
    return at is not None


def reachable(expressions: Iterable[Expression | None], known: Mapping[str, Known]) -> tuple[Condition, ...]:
    """The conditions that the expressions name and those that these lean on, each once."""
    todo = [name for expression in expressions if expression is not None for name in names(expression)]
    found: dict[str, Condition] = {}
    while todo:
        condition = known.get(todo.pop(0))
        if isinstance(condition, Condition) and condition.id not in found:
            found[condition.id] = condition
            todo += [condition.relation.other] if condition.relation is not None else []
    return tuple(found.values())
