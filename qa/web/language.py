"""Chinese and English.  The Chinese text is the key; English stands in ``qa/web/english/<area>.toml``, one file an area.

A text with figures has places by name: ``_("共 {n} 通", n=3)``.  Sentences that the core makes (messages of findings, reasons, errors)
come whole, their figures in them: patterns in ``core.toml`` say them in English (:mod:`qa.web.sentences`).  What a person wrote, what a
rule book says and what was said in a call is never translated; English pages mark it as Chinese (:mod:`qa.web.marking`).
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files

from qa.web.sentences import Sentences

LANGUAGES = ("zh", "en")
CORE = "core.toml"
"""Patterns for the sentences of the core."""
_current: ContextVar[str] = ContextVar("language", default="zh")


def marked(text: str) -> str:
    """The text itself; marks one that stands in a table and is translated where it is shown."""
    return text


MARKED_ELSEWHERE: tuple[str, ...] = ("qa/report.py", "qa/appraisal/files.py", "qa/clips/export.py")
"""Files outside ``qa/web`` that mark texts for translation (paths from the root of the project)."""


def vocabulary() -> Iterator[str]:
    """Words of tables that pages and files show by ``_(word)``: outcomes, roles, measured values, facts of a call, headers."""
    from qa import outcome_words, report, report_text
    from qa.appraisal import files
    from qa.operation.retention import KINDS
    from qa.operation.tables import DELETED
    from qa.people.accounts import ROLE_TITLES

    for table in (outcome_words.OUTCOMES, ROLE_TITLES, report_text.ROLE_TEXT, report_text.VALUE_TEXT, KINDS):
        yield from table.values()
    for words in report_text.VALUE_WORDS.values():
        yield from words.values()
    yield from (*report.LABELS, *files.HEADERS, *files.HOW_HEADERS, *files.STATES.values())
    from qa.review import appeal_states, queue, rule_texts, verdicts

    for named in (verdicts.ACTIONS, appeal_states.LEVELS, appeal_states.ACTIONS, appeal_states.STATUS, rule_texts.NAMES):
        yield from named.values()
    yield from (name for _weight, name in queue.WORTH.values())
    yield DELETED


def chinese(text: str, **values: object) -> str:
    """The text with its values."""
    return text.format(**values) if values else text


@functools.cache
def english() -> Mapping[str, str]:
    """All translations; a key that stands in two files has the same English in both."""
    found: dict[str, str] = {}
    for file in sorted(files("qa.web").joinpath("english").iterdir(), key=lambda f: f.name):
        if file.name == CORE:
            continue
        for key, text in tomllib.loads(file.read_text("utf-8")).items():
            if found.setdefault(key, text) != text:
                raise ValueError(f"{file.name}: {key} has two translations")
    return found


@functools.cache
def core() -> Sentences:
    """What says the core's sentences in English; names of limits have theirs beside them."""
    from qa.review.parameters import PARAMETERS

    names = {one.title: one.title_en for each in PARAMETERS.values() for one in each.values()}
    return Sentences(tomllib.loads(files("qa.web").joinpath("english", CORE).read_text("utf-8")), {**names, **english()})


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside, :func:`translated` answers in this language."""
    token = _current.set(language if language in LANGUAGES else "zh")
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """The language in which :func:`translated` answers here, one of ``LANGUAGES``."""
    return _current.get()


_MARKS = {"：": ": ", "；": "; "}


def between(mark: str) -> str:
    """``：`` or ``；`` between two texts that are put together, as the language writes it."""
    return _MARKS[mark] if _current.get() == "en" else mark


CORES = frozenset(("cause", "cure", "why"))
"""Places that hold a sentence of the core's, which is said in the same language."""


def translated(text: str, **values: object) -> str:
    """``_`` of all templates: the text in the language of the request, its values filled in.

    Without values it may be a sentence of the core's, and so may be what stands in one of the places ``CORES``; what has no English stays
    Chinese.
    """
    if _current.get() != "en":
        return chinese(text, **values)
    said = english().get(text)
    if said is None and not values:
        said = core().say(text)
    given = {name: translated(value) if name in CORES and isinstance(value, str) else value for name, value in values.items()}
    return chinese(text if said is None else said, **given)
