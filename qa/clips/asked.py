"""What is answered when a number or an address was asked for: an answer that was badly recognised is hidden whole.

Where the recogniser wrote nonsense there are no digits and no roads to be found in it, and they may be heard all the same.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right

from qa.callfacts import mean_probability
from qa.clips import addresses, numerals
from qa.text import as_read, normalise
from qa.types import Call, Utterance

_SURE = 0.8
_WITHIN_MS = 10_000
_ANSWERS = 3  # utterances of one answer that is given in pieces
_PART, _LONGER = 3, 2  # digits of a part that is repeated, and by how many characters a badly heard echo may be longer or shorter
_ECHO_MS, _OVER_MS = 2000, 500  # so long after it, or so far into it, an echo begins
_WHAT = "|".join((*numerals.ASKED, *addresses.ASKED))
_QUESTION = re.compile(
    f"(?:请|麻烦|您|你|报|说|提供|告诉|念|核对).{{0,10}}(?:{_WHAT})|(?:{_WHAT}).{{0,8}}(?:多少|哪|什么|报|说|吗)", re.DOTALL
)


def doubtful_answers(call: Call) -> tuple[int, ...]:
    """Utterances (by their place in the transcript) that answer such a question and were not surely recognised."""
    ordered = sorted(enumerate(call.transcript.utterances), key=lambda pair: pair[1].span)
    starts = [utterance.span.start_ms for _, utterance in ordered]
    found: set[int] = set()
    for place, (_, asked) in enumerate(ordered):
        if not _QUESTION.search(as_read(asked.text)):
            continue
        begin = asked.span.end_ms - _OVER_MS
        later = ordered[max(place + 1, bisect_left(starts, begin)) : bisect_right(starts, begin + _WITHIN_MS)]
        answer = [(k, u) for k, u in later if u.speaker != asked.speaker or u.speaker == "mono"][:_ANSWERS]
        found |= {k for k, u in answer if _doubtful(u)}
    return tuple(sorted(found))


def doubtful_echoes(call: Call) -> tuple[int, ...]:
    """Utterances that repeat a part of a number and were not surely recognised: begun soon after somebody else said nothing but digits, and
    about as long."""
    ordered = sorted(enumerate(call.transcript.utterances), key=lambda pair: pair[1].span)
    found = set()
    for (_, first), (place, echo) in itertools.pairwise(ordered):
        said, again = normalise(first.text), normalise(echo.text)
        soon = 0 <= echo.span.start_ms - first.span.end_ms + _OVER_MS <= _OVER_MS + _ECHO_MS
        alike = len(said) >= _PART and numerals.DIGITS.issuperset(said) and abs(len(said) - len(again)) <= _LONGER
        if soon and alike and echo.speaker != first.speaker and _doubtful(echo):
            found.add(place)
    return tuple(sorted(found))


def _doubtful(utterance: Utterance) -> bool:
    return mean_probability(utterance.words) < _SURE
