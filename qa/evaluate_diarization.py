"""The engines that tell speakers apart, measured on mono mixes of labelled stereo calls and on labelled mono calls as they were scored.

A mix is made of a call's two channels: both brought to one active level, one of them then so many dB lower, noise so many dB
below the louder one, summed and rounded to 16 bits.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from qa import activity, blocks, decode, diarization, models, roles, wordspeakers
from qa.diarization import Diarization, Diarizer
from qa.errors import ModelError
from qa.evaluate_speakers import BASELINES, SpeakerFigures, compared, heard_words
from qa.speakers import MONO
from qa.truth import Truth
from qa.types import Audio, AudioInfo, Call, Float32Array, Outcome, SpeakerTurns, SpeechActivity, Transcript

AUTO = diarization.AUTO
_LOUDER_DBOV = -26.0
DIFFERENCES_DB = (0, 6, 12)
NOISES_DB = (None, 20, 10)


@dataclass(frozen=True)
class Condition:
    """``difference_db`` between the two sides' active levels; ``snr_db``: noise so far below the louder side, None: no noise."""

    difference_db: int
    snr_db: int | None

    @property
    def name(self) -> str:
        return f"{self.difference_db} dB apart, " + ("no noise" if self.snr_db is None else f"noise {self.snr_db} dB below")


CONDITIONS = tuple(Condition(d, n) for n in NOISES_DB for d in DIFFERENCES_DB)


@dataclass(frozen=True)
class Mix:
    """A mono mix, the speech in it, the truth about it, and the call of which it was made."""

    truth: Truth
    condition: Condition
    audio: Audio
    speech: SpeechActivity
    call: Call


@dataclass(frozen=True)
class EngineFigures:
    """Of one engine: on the mixes together and by condition, and on the mono recordings as they were scored (None: it scored none)."""

    mixes: SpeakerFigures
    conditions: tuple[tuple[str, SpeakerFigures], ...] = ()
    recordings: SpeakerFigures | None = None


@dataclass(frozen=True)
class DiarizationEvaluation:
    """``engines`` and ``baselines`` by name; ``notes`` (Chinese): why something was not measured."""

    engines: tuple[tuple[str, EngineFigures], ...] = ()
    baselines: tuple[tuple[str, EngineFigures], ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.engines or self.baselines or self.notes)


# ---------------------------------------------------------------- mixes


def mixable(truth: Truth, call: Call) -> bool:
    """A stereo call in which each side is heard and a person could tell who speaks: most of its verdicts are no ``inconclusive``."""
    told = [outcome for _, outcome in truth.verdicts]
    heard = told.count(Outcome.INCONCLUSIVE) * 2 <= len(told)
    levels = [c.active_level_dbov for c in call.acoustics.channels]
    stereo = call.as_heard.turns.method == "channel" and len(levels) == 2 and not call.acoustics.same_channels
    return stereo and heard and len({t.who for t in truth.turns}) > 1 and None not in levels


def mix(audio: Audio, levels_dbov: Sequence[float], condition: Condition, quieter: int, seed: int) -> Audio:
    """The two channels of ``audio`` in one, the side ``quieter`` (0 or 1) lowered; ``levels_dbov`` are their active levels."""
    wanted = [_LOUDER_DBOV - condition.difference_db * (side == quieter) for side in (0, 1)]
    gains = [10 ** ((w - level) / 20) for w, level in zip(wanted, levels_dbov, strict=True)]
    x = np.float32(gains[0]) * audio.channel(0) + np.float32(gains[1]) * audio.channel(1)
    if condition.snr_db is not None:
        x += np.float32(10 ** ((_LOUDER_DBOV - condition.snr_db) / 20)) * _pink(len(x), audio.info.rate_hz, seed)
    pcm = np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)[:, None]
    return Audio(AudioInfo("mix", "0" * 64, "wav", "pcm_s16le", audio.info.rate_hz, 1, audio.info.duration_ms), pcm)


def _pink(count: int, rate_hz: int, seed: int) -> Float32Array:
    """Noise of an RMS of 1 whose power falls by 3 dB an octave, from 100 Hz on."""
    shape = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    x = np.fft.irfft(shape / np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / rate_hz), 100.0)), count)
    return np.asarray(x / np.sqrt(np.mean(x**2)), np.float32)


def mixes(calls: Iterable[tuple[Path, Truth, Call]], every: bool) -> Iterator[Mix]:
    """``every``: each call under every condition; else the conditions are dealt to the calls in turn, one each."""
    usable = ((path, truth, call) for path, truth, call in calls if mixable(truth, call))
    for number, (path, truth, call) in enumerate(usable):
        audio = decode.decode(path)
        levels = [c.active_level_dbov or 0.0 for c in call.acoustics.channels]
        for condition in CONDITIONS if every else CONDITIONS[number % len(CONDITIONS) :][:1]:
            mixed = mix(audio, levels, condition, number % 2, zlib.crc32(f"{truth.file}/{condition.name}".encode()))
            yield Mix(truth, condition, mixed, activity.detect(mixed), call)


# ---------------------------------------------------------------- engines


@dataclass
class Meter:
    """Processor time and growth of the resident memory while an engine works; ``peak_mb`` None where the system does not tell."""

    cpu_s: float = 0.0
    peak_mb: float | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    def run(self, work: Callable[[], Diarization]) -> Diarization:
        before = resident_mb()
        watch = threading.Thread(target=self._watch, args=(before,), daemon=True) if before is not None else None
        if watch is not None:
            watch.start()
        begun = time.process_time()
        try:
            return work()
        finally:
            self.cpu_s = time.process_time() - begun
            self._done.set()
            if watch is not None:
                watch.join()

    def _watch(self, before: float | None) -> None:
        while True:
            now = resident_mb()
            if now is not None and before is not None:
                self.peak_mb = max(self.peak_mb or 0.0, now - before)
            if self._done.wait(0.02):
                return


def resident_mb() -> float | None:
    """Resident memory of this process in MB; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def engines(choice: str = diarization.AUTO) -> dict[str, diarization.LocatedDiarizer]:
    """The engines to measure by name: the one that ``choice`` names, none for ``off``, and for ``auto`` all that are here with the bundled
    model.  Raises ModelError for an engine that is named and not here."""
    if choice != diarization.AUTO:
        found = diarization.locate(choice)
        return {choice: found} if found is not None else {}
    here = {}
    for name in diarization.CHOICES:
        if name not in (diarization.AUTO, diarization.OFF):
            try:
                found = diarization.locate(f"{name}:{models.bundled_diarization()}")
            except ModelError:
                continue
            if found is not None:
                here[name] = found
    return here


Transcribe = Callable[[Mix], Transcript]


def stereo_words(made: Mix) -> Transcript:
    """What was recognised of the call on its two channels, as nobody's words of one channel."""
    heard = made.call.as_heard.transcript
    spoken = tuple(replace(u, speaker=MONO, channel=0) for u in heard.utterances)
    dropped = tuple(replace(u, speaker=MONO, channel=0) for u in heard.dropped)
    return replace(heard, utterances=spoken, edges=tuple(replace(e, speaker=MONO) for e in heard.edges), dropped=dropped)


def measured(made: Mix, engine: Diarizer, transcript: Transcript) -> SpeakerFigures:
    """One mix through one engine, the roles by ``transcript`` (nobody's words) and the call's record without its channel."""
    meter = Meter()
    found = meter.run(lambda: engine.diarize(blocks.channel(made.audio, 0), made.speech.channels[0]))
    turns = SpeakerTurns(engine.identity, found.turns, (), found.exclusive, alike=found.alike)
    record = None if made.call.record is None else replace(made.call.record, agent_channel=None)
    assigned = roles.assign(turns, wordspeakers.assigned(transcript, turns), record)
    length_ms = made.audio.info.duration_ms
    figures = compared(made.truth.turns, found, length_ms, assigned)
    return replace(figures, audio_s=length_ms / 1000, cpu_s=meter.cpu_s, peak_mb=meter.peak_mb)


def as_scored(truth: Truth, call: Call) -> SpeakerFigures:
    """A mono recording as the program scored it: its turns, the words that it recognised, its roles."""
    call, length_ms = call.as_heard, call.audio.duration_ms
    figures = compared(truth.turns, Diarization(call.turns.turns, call.turns.exclusive), length_ms, call.roles)
    near, wrong, lost = heard_words(truth.turns, call.turns.turns, call.transcript, length_ms)
    return replace(figures, words=near, words_wrong=wrong, words_lost=lost, audio_s=length_ms / 1000)


def measure(made: Iterable[Mix], engines: Mapping[str, Diarizer], transcribe: Transcribe = stereo_words) -> dict[str, EngineFigures]:
    """Engines and baselines, by name, on mixes; ``transcribe`` gives the words by which the roles are told."""
    found: dict[str, dict[str, SpeakerFigures]] = {name: {} for name in (*engines, *BASELINES)}
    for one in made:
        transcript, where = transcribe(one), one.condition.name
        figures = {name: measured(one, engine, transcript) for name, engine in engines.items()}
        for name, baseline in BASELINES.items():
            figures[name] = compared(one.truth.turns, baseline(one.speech.channels[0]), one.audio.info.duration_ms)
        for name, of in figures.items():
            found[name][where] = found[name].get(where, SpeakerFigures()) + of
    order = [c.name for c in CONDITIONS]
    return {
        name: EngineFigures(_total(by.values()), tuple(sorted(by.items(), key=lambda pair: order.index(pair[0]))))
        for name, by in found.items()
    }


def evaluate_diarization(calls: Sequence[tuple[Path, Truth, Call]], choice: str = AUTO) -> DiarizationEvaluation:
    """Measure the engines of ``choice`` (see :func:`engines`) and the baselines on mixes of ``calls``, each under one of the conditions in
    turn, and on the mono recordings among them as they were scored."""
    scored = [(truth, call) for _, truth, call in calls if call.as_heard.turns.diarized and truth.turns]
    if choice == diarization.OFF or not (scored or any(mixable(truth, call) for _, truth, call in calls)):
        return DiarizationEvaluation()
    if importlib.util.find_spec("pyannote") is None or importlib.util.find_spec("pyannote.metrics") is None:
        return DiarizationEvaluation(notes=("没有安装 pyannote.metrics，没有测说话人区分；请运行 pip install pyannote.metrics",))
    loaded = {name: diarization.load(found, threads=1) for name, found in engines(choice).items()}
    figures = measure(mixes(calls, every=False), loaded)
    for name, engine in loaded.items():
        own = _total(as_scored(t, c) for t, c in scored if c.as_heard.turns.method == engine.identity)
        figures[name] = replace(figures[name], recordings=own if own.calls else None)
    notes = () if loaded else ("没有可用的说话人区分引擎，只测了基线",)
    return DiarizationEvaluation(tuple((name, figures[name]) for name in loaded), tuple((name, figures[name]) for name in BASELINES), notes)


def _total(figures: Iterable[SpeakerFigures]) -> SpeakerFigures:
    whole = SpeakerFigures()
    for one in figures:
        whole += one
    return whole
