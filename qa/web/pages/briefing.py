"""The morning brief (班前会) of a team: one page, made to be printed, and what is heard together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import briefing, cutting, playlists, release, search
from qa.people.accounts import UserRole
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import EXAMPLES, clip_sound, listed, logged, number
from qa.web.permissions import Permission
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

_SHOWN = 5
WHYS = {
    briefing.UNPREPARED: marked("培训师还没有备好片段"),
    briefing.NO_CALL: marked("这一天没有一通通过这一项"),
    briefing.UNINDEXED: marked("打码的规则更新了，这一天的通话还没有重新编入检索"),
    briefing.NO_WORDS: marked("这一天的通话里没有可剪的一段：没有文字，或太长"),
    briefing.NOT_CUT: marked("没有剪成（录音可能已不在），或已从播放列表移出"),
    release.WAITING: marked("片段已剪好，等质检员放行"),
    release.REFUSED: marked("质检员听过，没有放行"),
    release.WITHDRAWN: marked("放行已撤回"),
    release.OUTDATED: marked("旧规则遮蔽，需重新剪辑"),
}
"""Why an example cannot be heard."""


def choose(ask: Ask) -> Response:
    """Whose brief: a lead is led to the own team's."""
    if ask.user.role is UserRole.LEAD:
        if not ask.user.team:
            raise Refused(404, _("账号没有班组"))
        day = ask.query.day("day")
        return ask.redirect(address("/briefing/{team}", team=ask.user.team, query={"day": day.isoformat() if day else None}))
    if team := ask.query.text("team"):
        return ask.redirect(address("/briefing/{team}", team=team, query={"day": _day(ask, team).isoformat()}))
    return ask.render(
        "web/trainer/briefings.html.j2", title=_("班前会"), teams=[(t, t) for t in search.teams(ask.store)], day=_day(ask).isoformat()
    )


def _day(ask: Ask, team: str = "") -> date:
    """The day that is spoken of: where none is asked for, the newest before today that has calls (of the team)."""
    yesterday = ask.today - timedelta(days=1)
    return ask.query.day("day") or newest.day(ask.store, yesterday, team=team) or yesterday


def page(ask: Ask) -> Response:
    """The brief."""
    team, day = ask.params["team"], _day(ask, ask.params["team"])
    made = briefing.brief(ask.store, team, day)
    known = briefing.find_playlist(ask.store, team, day)
    items = playlists.items(ask.store, known.id) if known else ()
    missing = briefing.missing(ask.store, made, items if known else None)
    ask.audit("briefing.view", "team", team, day=day.isoformat())
    return ask.render(
        "web/trainer/briefing.html.j2",
        title=_("班前会 {team} {day}", team=team, day=day.isoformat()),
        brief=made,
        topics=made.topics[:_SHOWN],
        kept=made.kept[:_SHOWN],
        few=briefing.FEW,
        before_days=briefing.BEFORE_DAYS,
        items=items,
        **listed(ask, [item.clip for item in items]),
        missing=_missing(missing),
        may_cut=ask.may(Permission.CLIP),
        days=(day - timedelta(days=1), day + timedelta(days=1)),
        demo=made.demo,
    )


def _missing(found: Iterable[briefing.Missing]) -> list[tuple[str, str, list[str]]]:
    """What cannot be heard, why, and of which checks: those of one reason together, so that the brief stays on its page."""
    told: dict[tuple[str, str], list[str]] = {}
    for one in found:
        told.setdefault((_(EXAMPLES[one.example]), _(WHYS[one.why])), []).append(one.topic.title)
    return [(what, why, titles) for (what, why), titles in told.items()]


def make_playlist(ask: Ask) -> Response:
    """Cut the brief's clips into a playlist."""
    team, day = ask.params["team"], ask.form.day("day") or ask.today - timedelta(days=1)

    def also(playlist_id: int) -> None:
        ask.audit("briefing.playlist", "playlist", str(playlist_id), team=team, day=day.isoformat())

    _made, problems = briefing.make_playlist(ask.store, team, day, ask.user.name or ask.user.login, logged(ask), also)
    told = "。".join([marked("播放列表已备好，等质检员放行"), *(["；".join(problems)] if problems else [])])
    return ask.redirect(address("/briefing/{team}", team=team, query={"day": day.isoformat()}), _(told))


def sound(ask: Ask) -> Response:
    """A released clip of the brief, also for the lead who holds it."""
    return clip_sound(ask, cutting.clip(ask.store, number(ask.params["clip_id"])))
