"""Names and numbers taken out of what people write about calls, as they are out of the words of a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from qa.clips import names
from qa.clips.earlier import transcripts
from qa.clips.heard import Stream, streams, written
from qa.clips.index import known_names
from qa.clips.redaction import HIDDEN
from qa.errors import NotFoundError, StoreError
from qa.export import mask_text
from qa.store import Store
from qa.types import Call


def masker(store: Store, call_id: str = "", call: Call | None = None) -> Callable[[str], str]:
    """What takes numbers and names out of a text that people wrote (about a call, which may be loaded already).

    Numbers as :func:`qa.export.mask_text`; names: those of the house's agents, by sound what the redaction of the call takes for a name in
    it, and what plainly is one (王女士, 姓王).
    """
    try:
        call = call or store.call(call_id)
    except (StoreError, NotFoundError):
        call = None
    number = number_of(store, call_id)
    heard = names.heard(streams(call, transcripts(store, call_id, call)), _agent(call)) if call is not None else frozenset()
    agents = sorted((n for n in (*known_names(store), *_agent(call)) if len(n) > 1), key=len, reverse=True)
    exact = re.compile("|".join(map(re.escape, agents)) or r"(?!)", re.IGNORECASE)

    def masked(text: str) -> str:
        stream = written(text)
        places = [place for start, end in _named(stream, heard) for place in _written_as(stream, start, end)]
        characters = list(text)
        for start, end in (*places, *(found.span() for found in exact.finditer(text))):
            characters[start:end] = [HIDDEN if c.isalnum() else c for c in characters[start:end]]
        return mask_text("".join(characters), number)

    return masked


def number_of(store: Store, call_id: str) -> str:
    """The customer's number of a call, '' where it is not known: what people write about the call is masked with it."""
    found = store.db.rows("select customer_number from calls where call_id = ?", call_id)
    return str(found[0]["customer_number"] or "") if found else ""


def _agent(call: Call | None) -> tuple[str, ...]:
    return (call.record.agent_name,) if call is not None and call.record and call.record.agent_name else ()


def _named(stream: Stream, heard: Iterable[str]) -> Iterator[tuple[int, int]]:
    yield from names.written(stream)
    for name in heard:
        yield from names.sounding(stream, name)


def _written_as(stream: Stream, start: int, end: int) -> Iterator[tuple[int, int]]:
    for character in stream.characters[start:end]:
        if character.place is not None:
            yield character.place[1:]
