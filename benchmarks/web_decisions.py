"""What people decide under the load test: verdicts, corrected text, finished reviews, answers to appeals.

Each decision is made as a browser makes it: the page is asked for, its form is read with all hidden fields, one button of it is
pressed, and the page that the answer leads to is asked for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from qa.web.addresses import address

REASON = "压力测试：已听录音"
REVIEWED = ("confirm", "confirm", "overturn", "text", "finish", "finish")
"""What a reviewer does, as often as it stands here."""
REVIEW, LISTED = "/review/{call_id}", {"qa": "/appeals", "lead": "/team/appeals"}
ANSWERED = 0.2
"""Of the decisions of QA those that are answers to appeals."""

Ask = Callable[[str, str, str, str | None], tuple[int, bytes, str]]
"""Asks and counts: name, method, path, body; status, body and where the answer leads ("" nowhere)."""


@dataclass
class Form:
    """A form of a page: what it sends as it stands, and beside that what may be chosen in it: buttons (name, value), options by name."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return next((value for key, value in self.fields if key == name), "")

    def sent(self, button: tuple[str, str] | None = None, **typed: str) -> str:
        """As a browser sends it, with what is typed and the button that is pressed."""
        kept = [(name, value) for name, value in self.fields if name not in typed]
        return urlencode([*kept, *typed.items(), *([button] if button else [])])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside, self._select, self._text = False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.forms.append(Form(of.get("action", "").partition("#")[0]))
        elif self._inside:
            self._control(tag, of, self.forms[-1])

    def _control(self, tag: str, of: dict[str, str], form: Form) -> None:
        name, value = of.get("name", ""), of.get("value", "")
        if tag == "input" and name and (of.get("type") not in ("checkbox", "radio") or "checked" in of):
            form.fields.append((name, value))
        elif tag == "button" and name:
            form.buttons.append((name, value))
        elif tag == "textarea":
            self._text = name
            form.fields.append((name, ""))
        elif tag == "select":
            self._select = name
            form.options[name] = []
        elif tag == "option" and self._select:
            form.options[self._select].append(value)
            if "selected" in of or len(form.options[self._select]) == 1:  # the first, where none is marked
                form.fields = [(n, v) for n, v in form.fields if n != self._select] + [(self._select, value)]

    def handle_data(self, data: str) -> None:
        if self._text:
            self.forms[-1].fields[-1] = (self._text, self.forms[-1].fields[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        self._text = "" if tag == "textarea" else self._text
        self._select = "" if tag == "select" else self._select


def forms(page: bytes) -> list[Form]:
    """The forms of a page, in order."""
    reader = _Reader()
    reader.feed(page.decode())
    return reader.forms


# ---------------------------------------------------------------- deciding


def decide(role: str, ask: Ask, draw_call: Callable[[], str | None], chance: random.Random) -> bool:
    """One decision of somebody in ``role``; False where there is nothing to decide on."""
    if role == "lead" or (role == "qa" and chance.random() < ANSWERED):
        return _answer(role, ask, chance)
    call_id = draw_call() if role == "qa" else None
    return call_id is not None and _review(call_id, ask, chance)


def _review(call_id: str, ask: Ask, chance: random.Random) -> bool:
    path, doing = address(REVIEW, call_id=call_id), chance.choice(REVIEWED)
    found = [form for form in forms(ask(REVIEW, "GET", path, None)[1]) if form.action.startswith(f"{path}/")]
    made = [(form, body) for form in found if (body := _filled(form, doing, chance)) is not None]
    if not made:
        return False
    form, body = chance.choice(made)
    _sent(ask, f"POST {REVIEW}/{form.action.split('?')[0].rpartition('/')[2]}", REVIEW, form, body)
    return True


def _filled(form: Form, doing: str, chance: random.Random) -> str | None:
    """What is sent to do it by this form; None where the form is for something else."""
    if doing == "confirm" and ("action", "confirm") in form.buttons:
        return form.sent(("action", "confirm"))
    if doing == "overturn" and form.value("action") == "overturn":
        return form.sent(outcome=chance.choice([one for one in form.options["outcome"] if one != "fail"]), reason=REASON)
    if doing == "text" and form.value("speaker"):
        return form.sent(text=f"{form.value('text')}嗯", reason=REASON)
    if doing == "finish" and form.action.split("?")[0].endswith("/finish"):
        return form.sent(comment=REASON)
    return None


def _answer(role: str, ask: Ask, chance: random.Random) -> bool:
    """The answer to one of the appeals that wait for this person."""
    base = LISTED[role]
    listed = re.findall(rf'href="({base}/\d+)"', ask(base, "GET", base, None)[1].decode())
    one = f"{base}/{{appeal_id}}"
    for path in chance.sample(sorted(set(listed)), min(3, len(set(listed)))):  # some wait for others
        for form in forms(ask(one, "GET", path, None)[1]):
            if form.action == path and form.buttons:
                _sent(ask, f"POST {one}", one, form, form.sent(chance.choice(form.buttons), text=REASON))
                return True
    return False


def _sent(ask: Ask, name: str, then: str, form: Form, body: str) -> None:
    leads = ask(name, "POST", form.action, body)[2]
    if leads:
        ask(then, "GET", leads.partition("#")[0], None)
