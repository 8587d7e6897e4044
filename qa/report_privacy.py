"""A call and its scorecard without telephone numbers, before any page is made of them.

A report may leave the house, a customer's number may not: it is masked in the record, in file names, in all words said and in
all findings.  The sound itself is not changed: it is the evidence, and whoever may open the report may hear the call.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from qa.export import mask_name, mask_number, mask_text
from qa.types import Call, CheckResult, Finding, Scorecard, Utterance


def without_numbers(call: Call, card: Scorecard) -> tuple[Call, Scorecard]:
    """Both values with every telephone number masked; the path is reduced to the file's name."""
    number = call.record.customer_number if call.record else ""
    transcript = replace(
        call.transcript,
        utterances=tuple(_utterance(u, number) for u in call.transcript.utterances),
        dropped=tuple(_utterance(u, number) for u in call.transcript.dropped),
        edges=(),
    )
    audio = replace(call.audio, path=mask_name(Path(call.audio.path).name, number))
    record = call.record and replace(
        call.record,
        customer_number=mask_number(number),
        call_id=mask_name(call.record.call_id, number),
        file=mask_name(call.record.file, number),
    )
    masked = replace(
        card,
        call_id=mask_name(card.call_id, number),
        results=tuple(_result(r, number) for r in card.results),
        notes=tuple(mask_text(n, number) for n in card.notes),
    )
    return replace(call, audio=audio, transcript=transcript, record=record), masked


def _utterance(utterance: Utterance, number: str) -> Utterance:
    """The mask is as long as what it hides, so that every word keeps its own characters and times."""
    whole = mask_text(utterance.text, number, said=True)
    ends = list(itertools.accumulate(len(w.text) for w in utterance.words))
    if ends and len(whole) != ends[-1]:
        raise ValueError("masking changed the length of a text")
    texts = (whole[end - len(w.text) : end] for w, end in zip(utterance.words, ends, strict=True))
    return replace(utterance, words=tuple(replace(w, text=t) for w, t in zip(utterance.words, texts, strict=True)))


def _result(result: CheckResult, number: str) -> CheckResult:
    machine = result.machine and _result(result.machine, number)
    return replace(result, findings=tuple(_finding(f, number) for f in result.findings), machine=machine)


def _finding(finding: Finding, number: str) -> Finding:
    return replace(
        finding,
        message=mask_text(finding.message, number),
        evidence=tuple(replace(e, text=mask_text(e.text, number, said=True)) for e in finding.evidence),
        values=tuple((name, mask_text(value, number) if isinstance(value, str) else value) for name, value in finding.values),
    )
