"""What a rule book says against itself: wording that is both demanded and banned, and what no call can fulfil."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qa import patterns
from qa.lexicon import WILDCARD, WILDCARD_LENGTH, Phrase, WordList
from qa.rules.book import Rule
from qa.rules.expression import Expression, Name, Not, Or, Titled
from qa.rules.model import Condition, Say, Where, Who, Words
from qa.rules.read_impossible import impossible
from qa.rules.read_odd import Read, settings, walk
from qa.rules.read_when import both, covers
from qa.text import normalise
from qa.toml_lines import Key

_SLOT = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class _Ban:
    """A phrase that a rule forbids anywhere in the call."""

    rule: Rule
    text: str
    innocent: tuple[re.Pattern[str], ...]


def contradictions(book: Read) -> None:
    """Note in the book's document what can never hold (``impossible``), and all wording that one rule asks for and another bans: who
    keeps the one breaks the other.

    A wording that may be said in other ways contradicts only a ban that holds wherever the wording is asked for.
    """
    impossible(book)
    shared = {condition.id: condition for condition in book.conditions}
    slots = tuple(name for name, _ in book.slots)
    bans = [ban for rule in book.rules for ban in _bans(rule, shared, slots)]
    for rule in book.rules:
        for source in dict.fromkeys(_demands(rule, shared)):
            ban = _broken(source, rule, bans, slots)
            if ban is not None:
                key = _place(book.document.data["checks"][rule.id], source)
                cause = f"规范用语“{source}”含有规则 {ban.rule.id} 的禁语“{ban.text}”"
                book.document.problem(("checks", rule.id, *key), cause, "改写其中一处，或在词表里为这种说法写例外")


def _conditions(rule: Rule) -> dict[str, Condition]:
    """The rule's own conditions, those of its variants among them."""
    return {found.id: found for value in settings(rule) for found in walk(value) if isinstance(found, Condition)}


def _broken(source: str, rule: Rule, bans: list[_Ban], slots: tuple[str, ...]) -> _Ban | None:
    """A ban that the wording breaks: always, or, of one part, in whatever way it is said."""
    parts = _wordings(source, slots)
    text = "\n".join(wording for part in parts for wording in part)
    for ban in bans:
        if ban.text not in text or not _holds(text, ban) or not both(rule.when, ban.rule.when):
            continue
        if covers(ban.rule.when, rule.when) or any(all(_holds(wording, ban) for wording in part) for part in parts):
            return ban
    return None


def _holds(text: str, ban: _Ban) -> bool:
    """Whether the phrase stands somewhere in ``text`` (wordings, one a line) outside of its exceptions."""
    innocent = [found.span() for pattern in ban.innocent for found in pattern.finditer(text)]
    places = (found.start() for found in re.finditer(re.escape(ban.text), text))
    return any(not any(a <= at and at + len(ban.text) <= b for a, b in innocent) for at in places)


def _wordings(source: str, slots: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Everything that each part of a pattern may be, what the slots hold left open; () for one that cannot be read."""
    try:
        parts = patterns.parse(source, slots).parts
    except ValueError:
        return ()  # reported where it is read
    return tuple(tuple("\n".join(map(normalise, _SLOT.split(wording))) for wording in part.wordings) for part in parts)


def _demands(rule: Rule, shared: Mapping[str, Condition]) -> Iterator[str]:
    """Sources of the wordings that the rule asks the agent for."""
    known = {**shared, **_conditions(rule)}
    for params in settings(rule):
        for name in ("patterns", "patterns_out"):
            yield from getattr(params, name, ())
        steps = [step.say for step in getattr(params, "steps", ()) if step.who in (Who.AGENT, Who.ANYONE)]
        required = [known[name] for name in _positive(getattr(params, "require", None)) if name in known]
        says = [c.source for c in required if c.who in (Who.AGENT, Who.ANYONE) and isinstance(c.source, Say)]
        for say in (*steps, *says):
            yield from (*say.wordings, *say.permitted)


def _bans(rule: Rule, shared: Mapping[str, Condition], slots: tuple[str, ...]) -> Iterator[_Ban]:
    """Phrases that the rule forbids the agent whatever else is said."""
    known = {**shared, **_conditions(rule)}
    for params in settings(rule):
        sources: list[Any] = [value for value in vars(params).values() if isinstance(value, WordList)]
        if getattr(params, "trigger", None) is None and not getattr(params, "excuses", ()):
            conditions = (known[name] for name in _either(getattr(params, "forbid", None)) if name in known)
            sources += [c.source for c in conditions if _anywhere(c)]
        for source in sources:
            for phrase in _phrases(source, slots):
                innocent = tuple(_pattern(exception) for exception in phrase.exceptions)
                yield _Ban(rule, normalise(phrase.text), innocent)


def _anywhere(condition: Condition) -> bool:
    once = condition.times[0] <= 1 and condition.relation is None and condition.where == Where()
    return once and condition.who in (Who.AGENT, Who.ANYONE)


def _phrases(source: Any, slots: tuple[str, ...]) -> Iterator[Phrase]:
    words = source.words if isinstance(source, Words) else source
    if isinstance(words, WordList):
        yield from words.phrases
    elif isinstance(words, Say) and words.at_least <= 1:
        yield from (Phrase(text) for wording in words.wordings for text in _only_part(wording, slots) if text)


def _only_part(source: str, slots: tuple[str, ...]) -> tuple[str, ...]:
    """Wordings of a pattern of one part without slots: of more parts none is banned alone."""
    try:
        parts = patterns.parse(source, slots).parts
    except ValueError:
        return ()
    return tuple(w for w in parts[0].wordings if not _SLOT.search(w)) if len(parts) == 1 else ()


def _pattern(exception: str) -> re.Pattern[str]:
    text = unicodedata.normalize("NFKC", exception)
    return re.compile(f".{{0,{WILDCARD_LENGTH}}}".join(re.escape(normalise(part)) for part in text.split(WILDCARD)))


def _positive(expression: Expression | None, negated: bool = False) -> Iterator[str]:
    """Names that must hold, or may, for the expression to hold."""
    if isinstance(expression, Name):
        yield from () if negated else (expression.name,)
    elif isinstance(expression, Not):
        yield from _positive(expression.inner, not negated)
    elif expression is not None:
        for part in expression.parts:
            yield from _positive(part, negated)


def _either(expression: Expression | None) -> Iterator[str]:
    """Names of which each alone makes the expression hold."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Or | Titled):
        for part in expression.parts:
            yield from _either(part)


def _place(table: Any, text: str) -> Key:
    """Key of ``text`` below ``table``; the table's own where it is a default that the file does not write."""
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for name, value in items:
        if value == text:
            return (name,)
        if below := _place(value, text):
            return (name, *below)
    return ()
