"""The documentation page of the checks, made from the checks themselves: ``python -m qa.check_docs [FILE]``.

Without FILE the page goes to standard output.  ``docs/checks.md`` is this page.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

from qa import logchecks
from qa.checks import CheckModule, registry
from qa.lexicon import WordList
from qa.logchecks import LogCheckModule
from qa.rules.events import EVENTS
from qa.rules.measures import MEASURES
from qa.rules.open_hours import OpenHours

_HEAD = """# The checks

Made from `qa/checks/*.py` by `python -m qa.check_docs docs/checks.md`: do not edit by hand. A rule book turns a check on with
`[checks.<id>]`; the parameters below are keys of that table, their units in their names. Every example is a test. The events and
measures that rules may name stand at the end, after the checks of the call log (`[log_checks.<id>]`, `qa/logchecks/*.py`,
[traffic.md](traffic.md)).
"""

_LOG_HEAD = """# The checks of the call log
"""


def page() -> str:
    """The whole page (Markdown), checks in order of id, those of the call log too, then events and measures."""
    calls = [_section(check_id, module) for check_id, module in registry().items()]
    logs = [_section(check_id, module) for check_id, module in logchecks.registry().items()]
    return "\n".join([_HEAD, *calls, _LOG_HEAD, *logs, _events(), _measures()])


def _events() -> str:
    rows = (f"| `{e.id}` | {e.title} | {_line(e.meaning)} |" for e in EVENTS.values())
    return "\n".join(["## Events", "", "| `event` | title | meaning |", "|---|---|---|", *rows]) + "\n"


def _measures() -> str:
    head = ["## Measures", "", "| `measure` | title | unit | own error | meaning |", "|---|---|---|---|---|"]
    rows = []
    for m in MEASURES.values():
        error = f"{m.error_ratio:.0%}" if m.error_ratio else f"{m.error:g}"
        rows.append(f"| `{m.id}` | {m.title} | {m.unit} | {error} | {_line(m.meaning)} |")
    return "\n".join([*head, *rows]) + "\n"


def _line(text: str) -> str:
    """A docstring as one line."""
    return " ".join(text.split()).replace("``", "`")


def _section(check_id: str, module: CheckModule | LogCheckModule) -> str:
    text = inspect.cleandoc(module.__doc__ or "").split("\n", 1)[1].strip()
    lines = [f"## `{check_id}` {module.TITLE} · {module.TITLE_EN}", "", _markdown(text), ""]
    if hasattr(module.Params, "read"):
        lines.append("Its table is written in the language of conditions: `docs/rule-book.md`.")
    else:
        lines += ["| parameter | default |", "|---|---|"]
        lines += [f"| `{field.name}` | {_default(field)} |" for field in dataclasses.fields(module.Params)]
    lines += ["", "| example | outcome |", "|---|---|"]
    lines += [f"| {example.name} | {example.outcome.value} |" for example in module.EXAMPLES]
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    """Headings of the docstring as bold lines, its indented text as paragraphs."""
    out = []
    for line in text.split("\n"):
        heading = bool(line) and not line.startswith(" ") and len(line) < 40 and not line.endswith((".", ";", ":"))
        out.append(f"**{line}**\n" if heading else line[4:] if line.startswith("    ") else line)
    return "\n".join(out).replace("``", "`")


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default if field.default is not dataclasses.MISSING else None
    if field.name == "slots":
        return "`[slots]` of the rule book"
    if value is None and field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if isinstance(value, WordList):
        return f"`{Path(value.path).name}` of the `default` rule book ({len(value)} phrases)"
    if isinstance(value, OpenHours):
        return "always"
    texts = value if isinstance(value, tuple) else (value,)
    return "<br>".join("`" + str(text).replace("|", "\\|") + "`" for text in texts)


def main() -> None:
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main()
