"""Pages from templates: the environment, style and partials of the reports, and what every web page needs besides."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment

from qa import __version__, report
from qa.clock import house_minute
from qa.operation.tables import DELETED
from qa.people.accounts import ROLE_TITLES
from qa.report_text import length
from qa.web import marking, navigation
from qa.web.addresses import address
from qa.web.assets import asset
from qa.web.language import translated
from qa.web.permissions import Permission

if TYPE_CHECKING:
    from qa.web.ask import Ask


@cache
def environment() -> Environment:
    """That of the reports, with addresses of pages and assets."""
    made = report.environment().overlay()
    made.globals = {**made.globals, "address": address, "asset": asset, "Permission": Permission}
    made.filters = {**made.filters, "duration": lambda ms: translated(length(ms)), "moment": house_minute}
    return made


def page(ask: Ask, template: str, status: int, /, **values: object) -> str:
    """The template with ``values``, for an answer with this HTTP status.

    Every template has also: ``status``, ``user`` (or None), ``role_title``, ``navigation``, ``lang``, ``csrf``, ``nonce``, ``notice``,
    ``here``, ``demo``, ``may(permission)``, ``address(pattern, …)``, ``asset(name)``, ``_``.
    """
    who = ask.who
    made = (
        environment()
        .get_template(template)
        .render(
            status=status,
            user=who,
            role_title=ROLE_TITLES[who.role] if who else "",
            navigation=navigation.entries(who) if who and not ask.owed else (),
            lang=ask.lang,
            csrf=ask.csrf,
            nonce=ask.nonce,
            take_notice=ask.take_notice,
            here=again(ask),
            path=ask.request.url.path,
            demo_run=ask.settings.demo,
            may=ask.may,
            program_version=__version__,
            **values,
        )
    )
    if ask.lang != "en":
        return made
    return marking.marked(made.replace(DELETED, translated(DELETED)))  # it ends texts of persons, wherever these are shown


def again(ask: Ask) -> str:
    """Where the page can be asked for again (in the other language): an answer to a form that has no page of its own leads to the page
    above it."""
    from qa.web.routes import ROUTES

    if ask.page.method == "GET":
        return ask.here
    pages = {page.path for page in ROUTES if page.method == "GET"}
    pattern, path = ask.page.path, ask.request.url.path
    while pattern not in pages and pattern:
        pattern, path = pattern.rpartition("/")[0], path.rpartition("/")[0]
    return path or "/"
