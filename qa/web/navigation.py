"""The navigation: a row a page, in order; a person sees the rows whose permission their role holds."""

from __future__ import annotations

from dataclasses import dataclass

from qa.people.accounts import User
from qa.web.language import marked
from qa.web.permissions import Permission, may


@dataclass(frozen=True)
class Entry:
    """``title`` is Chinese, marked for translation."""

    path: str
    title: str
    permission: Permission


NAVIGATION: tuple[Entry, ...] = (
    Entry("/", marked("首页"), Permission.SIGNED_IN),
    Entry("/my", marked("我的成绩"), Permission.OWN_RESULTS),
    Entry("/teams", marked("班组"), Permission.TEAM),
    Entry("/appraisal", marked("绩效表"), Permission.APPRAISAL),
    Entry("/months", marked("关账"), Permission.MONTH_CLOSE),
    Entry("/review", marked("复核"), Permission.REVIEW),
    Entry("/publish", marked("公布"), Permission.REVIEW),
    Entry("/appeals", marked("申诉"), Permission.REVIEW),
    Entry("/team/appeals", marked("申诉"), Permission.APPEAL_LEAD),
    Entry("/rules", marked("规则书"), Permission.RULES),
    Entry("/search", marked("找片段"), Permission.SEARCH),
    Entry("/clips", marked("片段"), Permission.CLIP),
    Entry("/release", marked("片段放行"), Permission.CLIP_RELEASE),
    Entry("/playlists", marked("播放列表"), Permission.CLIP),
    Entry("/briefing", marked("班前会"), Permission.BRIEFING),
    Entry("/users", marked("用户"), Permission.USERS),
    Entry("/audit", marked("审计记录"), Permission.AUDIT),
    Entry("/operation", marked("运行"), Permission.OPERATION),
)


def entries(user: User) -> tuple[Entry, ...]:
    """The rows that the person may open."""
    return tuple(one for one in NAVIGATION if may(user, one.permission))
