"""Scripts, styles and icons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from qa.web.assets import assets
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

_FOR_EVER = "public, max-age=31536000, immutable"


def file(request: Request) -> Response:
    """An asset by name; with its version in the address it may be kept for ever."""
    found = assets().get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    kept = _FOR_EVER if request.query_params.get("v") == found.version else "no-cache"
    return Response(found.data, headers={"Content-Type": found.media_type, "Cache-Control": kept})


def missing(ask: Ask) -> Response:
    """Never asked: :func:`file` answers."""
    raise Refused(404)
