"""Finding calls worth hearing: by check, outcome, team, words, sound and figures; redacted words only."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import index
from qa.clips import search as searching
from qa.clips.search import Limits, Question
from qa.errors import StoreError
from qa.export import mask_name
from qa.outcome_words import OUTCOMES
from qa.people.accounts import UserRole
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import ROLES
from qa.web.paging import Paging
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

_FIGURES = ("rate", "level", "silence", "length")
_MORE = ("speaker", "team", "agent", "since", "until", *(f"{name}_{end}" for name in _FIGURES for end in ("from", "to")))
SHOWN_BUDGET_S = 0.02
"""So long a search indexes what waits; what is left then is said on the page and indexed in the background (``qa serve``)."""


def page(ask: Ask) -> Response:
    """The form, and a page of what was found; with no condition at all only the form."""
    _catch_up(ask)
    asked, problem, found, count = _question(ask), "", None, 0
    if asked != Question():
        try:
            found = searching.search(ask.store, asked, ask.query.integer("after", 0) or None)
            count = searching.count(ask.store, asked)
        except StoreError as error:
            problem = f"{error.cause}。{error.cure}"
        conditions = sorted(k for k, v in ask.query.pairs().items() if v and k != "after")
        shown = [hit.scorecard_id for hit in found.hits] if found is not None else []
        ask.audit("search", "search", "", conditions=conditions, scorecards=shown)
    return ask.render(
        "web/trainer/search.html.j2",
        400 if problem else 200,
        title=_("找片段"),
        asked=ask.query.pairs(),
        problem=problem,
        found=found,
        count=count,
        counted=searching.COUNTED,
        paging=_paging(ask, found),
        teams=[(team, team) for team in searching.teams(ask.store)],
        checks=searching.checks(ask.store),
        outcomes=[(outcome.value, _(word)) for outcome, word in OUTCOMES.items()],
        more=any(ask.query.text(name) for name in _MORE),
        roles=ROLES,
        with_agent=ask.user.role is UserRole.QA,
        shown_id=mask_name,
        waiting=index.waiting(ask.store),
        seen=asked.check,
        example=asked.example or {"pass": "good", "fail": "bad"}.get(asked.outcome, ""),
    )


def _catch_up(ask: Ask) -> None:
    """A few calls that changed are indexed on the way; a database that is busy is left alone."""
    try:
        index.refresh(ask.store, budget_s=SHOWN_BUDGET_S)
    except StoreError:
        return


def _question(ask: Ask) -> Question:
    query = ask.query
    limits = {name: _limits(ask, name) for name in _FIGURES}
    since, until = query.day("since"), query.day("until")
    if since and until and until < since:
        raise Refused(400, _("结束日期早于开始日期"))
    return Question(
        words=query.text("words")[:50],
        by_sound=query.text("sound") == "1",
        speaker=query.one_of("speaker", ("", *searching.SPEAKERS), ""),
        check=query.text("check"),
        outcome=query.one_of("outcome", ("", *(o.value for o in OUTCOMES)), ""),
        example=query.one_of("example", ("", "good", "bad"), ""),
        team=query.text("team"),
        agent_id=query.text("agent") if ask.user.role is UserRole.QA else "",
        since=_day(since),
        until=_day(until),
        rate_cpm=limits["rate"],
        level_dbov=limits["level"],
        silence_s=limits["silence"],
        length_s=limits["length"],
    )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _limits(ask: Ask, name: str) -> Limits:
    return Limits(_number(ask, f"{name}_from"), _number(ask, f"{name}_to"))


def _number(ask: Ask, name: str) -> float | None:
    text = ask.query.text(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1000 <= value <= 100_000:
        raise Refused(400, _("“{name}”应是一个数", name=name))
    return value


def _paging(ask: Ask, found: searching.Page | None) -> Paging:
    """Forward by the last call shown; back is the browser's, or the first page again."""
    if found is None:
        return Paging()
    query = {k: v for k, v in ask.query.pairs().items() if k != "after" and v}
    first = address("/search", query=query) if ask.query.text("after") else ""
    after = address("/search", query=query | {"after": found.after}) if found.after else ""
    return Paging(first, after, "")
