"""The one table of all addresses: what answers, who may ask, and within which scope.  The app is built from it alone.

A line is ``Page(method, path, handler, permission, scope)``.  Parameters of a path are written ``{name}``.  The first line that fits
answers, so fixed paths stand before paths with parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from qa.web import assets
from qa.web.pages import (
    account,
    agent,
    appeals,
    audit,
    briefing,
    call,
    clips,
    hr,
    operation,
    playlists,
    publish,
    queue,
    review,
    rules,
    search,
    second_factor,
    start,
    static,
    team,
    users,
)
from qa.web.pages.agent import OWN_APPEAL
from qa.web.pages.appeals import APPEAL_IN_REACH
from qa.web.pages.rules import DRAFT_KNOWN
from qa.web.pages.trainer_parts import BRIEF_CLIP, CLIP_KNOWN, PLAYLIST_KNOWN, SEARCHED
from qa.web.pages.users import USER_KNOWN
from qa.web.permissions import AGENT_IN_REACH, ANY, CALL_IN_REACH, TEAM_IN_REACH, Permission, Scope

if TYPE_CHECKING:
    from qa.web.ask import Ask


@dataclass(frozen=True)
class Page:
    """``even_owing``: also for somebody who has first to deal with one of these pages (``Ask.owed``); ``plain``: answered at once, without
    a store.  ``costly``: takes long or takes much away, and is limited more closely (``Settings.costly_rate``).

    ``largest``: bytes of a form.  ``own_transaction``: the handler puts its changes and their rows of the log into transactions of its own
    (where it works long, or only tries a password); else all that it does is one transaction.
    """

    method: str
    path: str
    handler: Callable[[Ask], Response]
    permission: Permission
    scope: Scope = ANY
    even_owing: tuple[str, ...] = ()
    plain: Callable[[Request], Response] | None = None
    largest: int = 4 << 20
    own_transaction: bool = False
    costly: bool = False


SMALL = 64 << 10
"""Bytes of a form that is read before anybody is known, or that holds a few words."""
OWED = ("/password",)
FACTOR = ("/second-factor",)
"""What is reachable for somebody who owes a password of their own; and a second factor."""


ROUTES: tuple[Page, ...] = (
    # account and start
    Page("GET", "/login", account.login, Permission.PUBLIC),
    Page("POST", "/login", account.log_in, Permission.PUBLIC, largest=SMALL, own_transaction=True),
    Page("GET", "/login/code", second_factor.code, Permission.PUBLIC),
    Page("POST", "/login/code", second_factor.prove, Permission.PUBLIC, largest=SMALL, own_transaction=True),
    Page("POST", "/language", account.language, Permission.PUBLIC, largest=SMALL, own_transaction=True),
    Page("POST", "/logout", account.log_out, Permission.SIGNED_IN, even_owing=(*OWED, *FACTOR)),
    Page("GET", "/password", account.password, Permission.SIGNED_IN, even_owing=OWED),
    Page("POST", "/password", account.change_password, Permission.SIGNED_IN, even_owing=OWED, largest=SMALL, own_transaction=True),
    Page("GET", "/sessions", account.logins, Permission.SIGNED_IN),
    Page("POST", "/sessions", account.end_logins, Permission.SIGNED_IN, largest=SMALL, own_transaction=True),
    Page("GET", "/second-factor", second_factor.page, Permission.SIGNED_IN, even_owing=FACTOR),
    Page("POST", "/second-factor/begin", second_factor.begin, Permission.SIGNED_IN, even_owing=FACTOR, largest=SMALL, own_transaction=True),
    Page("POST", "/second-factor/confirm", second_factor.confirm, Permission.SIGNED_IN, even_owing=FACTOR, largest=SMALL),
    Page("POST", "/second-factor/codes", second_factor.codes, Permission.SIGNED_IN, largest=SMALL, own_transaction=True),
    Page("POST", "/second-factor/off", second_factor.off, Permission.SIGNED_IN, largest=SMALL, own_transaction=True),
    Page("GET", "/", start.start, Permission.SIGNED_IN),
    Page("GET", assets.PATH, static.missing, Permission.PUBLIC, plain=static.file),
    # one call
    Page("GET", "/calls/{call_id}", call.page, Permission.CALL, CALL_IN_REACH),
    Page("GET", "/calls/{call_id}/audio", call.audio, Permission.CALL, CALL_IN_REACH),
    # review, publishing, appeals, rules
    Page("GET", "/review", queue.page, Permission.REVIEW),
    Page("POST", "/review/assign", queue.assign, Permission.REVIEW),
    Page("GET", "/review/{call_id}", review.page, Permission.REVIEW, CALL_IN_REACH),
    Page("POST", "/review/{call_id}/verdict", review.verdict, Permission.REVIEW, CALL_IN_REACH, own_transaction=True),
    Page("POST", "/review/{call_id}/roles", review.roles, Permission.REVIEW, CALL_IN_REACH, own_transaction=True),
    Page("POST", "/review/{call_id}/text", review.text, Permission.REVIEW, CALL_IN_REACH, own_transaction=True),
    Page("POST", "/review/{call_id}/finish", review.finish, Permission.REVIEW, CALL_IN_REACH),
    Page("GET", "/sampling", queue.plan, Permission.REVIEW),
    Page("POST", "/sampling", queue.draw, Permission.REVIEW, own_transaction=True, costly=True),
    Page("GET", "/publish", publish.page, Permission.REVIEW),
    Page("POST", "/publish", publish.publish, Permission.REVIEW),
    Page("POST", "/publish/{call_id}/retract", publish.retract, Permission.REVIEW, CALL_IN_REACH),
    Page("GET", "/appeals", appeals.all_list, Permission.REVIEW),
    Page("GET", "/appeals/{appeal_id}", appeals.page, Permission.REVIEW, APPEAL_IN_REACH),
    Page("POST", "/appeals/{appeal_id}", appeals.answer, Permission.REVIEW, APPEAL_IN_REACH, own_transaction=True),
    Page("GET", "/team/appeals", appeals.team_list, Permission.APPEAL_LEAD),
    Page("GET", "/team/appeals/{appeal_id}", appeals.page, Permission.APPEAL_LEAD, APPEAL_IN_REACH),
    Page("POST", "/team/appeals/{appeal_id}", appeals.answer, Permission.APPEAL_LEAD, APPEAL_IN_REACH, own_transaction=True),
    Page("GET", "/rules", rules.page, Permission.RULES),
    Page("POST", "/rules", rules.begin, Permission.RULES),
    Page("GET", "/rules/overturned", queue.rules, Permission.RULES),
    Page("GET", "/rules/{draft}", rules.draft, Permission.RULES, DRAFT_KNOWN),
    Page("POST", "/rules/{draft}", rules.change, Permission.RULES, DRAFT_KNOWN),
    Page("GET", "/rules/{draft}/try", rules.attempt, Permission.RULES, DRAFT_KNOWN, costly=True),
    Page("POST", "/rules/{draft}/adopt", rules.adopt, Permission.RULES, DRAFT_KNOWN),
    # trainer
    Page("GET", "/search", search.page, Permission.SEARCH, costly=True),
    Page("GET", "/search/{card}/cut", clips.cutter, Permission.CLIP, SEARCHED),
    Page("POST", "/search/{card}/cut", clips.cut, Permission.CLIP, SEARCHED, own_transaction=True, costly=True),
    Page("GET", "/search/{card}/sound", clips.window_sound, Permission.CLIP, SEARCHED, costly=True),
    Page("GET", "/clips", clips.listing, Permission.CLIP),
    Page("GET", "/clips/{clip_id}", clips.page, Permission.CLIP, CLIP_KNOWN),
    Page("GET", "/clips/{clip_id}/sound", clips.sound, Permission.CLIP, CLIP_KNOWN),
    Page("GET", "/clips/{clip_id}/edit", clips.editor, Permission.CLIP, CLIP_KNOWN),
    Page("POST", "/clips/{clip_id}/edit", clips.edit, Permission.CLIP, CLIP_KNOWN, own_transaction=True, costly=True),
    Page("POST", "/clips/{clip_id}/delete", clips.delete, Permission.CLIP, CLIP_KNOWN),
    Page("POST", "/clips/{clip_id}/decision", clips.decide, Permission.CLIP_RELEASE, CLIP_KNOWN),
    Page("GET", "/clips/{clip_id}/export/{kind}", clips.single, Permission.CLIP, CLIP_KNOWN, costly=True),
    Page("GET", "/release", clips.queue, Permission.CLIP_RELEASE),
    Page("GET", "/playlists", playlists.listing, Permission.CLIP),
    Page("POST", "/playlists", playlists.create, Permission.CLIP),
    Page("GET", "/playlists/{playlist_id}", playlists.page, Permission.CLIP, PLAYLIST_KNOWN),
    Page("POST", "/playlists/{playlist_id}", playlists.change, Permission.CLIP, PLAYLIST_KNOWN),
    Page("POST", "/playlists/{playlist_id}/delete", playlists.delete, Permission.CLIP, PLAYLIST_KNOWN),
    Page("POST", "/playlists/{playlist_id}/items", playlists.add, Permission.CLIP, PLAYLIST_KNOWN),
    Page("POST", "/playlists/{playlist_id}/items/{item_id}", playlists.item, Permission.CLIP, PLAYLIST_KNOWN),
    Page("POST", "/playlists/{playlist_id}/notes", playlists.confirm, Permission.CLIP_RELEASE, PLAYLIST_KNOWN),
    Page("GET", "/playlists/{playlist_id}/export", playlists.packed, Permission.CLIP, PLAYLIST_KNOWN, costly=True),
    Page("GET", "/briefing", briefing.choose, Permission.BRIEFING),
    Page("GET", "/briefing/{team}", briefing.page, Permission.BRIEFING, TEAM_IN_REACH),
    Page("POST", "/briefing/{team}/playlist", briefing.make_playlist, Permission.CLIP, TEAM_IN_REACH, own_transaction=True, costly=True),
    Page("GET", "/briefing/{team}/{day}/clips/{clip_id}/sound", briefing.sound, Permission.BRIEFING, BRIEF_CLIP),
    # agents, team leads, HR
    Page("GET", "/my", agent.page, Permission.OWN_RESULTS),
    Page("GET", "/my/calls/{call_id}", agent.card, Permission.OWN_RESULTS, CALL_IN_REACH),
    Page("POST", "/my/calls/{call_id}/acknowledge", agent.acknowledge, Permission.OWN_RESULTS, CALL_IN_REACH),
    Page("GET", "/my/calls/{call_id}/appeal", agent.appeal_form, Permission.OWN_RESULTS, CALL_IN_REACH),
    Page("POST", "/my/calls/{call_id}/appeal", agent.file_appeal, Permission.OWN_RESULTS, CALL_IN_REACH),
    Page("GET", "/my/appeals", agent.appeal_list, Permission.OWN_RESULTS),
    Page("GET", "/my/appeals/{appeal_id}", agent.appeal, Permission.OWN_RESULTS, OWN_APPEAL),
    Page("POST", "/my/appeals/{appeal_id}", agent.go_on, Permission.OWN_RESULTS, OWN_APPEAL),
    Page("GET", "/teams", team.choose, Permission.TEAM),
    Page("GET", "/teams/{team}", team.page, Permission.TEAM, TEAM_IN_REACH),
    Page("POST", "/teams/{team}/sign", team.sign, Permission.SIGN_OFF, TEAM_IN_REACH, own_transaction=True),
    Page("GET", "/agents/{agent_id}", team.agent, Permission.TEAM, AGENT_IN_REACH),
    Page("GET", "/appraisal", hr.table, Permission.APPRAISAL),
    Page("GET", "/appraisal/print", hr.printed, Permission.APPRAISAL, costly=True),
    Page("GET", "/appraisal/xlsx", hr.xlsx, Permission.APPRAISAL, costly=True),
    Page("GET", "/appraisal/csv", hr.csv, Permission.APPRAISAL, costly=True),
    Page("GET", "/months", hr.months, Permission.MONTH_CLOSE),
    Page("POST", "/months/close", hr.close, Permission.MONTH_CLOSE, own_transaction=True, costly=True),
    Page("POST", "/months/adjust", hr.adjust, Permission.MONTH_CLOSE, own_transaction=True),
    # administrators: accounts and the audit log
    Page("GET", "/users", users.listing, Permission.USERS),
    Page("GET", "/users/add", users.adding, Permission.USERS),
    Page("POST", "/users/add", users.add, Permission.USERS, largest=SMALL, own_transaction=True),
    Page("GET", "/users/{user_id}", users.page, Permission.USERS, USER_KNOWN),
    Page("POST", "/users/{user_id}/role", users.set_role, Permission.USERS, USER_KNOWN, largest=SMALL, own_transaction=True),
    Page("POST", "/users/{user_id}/reset", users.reset, Permission.USERS, USER_KNOWN, largest=SMALL, own_transaction=True),
    Page("POST", "/users/{user_id}/state", users.set_state, Permission.USERS, USER_KNOWN, largest=SMALL, own_transaction=True),
    Page("GET", "/audit", audit.page, Permission.AUDIT),
    Page("POST", "/audit/verify", audit.verify, Permission.AUDIT, largest=SMALL, own_transaction=True, costly=True),
    # operation
    Page("GET", "/healthz", operation.live_page, Permission.PUBLIC, plain=operation.live),
    Page("GET", "/healthz/ready", operation.ready, Permission.PUBLIC),
    Page("GET", "/metrics", operation.figures, Permission.OPERATION),
    Page("GET", "/operation", operation.page, Permission.OPERATION),
)
