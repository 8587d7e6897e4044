"""Places of a regular expression that the recogniser may have written in other characters of the very same sounds.

They prove nothing and excuse nothing; they are shown to a person where a word list that held these words would have them looked at
(``qa.checks.banned_phrases``), so that one wording of a house is judged alike however the rule book writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa.checks import banned_phrases
from qa.lexicon import Phrase, WordList
from qa.rules.bounded_regex import Place, Search
from qa.rules.hearing import Decode
from qa.rules.model import Regex
from qa.rules.sound_regex import respelt

_LONG = 4
"""So many right syllables are no chance."""


def places(regex: Regex, decode: Decode, turns: Sequence[Place], search: Search) -> Iterator[Place]:
    """Character ranges of ``decode``, each within one of its ``turns`` and none that the expression matches as it is written."""
    heard, taken = decode.heard.text, list[Place]()
    for text in respelt(regex.pattern, decode.heard):
        for first, last in turns:
            before, after = heard[first:last], text[first:last]
            if before == after or not (found := search.places(regex.pattern, after)):
                continue
            excused = [place for unless in regex.unless for place in search.places(unless, after) or ()]
            written = search.places(regex.pattern, before) or ()
            for begin, end in found:
                known = [*written, *((a - first, b - first) for a, b in taken)]
                innocent = any(a <= begin and end <= b for a, b in excused) or any(a < end and begin < b for a, b in known)
                if not innocent and _suspected(after[begin:end], begin + first, end + first, decode):
                    taken.append((begin + first, end + first))
                    yield taken[-1]


def _suspected(wanted: str, begin: int, end: int, decode: Decode) -> bool:
    """Whether a list with ``wanted`` in it would have what was heard from ``begin`` to ``end`` looked at by a person."""
    number = decode.piece_of(begin)
    start, stop = decode.bounds[number]
    if end > stop:  # over two utterances
        return end - begin >= _LONG
    params = banned_phrases.Params(words=WordList("", (Phrase(wanted),)))
    found = banned_phrases.hits(decode.pieces[number], (), params)
    return any(hit.match.start + start < end and begin < hit.match.end + start for hit in found)
