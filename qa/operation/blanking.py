"""Findings without the words that were said: outcome, seconds, roles and figures stay, so that every point can still be counted."""

from __future__ import annotations

import re
from dataclasses import replace

from qa.sightings import GONE
from qa.types import Evidence, Finding

_QUOTED = re.compile("“[^”]*”?")
_SHORTEST = 2


def blanked(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The same findings without quoted words; equal to its argument where there are none."""
    return tuple(map(_blanked, findings))


def _blanked(finding: Finding) -> Finding:
    said = {one.text for one in finding.evidence} | {row.text for row in finding.rows}
    return replace(
        finding,
        message=_message(finding.message, said),
        evidence=tuple(Evidence(one.span, one.role) for one in finding.evidence),
        values=tuple((name, None if isinstance(value, str) and _may_be_said(value) else value) for name, value in finding.values),
        rows=tuple(replace(row, text=GONE if row.text else "") for row in finding.rows),
    )


def _may_be_said(value: str) -> bool:
    """Names of states are plain ASCII; what somebody said is Chinese, or a number."""
    return not value.isascii() or any(c.isdigit() for c in value)


def _message(message: str, said: set[str]) -> str:
    """What stands in quotation marks is what was said; words of the evidence are taken out wherever they stand."""
    for text in sorted((text.strip() for text in said), key=len, reverse=True):
        if len(text) >= _SHORTEST:
            message = message.replace(text, GONE)
    return _QUOTED.sub(f"“{GONE}”", message)
