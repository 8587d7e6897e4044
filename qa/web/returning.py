"""Where somebody goes on whose session ended in the middle of a form, and what had been typed there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from starlette.routing import Match

from qa.web import rendering, security

if TYPE_CHECKING:
    from qa.web.ask import Ask, Fields

SECRET = frozenset({"csrf", "login", "username", "password", "own", "present", "new", "again", "code"})
"""Fields of which nothing is ever shown; passwords are typed into the field for the name, too."""
MOST, LONGEST = 20, 20_000
"""So many texts of a form are shown, and so many characters of each."""
_NO_WORDS = re.compile(r"[\w.:/+-]*", re.ASCII)
"""Numbers, days, ids and names of choices: nobody has written these."""


def typed(form: Fields) -> tuple[str, ...]:
    """The texts that somebody has written into a form, each once."""
    given = dict.fromkeys(value.strip() for name, value in form.everything() if name not in SECRET)
    return tuple(text[:LONGEST] for text in given if not _NO_WORDS.fullmatch(text))[:MOST]


def onward(ask: Ask) -> str:
    """The page on which the form stood that was sent, as the browser tells it; where that is none of ours, the page above the form's
    address."""
    told = ask.request.headers.get("hx-current-url") or ask.request.headers.get("referer", "")
    try:
        at = urlsplit(told)
    except ValueError:
        return rendering.again(ask)
    path = f"{at.path}?{at.query}" if at.query else at.path
    ours = f"{at.scheme}://{at.netloc}" == security.own_origin(ask.request, ask.settings) and security.inside(path) == path
    return path if ours and _leads(ask, unquote(at.path)) else rendering.again(ask)


def _leads(ask: Ask, path: str) -> bool:
    """Whether there is a page at this path."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in ask.request.app.routes)
