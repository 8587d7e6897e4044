"""The start page: what there is to do, by role.  Each area adds its boxes in ``BOXES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.web.pages import agent, clips, hr, operation, review_start
from qa.web.permissions import Permission

if TYPE_CHECKING:
    from qa.web.ask import Ask


@dataclass(frozen=True)
class Box:
    """A part of the start page: for those who hold ``permission``; ``values(ask)`` for ``template``, None: nothing to show."""

    permission: Permission
    template: str
    values: Callable[[Ask], dict[str, object] | None]


BOXES: tuple[Box, ...] = (
    Box(Permission.OWN_RESULTS, "web/agent/notices.html.j2", agent.notices),
    Box(Permission.REVIEW, "web/review/start.html.j2", review_start.reviewers),
    Box(Permission.CLIP, "web/trainer/start.html.j2", clips.waiting),
    Box(Permission.APPEAL_LEAD, "web/review/start.html.j2", review_start.leads),
    Box(Permission.MONTH_CLOSE, "web/hr/to_close.html.j2", hr.to_close),
    Box(Permission.OPERATION, "web/operation/start.html.j2", operation.state),
)


def start(ask: Ask) -> Response:
    """Everybody's first page."""
    shown = [(box.template, values) for box in BOXES if ask.may(box.permission) and (values := box.values(ask)) is not None]
    return ask.render("web/start.html.j2", title="", boxes=shown or [("web/start_pages.html.j2", {})])
