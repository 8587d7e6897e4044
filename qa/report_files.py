"""Reports out of the database: single pages, and a folder with all pages of a run and an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from qa import report
from qa.appraisal import undated
from qa.books import Books
from qa.scorecards import agent_scorecard
from qa.store import Store


def call_page(store: Store, call_id: str, books: Books | None = None) -> Iterator[str]:
    """The page of one call in pieces (:func:`qa.report.write`); ``books``: those already read, where many pages are made."""
    card = store.scorecard(call_id)
    return report.call_pieces(store.call(call_id), card, book=(books or Books(store)).known(card.provenance))


def agent_page(
    store: Store,
    agent_id: str,
    since: str | None = None,
    until: str | None = None,
    link: Callable[[str], str | None] = lambda call_id: None,
) -> str:
    """The page of one agent, with clips of the worst and the best calls."""
    calls = store.calls(agent_id, since, until)
    card = agent_scorecard(calls, agent_id, since, until)
    card = replace(card, notes=(*card.notes, *undated.notes(store.db, agent_id, bool(since or until))))
    extremes = [(store.call(c.call_id), store.scorecard(c.call_id)) for c in (*card.worst, *card.best)]
    return report.agent_report(card, extremes, calls, link=link)


def write_folder(store: Store, call_ids: Sequence[str], agent_ids: Sequence[str], folder: Path) -> Path:
    """Write a page for each call and each agent and ``index.html``; returns the index.

    An agent's page shows all stored calls of that agent and links those whose page lies in this folder.
    """
    names, books = {}, Books(store)
    for call_id in dict.fromkeys(call_ids):
        record = store.call(call_id).record
        names[call_id] = report.file_name("call", call_id, record.customer_number if record else "")
        report.write(folder / names[call_id], call_page(store, call_id, books))
    agents = {agent: report.file_name("agent", agent) for agent in agent_ids}
    for agent, name in agents.items():
        report.write(folder / name, agent_page(store, agent, link=names.get))
    listed = [c for c in store.calls() if c.call_id in names]
    report.write(folder / "index.html", report.index_page(listed, names, agents))
    return folder / "index.html"
