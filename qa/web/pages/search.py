"""Finding calls worth hearing: by check, outcome, team, words, sound and figures; redacted words only."""

from __future__ import annotations

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
from qa.web.ask import plain_day
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import ROLES
from qa.web.paging import Paging
from qa.web.wording import told

if TYPE_CHECKING:
    from qa.web.ask import Ask, Fields

_FIGURES = {
    "rate": marked("语速（字/分钟）"),
    "level": marked("坐席音量（dBov）"),
    "silence": marked("最长静音（秒）"),
    "length": marked("通话时长（秒）"),
}
_ENDS = {"from": marked("最小"), "to": marked("最大")}
_MORE = ("speaker", "team", "agent", "since", "until", *(f"{name}_{end}" for name in _FIGURES for end in _ENDS))
LOWEST, HIGHEST = -1000, 100_000
"""Between these is every figure that a call can have."""
SHOWN_BUDGET_S = 0.02
"""So long a search indexes what waits; what is left then is said on the page and indexed in the background (``qa serve``)."""


def page(ask: Ask) -> Response:
    """The form, and a page of what was found; with no condition at all, or with a wrong one, only the form."""
    _catch_up(ask)
    (asked, bad), problem, found, count = _question(ask), "", None, 0
    if not bad and asked != Question():
        try:
            found = searching.search(ask.store, asked, ask.query.integer("after", 0) or None)
            count = searching.count(ask.store, asked)
        except StoreError as error:
            problem = told(error)
        conditions = sorted(k for k, v in ask.query.pairs().items() if v and k != "after")
        shown = [hit.scorecard_id for hit in found.hits] if found is not None else []
        ask.audit("search", "search", "", conditions=conditions, scorecards=shown)
    return ask.render(
        "web/trainer/search.html.j2",
        400 if problem or bad else 200,
        title=_("找片段"),
        asked=ask.query.pairs(),
        bad=bad,
        ranges={name: _(label) for name, label in _FIGURES.items()},
        names=_names(),
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
        unfinished=index.unfinished(ask.store),
        seen=asked.check,
    )


def _names() -> dict[str, str]:
    """What the fields are called that may be wrong."""
    ranges = {f"{name}_{end}": f"{_(label)} {_(side)}" for name, label in _FIGURES.items() for end, side in _ENDS.items()}
    return {"since": _("从哪天"), "until": _("到哪天"), **ranges}


def _catch_up(ask: Ask) -> None:
    """A few calls that changed are indexed on the way; a database that is busy is left alone."""
    try:
        index.refresh(ask.store, budget_s=SHOWN_BUDGET_S)
    except StoreError:
        return


def _question(ask: Ask) -> tuple[Question, dict[str, str]]:
    """What is asked for; and a sentence for each field that says no figure or no day, or a range that ends before it begins.

    Refused (400) where a choice is none of its list: no form sends that.
    """
    query, bad = ask.query, dict[str, str]()
    limits = {name: _limits(query, name, bad) for name in _FIGURES}
    since, until = (_day(query, name, bad) for name in ("since", "until"))
    if since and until and until < since:
        bad["until"] = _("结束日期早于开始日期")
    asked = Question(
        words=query.text("words")[:50],
        by_sound=query.text("sound") == "1",
        speaker=query.one_of("speaker", ("", *searching.SPEAKERS), ""),
        check=query.text("check"),
        outcome=query.one_of("outcome", ("", *(o.value for o in OUTCOMES)), ""),
        example=query.one_of("example", ("", "good", "bad"), ""),
        team=query.text("team"),
        agent_id=query.text("agent") if ask.user.role is UserRole.QA else "",
        since=since,
        until=until,
        rate_cpm=limits["rate"],
        level_dbov=limits["level"],
        silence_s=limits["silence"],
        length_s=limits["length"],
    )
    return asked, bad


def _day(query: Fields, name: str, bad: dict[str, str]) -> str | None:
    text = query.text(name)
    if text and plain_day(text) is None:
        bad[name] = _("请写日期，如 2025-06-01")
        return None
    return text or None


def _limits(query: Fields, name: str, bad: dict[str, str]) -> Limits:
    found = Limits(_number(query, f"{name}_from", bad), _number(query, f"{name}_to", bad))
    if found.low is not None and found.high is not None and found.high < found.low:
        bad[f"{name}_to"] = _("最大的数比最小的还小")
    return found


def _number(query: Fields, name: str, bad: dict[str, str]) -> float | None:
    text = query.text(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not LOWEST <= value <= HIGHEST:
        bad[name] = _("请写 {low} 到 {high} 的数", low=LOWEST, high=HIGHEST)
        return None
    return value


def _paging(ask: Ask, found: searching.Page | None) -> Paging:
    """Forward by the last call shown; back is the browser's, or the first page again."""
    if found is None:
        return Paging()
    query = {k: v for k, v in ask.query.pairs().items() if k != "after" and v}
    first = address("/search", query=query) if ask.query.text("after") else ""
    after = address("/search", query=query | {"after": found.after}) if found.after else ""
    return Paging(first, after, "")
