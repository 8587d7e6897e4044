"""What the rules of a book share by name: texts, holidays, conditions, types of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from qa.params import Context, Known
from qa.rules.book import CallType, Slots
from qa.rules.expression import Name
from qa.rules.model import Holiday
from qa.rules.read_conditions import read_expression
from qa.rules.read_layers import Layered
from qa.rules.read_named import read_table
from qa.rules.read_values import as_days, as_id, as_list_of
from qa.toml_document import Section, WrongValueError, as_text, as_texts

T = TypeVar("T")


def read_slots(document: Layered) -> Slots:
    """``[slots]``: texts by name.  One with a problem keeps its name, or every wording with it would be reported as well."""
    section = _table(document, "slots")
    if section is None:
        return ()
    read = ((name, section.optional(name, as_texts, None)) for name in section.table)
    return tuple((name, texts or (name,)) for name, texts in read)


def read_holidays(document: Layered) -> tuple[Holiday, ...]:
    """``[holidays.<id>]``."""
    return tuple(_entries(document, "holidays", _holiday))


def read_shared_conditions(document: Layered, context: Context) -> dict[str, Known]:
    """``[conditions.<id>]``, each of which may lean on any other."""
    table = _table(document, "conditions")
    return {} if table is None else read_table(table, context)


def read_call_types(document: Layered, conditions: Mapping[str, Known]) -> tuple[CallType, ...]:
    """``[call_types.<id>]``: each an expression over the shared conditions."""

    def one(section: Section, name: str) -> CallType:
        title, expression = section.required("title", as_text), read_expression(section, "is", conditions)
        if "is" not in section.table:
            document.problem(section.at, f"[{section.name}] 缺少必填的 is")
        section.close()
        return CallType(name, title or name, expression or Name(name))

    return tuple(_entries(document, "call_types", one))


def _holiday(section: Section, name: str) -> Holiday:
    title, dates = section.required("title", as_text), section.required("dates", as_list_of(as_days))
    section.close()
    return Holiday(name, title or name, dates or ())


def _table(document: Layered, name: str) -> Section | None:
    """The table ``[name]``, which may be missing."""
    return document.section(name) if name in document.data else None


def _entries(document: Layered, name: str, read: Callable[[Section, str], T]) -> Iterator[T]:
    """The tables ``[name.<id>]``, each as read; one with an id that cannot be is noted and left out."""
    table = _table(document, name)
    for entry in table.table if table else ():
        try:
            as_id(entry)
        except WrongValueError as wrong:
            document.problem((name, entry), f"[{name}.{entry}] 的名称 {wrong.cause}", wrong.cure)
            continue
        if (section := document.section(name, entry)) is not None:
            yield read(section, entry)
