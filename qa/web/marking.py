"""On English pages what is Chinese is marked so (``lang="zh-CN"``, WCAG 3.1.2): a screen reader then speaks it as Chinese.

That is data: words of a call, titles and clauses of a rule book, names, comments.  It is marked where the page is made, whatever
template it comes from.  Attributes, and elements in which no markup may stand, have no language of a part: they are marked where all of
their text is Chinese.
"""

from __future__ import annotations

import re

from qa.web.sentences import HAN, chinese

_TAG = re.compile(r"""<(?:!--.*?--|(/?)([a-zA-Z][\w-]*)[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*|![^<>]*)>""", re.DOTALL)
_LANG = re.compile(r"""\slang=["']?([\w-]+)""")
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_UNSPOKEN = frozenset(("script", "style"))
_PLAIN = frozenset(("option", "title", "textarea", "text", "optgroup"))
"""Elements that hold text alone; of SVG too."""
_RUN = re.compile(f"[{HAN}](?:[{HAN}0-9 ，。、；：！？“”（）《》…·×*.,%:/–—-]*[{HAN}])?")
_LATIN = re.compile("[A-Za-z]{2}")
_OPEN, _CLOSE = '<span lang="zh-CN">', "</span>"


def marked(html: str) -> str:
    """The page (English) with every stretch of Chinese marked."""
    if not chinese(html):
        return html
    out: list[str] = []
    open_: list[tuple[str, str, int]] = []  # name, language, place of the start tag in ``out``
    end = 0
    for tag in _TAG.finditer(html):
        _text(html[end : tag.start()], out, open_)
        end = tag.end()
        out.append(tag[0])
        name = (tag[2] or "").lower()
        if not name or name in _VOID or tag[0].endswith("/>"):
            continue
        if not tag[1]:
            own = _LANG.search(tag[0])
            open_.append((name, own[1] if own else open_[-1][1] if open_ else "", len(out) - 1))
        elif any(name == one for one, *_ in open_):  # an end tag that was left out ends with the element around it
            while open_.pop()[0] != name:
                pass
    _text(html[end:], out, open_)
    return "".join(out)


def _text(text: str, out: list[str], open_: list[tuple[str, str, int]]) -> None:
    name, language, at = open_[-1] if open_ else ("", "", -1)
    if not chinese(text) or language.startswith("zh") or name in _UNSPOKEN:
        out.append(text)
    elif name in _PLAIN:
        if not _LATIN.search(text):
            out[at] = f'{out[at][:-1]} lang="zh-CN">'
        out.append(text)
    else:
        out.append(_RUN.sub(lambda run: f"{_OPEN}{run[0]}{_CLOSE}", text))
