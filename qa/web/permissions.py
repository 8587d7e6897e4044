"""Who may do what: the permissions and the roles that hold them, and the scopes within which they hold.

A route names one permission and one scope (``qa/web/routes.py``).  Without the permission the answer is 403; where the object is outside
the scope it is 404, the same as for an object that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from qa.people.accounts import ROLE_TITLES, User, UserRole
from qa.store import Store

AGENT, LEAD, QA, TRAINER, HR, ADMIN = UserRole
ALL = frozenset(UserRole)


class Permission(Enum):
    """Each with what it allows (Chinese) and the roles that hold it."""

    PUBLIC = ("不用登录就能看的页面：登录、出错说明", ALL)
    SIGNED_IN = ("首页、改自己的密码、退出", ALL)
    CALL = ("看通话的文字和评分、听录音：坐席限自己已公布的，班组长限本班组的", frozenset({AGENT, LEAD, QA}))
    OWN_RESULTS = ("看自己的成绩、确认、申诉", frozenset({AGENT}))
    REVIEW = ("复核：判定、角色、文字、评语；公布成绩；答复申诉", frozenset({QA}))
    APPEAL_LEAD = ("作为班组长答复本班组的申诉", frozenset({LEAD}))
    RULES = ("修改规则书的词表和限值，试算，启用", frozenset({QA}))
    SEARCH = ("按检查、结果、说法等查找片段（打码后的文字）", frozenset({QA, TRAINER}))
    CLIP = ("剪片段、听打码后的片段、编播放列表、导出", frozenset({QA, TRAINER}))
    CLIP_RELEASE = ("确认片段打码无误，放行", frozenset({QA}))
    BRIEFING = ("班前会材料：班组长限本班组", frozenset({LEAD, QA, TRAINER}))
    TEAM = ("班组的数字：班组长限本班组", frozenset({LEAD, QA, HR}))
    APPRAISAL = ("月度绩效表和它的导出：班组长限本班组", frozenset({LEAD, HR}))
    SIGN_OFF = ("核对本班组的月度绩效表并签字", frozenset({LEAD}))
    MONTH_CLOSE = ("关账、关账后的调整", frozenset({HR}))
    USERS = ("用户：新建、换岗位、重设密码、停用", frozenset({ADMIN}))
    AUDIT = ("查审计记录，核对它是否完好", frozenset({ADMIN}))
    OPERATION = ("运行状况、保存期限、备份", frozenset({ADMIN}))

    def __init__(self, text: str, roles: frozenset[UserRole]) -> None:
        self.text = text
        self.roles = roles


def may(user: User, permission: Permission) -> bool:
    """Whether the person's role holds the permission."""
    return user.role in permission.roles


def table() -> str:
    """Who may do what, as Markdown: ``docs/web.md`` holds it."""
    lines = ["| | " + " | ".join(ROLE_TITLES[role] for role in UserRole) + " |", "|---" * (1 + len(UserRole)) + "|"]
    for one in Permission:
        lines.append(f"| {one.text} | " + " | ".join("●" if role in one.roles else "" for role in UserRole) + " |")
    return "\n".join(lines)


# ---------------------------------------------------------------- scopes


@dataclass(frozen=True)
class Scope:
    """Which objects a route reaches: ``holds(store, user, params)``; ``name`` is what tests know it by (``tests/web_house.py``)."""

    name: str
    holds: Callable[[Store, User, Mapping[str, str]], bool]


def _call_in_reach(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``call_id``: an agent reaches own published calls, a lead the team's, QA all; a call that does not count is nobody's."""
    found = store.db.rows(
        "select c.agent_id, c.team from calls c where c.call_id = ? and exists"
        " (select 1 from current_scorecards s where s.call_id = c.call_id)",
        params["call_id"],
    )
    if not found:
        return False
    if user.role is AGENT:
        return bool(user.agent_id) and found[0]["agent_id"] == user.agent_id and published(store, params["call_id"])
    if user.role is LEAD:
        return bool(user.team) and found[0]["team"] == user.team
    return user.role is QA


def published(store: Store, call_id: str) -> bool:
    """Whether QA has published a scorecard of the call."""
    from qa.review import publications

    return publications.newest(store.db, call_id) is not None


def _agent_in_reach(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``agent_id``: an agent reaches themselves, a lead who had calls in the team (and sees these alone), QA and HR all who have
    calls."""
    if user.role is LEAD:
        sql = "select 1 from calls where agent_id = ? and +team = ? limit 1"  # +: the agent's calls are fewer than the team's
        return bool(user.team) and bool(store.db.rows(sql, params["agent_id"], user.team))
    if not store.db.rows("select 1 from calls where agent_id = ? limit 1", params["agent_id"]):
        return False
    return params["agent_id"] == user.agent_id if user.role is AGENT else user.role in (QA, HR)


def _team_in_reach(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``team``: a lead reaches the own one; QA, trainers and HR every one that has calls."""
    if user.role is LEAD:
        return bool(user.team) and params["team"] == user.team
    known = bool(store.db.rows("select 1 from calls where team = ? limit 1", params["team"]))
    return known and user.role in (QA, TRAINER, HR)


ANY = Scope("any", lambda store, user, params: True)
"""Nothing of anybody's in particular: the handler itself shows each person only what is theirs."""
CALL_IN_REACH = Scope("call", _call_in_reach)
AGENT_IN_REACH = Scope("agent", _agent_in_reach)
TEAM_IN_REACH = Scope("team", _team_in_reach)
