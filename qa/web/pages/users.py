"""Accounts: who there is, new ones, roles, passwords, who may log in; by the same functions as ``qa user``.

Every change asks for the administrator's own password: a desk left open is not enough to make an account.  A one-time password stands
in the answer to the change and nowhere else, neither in the database nor in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.errors import StoreError
from qa.people import accounts, passwords, second_factor
from qa.people.accounts import ROLE_TITLES, User, UserRole
from qa.review import queue
from qa.store import Store
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages.account import own_password
from qa.web.paging import Paging
from qa.web.permissions import Scope
from qa.web.refusals import Refused
from qa.web.wording import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qa.web.ask import Ask

ROWS = 50
LONGEST = 64
"""Characters of a name, a number, a team."""
STATES = {"active": marked("可以登录"), "one_time": marked("须改一次性密码"), "disabled": marked("已停用")}
CAUSES = (
    *(marked("已有这个登录名"), marked("登录名不能用"), marked("坐席的账号没有写工号"), marked("班组长的账号没有写班组")),
    marked("这是最后一个可用的管理员，不能停用，也不能换岗位"),
)
"""What :mod:`qa.people.accounts` refuses, in its own words: shown beside the form."""


def _known(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``user_id``: an account that there is."""
    number = params["user_id"]
    return (
        number.isascii() and number.isdigit() and len(number) < 18 and bool(store.db.rows("select 1 from users where id = ?", int(number)))
    )


USER_KNOWN = Scope("user", _known)


def state(user: User) -> str:
    """A key of ``STATES``."""
    return "disabled" if user.disabled else "one_time" if user.must_change else "active"


@dataclass(frozen=True)
class Handed:
    """A one-time password, to be handed over by word of mouth; it is shown once."""

    user: User
    password: str
    what: str


# ---------------------------------------------------------------- all of them


def listing(ask: Ask) -> Response:
    """All accounts by login, page by page; filters by words, role and state."""
    words = ask.query.text("words")[:LONGEST]
    role, wanted = ask.query.one_of("role", ["", *UserRole], ""), ask.query.one_of("state", ["", *STATES], "")
    start = ask.query.integer("from", 0, high=10**6)
    everybody = accounts.everybody(ask.store.db)
    found = [one for one in everybody if _fits(one, words, role, wanted)]
    ask.audit("user.list", "user", "", found=len(found))
    kept = {"words": words, "role": role, "state": wanted}
    return ask.render(
        "web/admin/users.html.j2",
        title=_("用户"),
        users=[(one, state(one)) for one in found[start : start + ROWS]],
        count=len(found),
        filters=kept,
        roles=_roles(),
        states=[(key, _(text)) for key, text in STATES.items()],
        tones={"active": "good", "one_time": "warn", "disabled": "plain"},
        words_of_state=STATES,
        titles=ROLE_TITLES,
        paging=_paging({key: value for key, value in kept.items() if value}, start, len(found)),
    )


def _fits(one: User, words: str, role: str, wanted: str) -> bool:
    text = accounts.normal(words)
    told = (one.login, accounts.normal(one.name), accounts.normal(one.agent_id), accounts.normal(one.team))
    return (not role or one.role == role) and (not wanted or state(one) == wanted) and any(text in part for part in told)


def _paging(kept: Mapping[str, object], start: int, count: int) -> Paging:
    def at(first: int) -> str:
        return address("/users", query={**kept, **({"from": first} if first else {})})

    last = min(count, start + ROWS)
    return Paging(at(max(0, start - ROWS)) if start else "", at(last) if last < count else "", f"{min(start + 1, last)}–{last} / {count}")


def _roles() -> list[tuple[str, str]]:
    return [(role.value, _(ROLE_TITLES[role])) for role in UserRole]


def _teams(ask: Ask) -> list[str]:
    """To choose from: teams of accounts, and of calls that wait for a look; any other may be typed."""
    own = {one.team for one in accounts.everybody(ask.store.db) if one.team}
    return sorted({*own, *queue.teams(ask.store.db)})


# ---------------------------------------------------------------- a new one


def adding(ask: Ask) -> Response:
    """The form of a new account."""
    return _add_form(ask)


def _add_form(ask: Ask, problem: str = "", status: int = 200) -> Response:
    typed = {name: ask.form.text(name) for name in ("login", "name", "role", "agent_id", "team")}
    return ask.render(
        "web/admin/user_add.html.j2",
        status,
        title=_("新建用户"),
        typed=typed,
        roles=_roles(),
        teams=_teams(ask),
        problem=problem,
        longest=LONGEST,
    )


def add(ask: Ask) -> Response:
    """Make an account with a one-time password."""
    if not own_password(ask, ask.form.raw("own")):
        return _add_form(ask, _("您的密码不对"), 403)
    try:
        role, number, team = _wanted(ask)
        wanted = User(0, ask.form.text("login"), _short(ask, "name"), role, number, team, must_change=True)
        password = passwords.one_time()
        made = accounts.add(ask.store.db, wanted, password, ask.user)
    except StoreError as error:
        return _add_form(ask, _problem(error), 400)
    return _page(ask, made, handed=Handed(made, password, _("已新建")))


def _wanted(ask: Ask) -> tuple[UserRole, str, str]:
    """Role, number and team of a form; what does not belong to the role is left out."""
    role = UserRole(ask.form.one_of("role", list(UserRole)))
    number = _short(ask, "agent_id") if role is UserRole.AGENT else ""
    return role, number, _short(ask, "team") if role in (UserRole.AGENT, UserRole.LEAD) else ""


def _short(ask: Ask, name: str) -> str:
    text = ask.form.text(name)
    if len(text) > LONGEST or not text.isprintable():
        raise Refused(400, _("“{name}”太长，或有不能显示的字符", name=name))
    return text


def _problem(error: StoreError) -> str:
    return _(error.cause) if error.cause in CAUSES else told(error)


# ---------------------------------------------------------------- one of them


def _one(ask: Ask) -> User:
    return accounts.by_id(ask.store.db, int(ask.params["user_id"]))


def page(ask: Ask) -> Response:
    """An account with what can be changed of it."""
    one = _one(ask)
    ask.audit("user.view", "user", str(one.id))
    return _page(ask, one)


def _page(ask: Ask, one: User, problem: str = "", status: int = 200, handed: Handed | None = None) -> Response:
    """The page of an account; ``handed`` is shown on it, this once."""
    return ask.render(
        "web/admin/user.html.j2",
        status,
        title=one.name or one.login,
        one=one,
        own=one.id == ask.user.id,
        state=(_(STATES[state(one)]), {"active": "good", "one_time": "warn"}.get(state(one), "plain")),
        role_of=_(ROLE_TITLES[one.role]),
        roles=_roles(),
        teams=_teams(ask),
        problem=problem,
        handed=handed,
        longest=LONGEST,
        factor=second_factor.of(ask.store.db, one.id),
    )


def _changed(ask: Ask, change: Callable[[User], User], told: str) -> Response:
    """Ask for the own password, make the change, tell of it on the account's page."""
    one = _one(ask)
    if not own_password(ask, ask.form.raw("own")):
        return _page(ask, one, _("您的密码不对"), 403)
    try:
        made = change(one)
    except StoreError as error:
        return _page(ask, one, _problem(error), 409)
    return ask.redirect(address("/users/{user_id}", user_id=str(made.id)), notice=told)


def set_role(ask: Ask) -> Response:
    """Another role, number or team; the person is logged out everywhere."""
    return _changed(ask, lambda one: accounts.set_role(ask.store.db, one.login, *_wanted(ask), by=ask.user), _("已更改"))


def set_state(ask: Ask) -> Response:
    """Let nobody log in to the account, or again."""
    disabled = ask.form.one_of("state", ("disabled", "active")) == "disabled"
    told = _("已停用，正在使用的网页都已退出") if disabled else _("已恢复")
    return _changed(ask, lambda one: accounts.set_disabled(ask.store.db, one.login, disabled, ask.user), told)


def reset(ask: Ask) -> Response:
    """A one-time password in the place of one that was forgotten, and no second factor any more.  The own password is changed on its page,
    where the present one is known."""
    one = _one(ask)
    if one.id == ask.user.id:
        raise Refused(409, _("自己的密码请用“修改密码”更改"))
    if not own_password(ask, ask.form.raw("own")):
        return _page(ask, one, _("您的密码不对"), 403)
    password = passwords.one_time()
    made = accounts.set_password(ask.store.db, one.login, password, ask.user, must_change=True, reset=True)
    return _page(ask, made, handed=Handed(made, password, _("已重设密码")))
