"""The morning brief (班前会) of a team: one page, made to be printed, and what is heard together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import briefing, cutting, playlists, release, search
from qa.people.accounts import UserRole
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import EXAMPLES, STATES, clip_sound, logged, number
from qa.web.permissions import Permission
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

_SHOWN = 5


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
    ask.audit("briefing.view", "team", team, day=day.isoformat())
    return ask.render(
        "web/trainer/briefing.html.j2",
        title=_("班前会 {team} {day}", team=team, day=day.isoformat()),
        brief=made,
        topics=made.topics[:_SHOWN],
        kept=made.kept[:_SHOWN],
        few=briefing.FEW,
        before_days=briefing.BEFORE_DAYS,
        playlist=known,
        items=items,
        states=release.states(ask.store, [item.clip for item in items]),
        words=STATES,
        examples=EXAMPLES,
        may_cut=ask.may(Permission.CLIP),
        days=(day - timedelta(days=1), day + timedelta(days=1)),
        demo=made.demo,
    )


def make_playlist(ask: Ask) -> Response:
    """Cut the brief's clips into a playlist."""
    team, day = ask.params["team"], ask.form.day("day") or ask.today - timedelta(days=1)

    def also(playlist_id: int) -> None:
        ask.audit("briefing.playlist", "playlist", str(playlist_id), team=team, day=day.isoformat())

    _made, problems = briefing.make_playlist(ask.store, team, day, ask.user.name or ask.user.login, logged(ask), also)
    told = _("播放列表已备好，等质检员放行") + ("。" + "；".join(problems) if problems else "")
    return ask.redirect(address("/briefing/{team}", team=team, query={"day": day.isoformat()}), told)


def sound(ask: Ask) -> Response:
    """A released clip of the brief, also for the lead who holds it."""
    one = cutting.clip(ask.store, number(ask.params["clip_id"]))
    ask.listened(("clip", one.version.id), "clip.listen", "clip", str(one.id), version=one.version.id)
    return clip_sound(ask, one)
