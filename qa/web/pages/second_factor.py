"""The second factor: the login's second step, and the page on which people set theirs.

Between password and code there is no session: the browser holds a token of its own, which opens this step alone.  The secret and the
recovery codes stand in the answer to a POST and on no address that could be asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyotp
import segno
from markupsafe import Markup
from starlette.responses import Response

from qa.errors import ConflictError
from qa.people import second_factor, sessions, throttle
from qa.people.second_factor import RECOVERY
from qa.web import security
from qa.web.language import translated as _
from qa.web.pages.account import LONGEST_NEXT, entered, own_password
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

QR_SCALE, QR_BORDER = 5, 4
"""CSS pixels a module; modules of white around it, which readers need."""


# ---------------------------------------------------------------- the login's second step


def _token(ask: Ask) -> str:
    return ask.request.cookies.get(security.cookie_name(ask.settings, security.WAITING), "")


def code(ask: Ask) -> Response:
    """The form for the code; without a password before it there is none."""
    if sessions.waiting(ask.store.db, _token(ask), ask.epoch) is None or not ask.csrf:
        return ask.redirect("/login")
    return _code_form(ask, ask.query.text("next", "/"))


def _code_form(ask: Ask, onward: str, problem: str = "", status: int = 200) -> Response:
    return ask.render("web/login_code.html.j2", status, title=_("登录"), onward=security.inside(onward)[:LONGEST_NEXT], problem=problem)


def prove(ask: Ask) -> Response:
    """Check the code; only now a session begins.  Counted as the password is, so that neither can be guessed."""
    db, token, onward = ask.store.db, _token(ask), ask.form.text("next", "/")
    user = sessions.waiting(db, token, ask.epoch)
    if user is None:
        return ask.redirect("/login")
    if not throttle.attempt(db, user.login, ask.client_address, ask.epoch):
        return _code_form(ask, onward, _("尝试太多，请 15 分钟后再试"), 429)
    with db.writing():
        if sessions.waiting(db, token, ask.epoch) != user:  # ended in this moment: a reset, another role, the same code elsewhere
            return ask.redirect("/login")
        proved = second_factor.check(db, user, ask.form.text("code"), ask.epoch)
        if proved:
            sessions.end_wait(db, token)
            return entered(ask, user, onward, second=proved, **_left(ask, user.id, proved))
    return _code_form(ask, onward, _wrong(ask, user.id), 403)


def _left(ask: Ask, user_id: int, proved: str) -> dict[str, object]:
    factor = second_factor.of(ask.store.db, user_id)
    return {"left": factor.left} if proved == RECOVERY and factor is not None else {}


def _wrong(ask: Ask, user_id: int) -> str:
    factor = second_factor.of(ask.store.db, user_id)
    if factor is not None and factor.blocked:
        return _("验证码连续错了 {n} 次，不再接受：请用恢复码，或找管理员重设", n=second_factor.MOST_WRONG)
    return _("验证码不对，或已经用过：请等下一个，并核对手机的时间")


# ---------------------------------------------------------------- the own one


def _demanded(ask: Ask) -> bool:
    return ask.user.role in ask.settings.second_factor


def page(ask: Ask) -> Response:
    """Whether one is set, and what can be done about it."""
    return _page(ask)


def _page(ask: Ask, problem: str = "", status: int = 200) -> Response:
    factor = second_factor.of(ask.store.db, ask.user.id)
    return ask.render(
        "web/second_factor.html.j2", status, title=_("两步验证"), factor=factor, demanded=_demanded(ask), owed=ask.owed, problem=problem
    )


def _own(ask: Ask) -> bool:
    """Password and, where there is a factor, a code of it."""
    return own_password(ask, ask.form.raw("password"), ask.form.text("code"))


def _not_own(ask: Ask) -> Response:
    return _page(ask, _("密码或验证码不对"), 403)


def begin(ask: Ask) -> Response:
    """Offer a new secret, as a QR code and in letters; a factor that is set counts until the new one is confirmed."""
    if not _own(ask):
        return _not_own(ask)
    return _offer(ask, second_factor.offer(ask.store.db, ask.user, _session(ask), ask.epoch))


def _session(ask: Ask) -> str:
    if ask.session is None:
        raise Refused(401)
    return ask.session.digest


def _offer(ask: Ask, secret: str, problem: str = "", status: int = 200) -> Response:
    issuer = urlsplit(ask.settings.public_url).hostname or "QA"
    told = pyotp.TOTP(secret).provisioning_uri(name=ask.user.login, issuer_name=issuer)
    picture = segno.make(told, error="m", micro=False).svg_inline(scale=QR_SCALE, border=QR_BORDER, light="white")
    groups = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    return ask.render(
        "web/second_factor_set.html.j2", status, title=_("两步验证"), picture=Markup(picture), secret=groups, issuer=issuer, problem=problem
    )


def confirm(ask: Ask) -> Response:
    """Keep the offered secret where the code is right.  All sessions end, as they were begun without it; a new one begins here."""
    db, user, here = ask.store.db, ask.user, _session(ask)
    try:
        made = second_factor.confirm(db, user, here, ask.form.text("code"), ask.epoch)
    except ConflictError:
        return _page(ask, _("两步验证刚在别处改过，请重新开始"), 409)
    if made:
        return _codes(ask, made, _renewed(ask))
    secret = second_factor.offered(db, user, here, ask.epoch)
    if not secret:
        return _page(ask, _("放得太久了，请重新开始"), 409)
    return _offer(ask, secret, _("验证码不对：请等下一个，并核对手机的时间"), 403)


def _renewed(ask: Ask) -> str:
    """All sessions of the account end and one begins for this browser; its token.  The answer is made for the new one."""
    db = ask.store.db
    with db.writing():
        sessions.end_all(db, ask.user.id)
        token = sessions.begin(db, ask.user, ask.epoch)
    ask.session = sessions.standing(db, token, ask.epoch)
    ask.csrf = ask.session.csrf if ask.session is not None else ""
    return token


def _codes(ask: Ask, made: tuple[str, ...], token: str = "") -> Response:
    answer = ask.render("web/recovery_codes.html.j2", title=_("您的恢复码"), codes=made)
    if token:
        security.set_cookie(answer, ask.settings, security.SESSION, token, sessions.ABSOLUTE_S)
    return answer


def codes(ask: Ask) -> Response:
    """Other recovery codes in the place of the former ones."""
    if second_factor.of(ask.store.db, ask.user.id) is None:
        raise Refused(409, _("还没有设置两步验证"))
    if not _own(ask):
        return _not_own(ask)
    return _codes(ask, second_factor.renew_codes(ask.store.db, ask.user))


def off(ask: Ask) -> Response:
    """Do without it, where the role may."""
    db = ask.store.db
    if _demanded(ask):
        raise Refused(409, _("这个岗位必须用两步验证，不能取消"))
    if second_factor.of(db, ask.user.id) is None:
        raise Refused(409, _("还没有设置两步验证"))
    if not _own(ask):
        return _not_own(ask)
    with db.writing():
        second_factor.take_off(db, ask.user, ask.user)
        token = _renewed(ask)
    answer = ask.redirect("/second-factor", notice=_("已取消两步验证"))
    security.set_cookie(answer, ask.settings, security.SESSION, token, sessions.ABSOLUTE_S)
    return answer
