"""For the tests of killing: moments at which the running program kills its whole process group, and a recogniser that costs nothing.

Patches the real program in the process that imports it, before it runs; nothing of this is in the program itself.
"""

from __future__ import annotations

import functools
import importlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from qa.types import Audio, Edge, Span, SpeakerTurns, SpeechActivity, Transcript, Utterance, Word

SAYINGS = ("您好，很高兴为您服务，请问有什么可以帮您", "我要投诉你们", "请问还有其他可以帮您的吗", "感谢您的来电再见", "少废话")
STAGES = {
    "decode": "qa.decode:decode",
    "activity": "qa.activity:detect",
    "acoustics": "qa.acoustics:measure",
    "speakers": "qa.speakers:diarized",
    "transcript": "qa.asr:transcribe",
}
PARENT = {
    "hash": "qa.batch.run:look",
    "stages stored": "qa.store:Store.put_payloads",
    "judge": "qa.pipeline:judge",
    "recorded": "qa.store:Store.record",
    "in a transaction": "qa.database:Database.insert",
    "question to the database": "qa.database:Database.rows",
    "quarantine": "qa.batch.kept:Batches.quarantine",
}
MOMENTS = STAGES | PARENT


def kill() -> None:
    """Everything of this process group ends now, as in a power cut for the program."""
    os.killpg(0, signal.SIGKILL)
    time.sleep(60)


def patch(place: str, wrap: Callable[[Any], Any]) -> None:
    """Exchange a function, given as ``module:name`` or ``module:Class.name``."""
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, last = name.split(".")
    for one in classes:
        owner = getattr(owner, one)
    setattr(owner, last, wrap(getattr(owner, last)))


def install(moment: str) -> None:
    """``before NAME N`` or ``after NAME N``: kill around the Nth call of it in a process; ``timer MS``: kill so much later."""
    which, *rest = moment.split()
    if which == "timer":
        threading.Timer(int(rest[0]) / 1000, kill).start()
        return
    name, nth, calls = " ".join(rest[:-1]), int(rest[-1]), iter(range(1, 1_000_000))

    def wrap(real: Any) -> Any:
        @functools.wraps(real)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            now = next(calls) == nth
            if now and which == "before":
                kill()
            value = real(*args, **kwargs)
            if now:
                kill()
            return value

        return wrapped

    patch(MOMENTS[name], wrap)


def moments(seed: int, count: int, timers: float = 0.0) -> list[str]:
    """``count`` moments: every one by name before and after, then others by chance, a share ``timers`` of these by the clock."""
    dice = random.Random(seed)
    chosen = [f"{which} {name} {1 if name == 'quarantine' else dice.randint(1, 2)}" for name in MOMENTS for which in ("before", "after")]
    while len(chosen) < count:
        if dice.random() < timers:
            chosen.append(f"timer {dice.randint(1, 4000)}")
        else:
            name = dice.choice(sorted(MOMENTS))
            nth = {"in a transaction": 60, "question to the database": 60, "quarantine": 1}.get(name, 3)
            chosen.append(f"{dice.choice(('before', 'after'))} {name} {dice.randint(1, nth)}")
    dice.shuffle(chosen)
    return chosen[:count]


# ---------------------------------------------------------------- the recogniser's double


def transcribe(
    recogniser: Any, audio: Audio, activity: SpeechActivity, turns: SpeakerTurns, hotwords: Sequence[str], settings: Any = None
) -> Transcript:
    """The same words for the same sound: one saying for each stretch of speech."""
    said = []
    for channel, spans in enumerate(activity.channels):
        for k, span in enumerate(spans):
            text = SAYINGS[(k + channel + len(audio.pcm)) % len(SAYINGS)]
            speaker = f"ch{channel}" if turns.method == "channel" else "mono"
            said.append(Utterance(speaker, channel, span, (Word(text, span, 0.9),)))
    edges = tuple(
        Edge(which, u.speaker, Span(u.span.start_ms, u.span.end_ms), u.words) for which in ("opening", "closing") for u in said[:1]
    )
    return Transcript(f"demo@{recogniser}", True, tuple(sorted(said, key=lambda u: (u.span, u.channel))), edges)


def without_recogniser() -> None:
    """Let the program transcribe by :func:`transcribe`."""
    patch("qa.asr:transcribe", lambda real: transcribe)
    patch("qa.batch.work:recogniser", lambda real: lambda model, threads: model.fingerprint)
