"""Calls made of lines of text, for the tests of redaction, clips and search; and a recording that goes with one."""

from __future__ import annotations

import hashlib
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
from stored_calls import call, scorecard

from qa.store import Store
from qa.types import Call, Outcome, Span, SpeechActivity, Transcript, Utterance, Word

STEP_MS, PAUSE_MS = 200, 500


def spoken(*lines: str, call_id: str = "C1", unsure: str = "", start: str = "2024-05-01T09:00:00.000", team: str = "一组") -> Call:
    """``A:`` speaks for the agent (channel 0), ``C:`` for the customer; a line begins 0.5 s after the one before, a character takes 0.2 s.

    The characters in ``unsure`` were recognised with a probability of 0.3, all others of 0.9.
    """
    at, said = 300, []
    for line in lines:
        channel, text = "AC".index(line[0]), line[2:]
        words = tuple(Word(c, Span(at + STEP_MS * k, at + STEP_MS * (k + 1)), 0.3 if c in unsure else 0.9) for k, c in enumerate(text))
        said.append(Utterance(f"ch{channel}", channel, Span(at, at + STEP_MS * len(text)), words))
        at += STEP_MS * len(text) + PAUSE_MS
    made = call(call_id, start=start, team=team)
    activity = SpeechActivity(tuple(tuple(u.span for u in said if u.channel == k) for k in (0, 1)), "made")
    transcript = Transcript("demo@1", True, tuple(said))
    return replace(made, audio=replace(made.audio, duration_ms=at + 1000), activity=activity, transcript=transcript)


def recorded(of: Call, folder: Path) -> Call:
    """The call with a recording (8 kHz, stereo): a steady tone of 300 Hz (agent) and 500 Hz (customer) all through."""
    path = folder / f"{of.record.call_id if of.record else 'call'}.wav"
    t = np.arange(8 * of.audio.duration_ms) / 8000
    pcm = np.stack([8000 * np.sin(2 * np.pi * hz * t) for hz in (300, 500)], axis=1).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(pcm.tobytes())
    return replace(of, audio=replace(of.audio, path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest()))


def kept(store: Store, of: Call, percent: float | None = 95.0, *outcomes: Outcome) -> Call:
    """Stored with a scorecard of the checks k0, k1 and so on."""
    assert of.record is not None
    store.save_call(of, scorecard(of, of.record.call_id, percent, *(outcomes or (Outcome.PASS, Outcome.PASS))))
    return of
