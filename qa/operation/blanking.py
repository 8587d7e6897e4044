"""Findings without the words that were said, or without those that a person wrote, and roles without the latter.

Outcome, seconds, roles and figures stay, so that every point can still be counted.
"""

from __future__ import annotations

import re
from dataclasses import replace

from qa.operation.tables import DELETED
from qa.outcome_words import OUTCOMES
from qa.sightings import GONE, NOT_THERE, OTHER_WORDS
from qa.types import Evidence, Finding, RoleAssignment, Roles

_QUOTED = re.compile("“[^”]*”?")
_SHORTEST = 2
_OPENED = rf"；\d{{4}}-\d\d-\d\d 人工判定为“(?:{'|'.join(OUTCOMES.values())})”，(?:{NOT_THERE}|{OTHER_WORDS})"
_RULED = re.compile(rf"(人工复核：不算，|人工复核：|人工补充：)(.+?)((?:{_OPENED})*)", re.DOTALL)
"""A person's finding (``qa.review.verdicts``): what the program writes before and after what the person wrote."""
_SET = re.compile(r"(.*? \d{4}-\d\d-\d\d：)(.*)", re.DOTALL)
"""Why a role is a person's (``qa.role_marks``): who and when, then what the person wrote."""


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


# ---------------------------------------------------------------- what persons wrote


def unremarked(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The same findings without what persons wrote about them; equal to its argument where there is none."""
    return tuple(replace(finding, message=_unremarked(finding.message)) for finding in findings)


def _unremarked(message: str) -> str:
    found = _RULED.fullmatch(message)
    return f"{found[1]}{DELETED}{found[3]}" if found else message


def unexplained(roles: Roles) -> Roles:
    """The same roles without why a person set them; equal to its argument where none did."""
    return replace(roles, assignments=tuple(map(_unexplained, roles.assignments)))


def _unexplained(one: RoleAssignment) -> RoleAssignment:
    """Who set it and when stays; of what does not say so in a known form nothing does."""
    if one.source != "person":
        return one
    return replace(one, reasons=tuple(f"{found[1]}{DELETED}" if (found := _SET.fullmatch(why)) else DELETED for why in one.reasons))
