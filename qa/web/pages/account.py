"""Login, logout, language and password.

Who is not let in always reads the same words, after the same work, whether or not there is such an account.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.database import Database
from qa.errors import StoreError
from qa.people import accounts, audit, passwords, second_factor, sessions, throttle
from qa.people.accounts import User
from qa.web import security
from qa.web.addresses import address
from qa.web.language import LANGUAGES
from qa.web.language import translated as _
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

_YEAR_S = 365 * 24 * 3600
LONGEST_NEXT = 2000


def login(ask: Ask) -> Response:
    """The form; somebody who is logged in already is led on."""
    if ask.session is not None:
        return ask.redirect(security.inside(ask.query.text("next", "/")))
    return _form(ask, ask.query.text("next", "/"))


def asked_again(ask: Ask, onward: str, typed: tuple[str, ...]) -> Response:
    """The form (401) in the place of what somebody has sent whose session has ended; ``typed``: the texts that were written there."""
    return _form(ask, onward, _("登录已过期，刚才的内容没有保存。请重新登录，再提交一次"), 401, typed)


def _form(ask: Ask, onward: str, problem: str = "", status: int = 200, typed: tuple[str, ...] = ()) -> Response:
    token = ask.csrf or secrets.token_urlsafe(32)
    ask.csrf = token
    onward = security.inside(onward)[:LONGEST_NEXT]
    answer = ask.render("web/login.html.j2", status, title=_("登录"), onward=onward, problem=problem, typed=typed)
    security.set_cookie(answer, ask.settings, security.LOGIN, token)
    return answer


def log_in(ask: Ask) -> Response:
    """Check name and password; begin a new session, or wait for the code of the account's second factor.

    While the code is to come the attempt goes on counting as one that failed: a right password does not make guessing codes cheaper.
    """
    db, name, password = ask.store.db, ask.form.text("login"), ask.form.raw("password")
    onward = ask.form.text("next", "/")
    if not throttle.attempt(db, name, ask.client_address, ask.epoch):
        return _form(ask, onward, _("尝试太多，请 15 分钟后再试"), 429)
    user, kept = accounts.password_hash(db, name)
    right = passwords.matches(kept, password)
    with db.writing():  # what was right is to be so still: no session goes past a reset or a second factor of the same moment
        if right and user is not None and kept is not None and accounts.password_hash(db, name) == (user, kept):
            if passwords.outdated(kept):
                accounts.rehash(db, user, password)
            return entered(ask, user, onward) if second_factor.of(db, user.id) is None else _asked_for_code(ask, user, onward)
        audit.record(db, _known_or_not(db, name), "login.failed", "login", "", {"address": ask.client_address})
    return _form(ask, onward, _("登录名或密码不对"), 403)


def _asked_for_code(ask: Ask, user: User, onward: str) -> Response:
    token = sessions.wait(ask.store.db, user, ask.epoch)
    audit.record(ask.store.db, user, "login.password", "user", str(user.id), {"address": ask.client_address})
    answer = ask.redirect(address("/login/code", query={"next": security.inside(onward)[:LONGEST_NEXT]}))
    security.set_cookie(answer, ask.settings, security.WAITING, token, sessions.WAITING_S)
    return answer


def entered(ask: Ask, user: User, onward: str, **details: object) -> Response:
    """All that was asked for is proved: a new session, in the place of the one that this browser had; on to the page that was wanted."""
    db = ask.store.db
    with db.writing():
        if ask.session is not None:
            sessions.end(db, ask.session.digest)
        throttle.succeeded(db, user.login, ask.client_address)
        token = sessions.begin(db, user, ask.epoch)
        audit.record(db, user, "login", "user", str(user.id), {"address": ask.client_address, **details})
    answer = ask.redirect("/password" if user.must_change else security.inside(onward))
    security.set_cookie(answer, ask.settings, security.SESSION, token, sessions.ABSOLUTE_S)
    for name in (security.LOGIN, security.WAITING):
        security.drop_cookie(answer, ask.settings, name)
    return answer


def _known_or_not(db: Database, login: str) -> str:
    """For the log: the login where there is such an account; else nothing, for people type passwords into the wrong field."""
    found = db.rows("select login from users where login = ?", accounts.normal(login))
    return str(found[0]["login"]) if found else "?"


def log_out(ask: Ask) -> Response:
    """End the session, here and on the server."""
    if ask.session is not None:
        ask.audit("logout", "user", str(ask.user.id))
        sessions.end(ask.store.db, ask.session.digest)
    answer = ask.redirect("/login")
    security.drop_cookie(answer, ask.settings, security.SESSION)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def language(ask: Ask) -> Response:
    """Chinese or English, kept in a cookie."""
    answer = ask.redirect(security.inside(ask.form.text("next", "/")))
    security.set_cookie(answer, ask.settings, security.LANGUAGE, ask.form.one_of("lang", LANGUAGES), _YEAR_S)
    return answer


def password(ask: Ask) -> Response:
    """The form for another password."""
    return ask.render("web/password.html.j2", title=_("修改密码"), problem="", shortest=passwords.SHORTEST)


def _in_words(error: StoreError) -> str:
    """What is wrong with a new password, in the language of the page."""
    if error.cause == passwords.TOO_WEAK:
        return _("太常见或太容易猜到：可以用几个不相干的词连起来，不要用名字、日期和键盘顺序")
    long = error.cause == passwords.TOO_LONG.format(n=passwords.LONGEST)
    return _("太长，最多 {n} 个字符", n=passwords.LONGEST) if long else _("太短，至少要 {n} 个字符", n=passwords.SHORTEST)


def own_password(ask: Ask, typed: str, code: str | None = None) -> bool:
    """Whether somebody who is logged in knows the own password: asked before what a desk left open should not be enough for.

    With ``code`` that of the account's second factor has to be right as well, where it has one.  Counted like a login.  Refused (429) after
    too many failures.
    """
    db, user = ask.store.db, ask.user
    if not throttle.attempt(db, user.login, ask.client_address, ask.epoch):
        raise Refused(429, _("尝试太多，请 15 分钟后再试"))
    _user, kept = accounts.password_hash(db, user.login)
    if not passwords.matches(kept, typed):
        ask.audit("password.failed", "user", str(user.id), address=ask.client_address)
        return False
    guarded = second_factor.of(db, user.id) is not None
    if guarded and code is None:  # the password alone does not make guessing codes cheaper
        throttle.taken_back(db, user.login, ask.client_address, ask.epoch)
        return True
    if guarded and not second_factor.check(db, user, code or "", ask.epoch):
        return False
    throttle.succeeded(db, user.login, ask.client_address)
    return True


def change_password(ask: Ask) -> Response:
    """Another password, with the present one as proof; all sessions end, and a new one begins here."""
    db, user, new = ask.store.db, ask.user, ask.form.raw("new")
    problem = ""
    if not own_password(ask, ask.form.raw("present")):
        problem = _("现在的密码不对")
    elif new != ask.form.raw("again"):
        problem = _("两次输入的新密码不一样")
    elif new == ask.form.raw("present"):
        problem = _("新密码和现在的一样")
    else:
        try:
            accounts.set_password(db, user.login, new, user, must_change=False)
        except StoreError as error:
            problem = _in_words(error)
    if problem:
        return ask.render("web/password.html.j2", 400, title=_("修改密码"), problem=problem, shortest=passwords.SHORTEST)
    token = sessions.begin(db, user, ask.epoch)
    answer = ask.redirect("/")
    security.set_cookie(answer, ask.settings, security.SESSION, token, sessions.ABSOLUTE_S)
    return answer


# ---------------------------------------------------------------- where one is logged in


def logins(ask: Ask, problem: str = "", status: int = 200) -> Response:
    """The sessions of the own account, this one first."""
    kept = sessions.of_user(ask.store.db, ask.user.id, ask.epoch)
    here = ask.session.digest if ask.session is not None else ""
    shown = [
        {"digest": one.digest, "created": _moment(one.created), "seen": _moment(one.seen)}
        for one in sorted(kept, key=lambda one: (one.digest != here, -one.seen))
    ]
    return ask.render("web/sessions.html.j2", status, title=_("已登录的地方"), sessions=shown, this=here, problem=problem)


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()


def end_logins(ask: Ask) -> Response:
    """End one of the other sessions, or all of them; the own password is asked for."""
    db, here = ask.store.db, ask.session.digest if ask.session is not None else ""
    chosen = ask.form.text("which")
    if not own_password(ask, ask.form.raw("password")):
        return logins(ask, _("现在的密码不对"), 403)
    with db.writing():
        others = [one.digest for one in sessions.of_user(db, ask.user.id, ask.epoch) if one.digest != here]
        ended = [digest for digest in others if chosen in ("", digest)]
        for digest in ended:
            sessions.end(db, digest)
        ask.audit("session.end", "user", str(ask.user.id), sessions=len(ended))
    return ask.redirect("/sessions", notice=_("已退出 {n} 处", n=len(ended)))
