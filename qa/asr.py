"""Transcription by faster-whisper: only where somebody speaks, batched, words with times and probabilities.

The opening and the closing seconds of every speaker are decoded a second time, each whole, whatever speech activity detection says of
it (`Edge`): clips cut at pauses can lose the opening of a call, and an omission may only be called one if both decodes lack
the words.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from qa import blocks
from qa.blocks import Wave
from qa.guard import reason_to_drop
from qa.models import LocatedModel
from qa.speakers import MONO
from qa.text import simplify
from qa.types import Audio, Edge, Float32Array, Span, SpeakerTurns, SpeechActivity, Transcript, Utterance, Word

RATE_HZ = 16000
TELEPHONE_RATE_HZ = 8000
_EARLY_S = 0.035  # the bundled model's attention moves on this much before the syllable does (models/asr/evaluate.py)
_EDGE_PASSES = 4
_EDGE_REST_MS = 500  # so much speech behind the last word of a second decode is heard again: a small model stops at long pauses
_TAIL_FRAMES = 16  # mel frames of padding that the cut keeps behind the audio


@dataclass(frozen=True)
class AsrSettings:
    """Settings of the stage; part of the key under which its result is stored.

    A clip joins stretches of speech less than ``join_gap_ms`` apart, up to ``clip_ms``, with ``margin_ms`` around it.  An
    utterance ends at a pause of ``pause_ms``.  ``edge_ms`` is the length of the second decodes.
    """

    beam_size: int = 5
    batch_size: int = 8
    join_gap_ms: int = 700
    clip_ms: int = 12_000
    margin_ms: int = 200
    pause_ms: int = 600
    edge_ms: int = 13_000


@cache
def _windowed_class() -> type[Any]:
    """faster-whisper's model for the bundled small model: no encoder work on padding, sharper word times.

    The stock class pads every clip to 3,000 frames; the bundled model hears a clip as well without the padding, at a tenth
    of the time.  Its frames are 40 ms apart, so the median filter over the attention spans 3 of them instead of 7.
    """
    import faster_whisper

    class Windowed(faster_whisper.WhisperModel):  # type: ignore[misc]
        def encode(self, features: npt.NDArray[np.float32]) -> Any:
            batch = features[None] if features.ndim == 2 else features
            used = np.flatnonzero(np.abs(batch).max(axis=(0, 1)) > 0)
            frames = int(used[-1]) + 1 + _TAIL_FRAMES if len(used) else _TAIL_FRAMES
            frames = min(batch.shape[2], (frames + 49) // 50 * 50)
            return super().encode(np.ascontiguousarray(batch[:, :, :frames]))

        def find_alignment(
            self, tokenizer: Any, text_tokens: Any, encoder_output: Any, num_frames: Any, median_filter_width: int = 3
        ) -> Any:
            # faster-whisper cannot align in less than one position, which a tail behind the last word may be
            num_frames = [max(2, n) for n in num_frames] if isinstance(num_frames, list) else max(2, num_frames)
            found = super().find_alignment(tokenizer, text_tokens, encoder_output, num_frames, median_filter_width)
            for word in (w for words in found for w in words):
                word["start"] += _EARLY_S
                word["end"] += _EARLY_S
            return found

    return Windowed


class Recogniser:
    """One loaded model.  ``name`` goes into the transcript with the hash of its weights; ``demo`` marks the bundled model."""

    def __init__(self, model: LocatedModel, threads: int = 0) -> None:
        import faster_whisper

        self.located = model
        kind = _windowed_class() if model.demo else faster_whisper.WhisperModel
        self.whisper = kind(
            str(model.path),
            device="auto",
            compute_type="int8" if model.demo else "default",
            cpu_threads=threads or (os.cpu_count() or 1),
            local_files_only=True,
        )
        self.batched = faster_whisper.BatchedInferencePipeline(self.whisper)

    @property
    def demo(self) -> bool:
        return self.located.demo

    @property
    def identity(self) -> str:
        """Name and weights, e.g. ``demo@1a2b3c4d5e6f``."""
        return f"{self.located.name}@{self.located.fingerprint}"


def settings_key(identity: str, settings: AsrSettings, hotwords: Sequence[str]) -> str:
    """Hash of all that a transcript depends on besides the file."""
    return hashlib.sha256(repr((identity, settings, tuple(sorted(hotwords)))).encode()).hexdigest()[:16]


def resampled(samples: Float32Array, rate_hz: int, telephone: bool) -> Float32Array:
    """``samples`` at 16 kHz; ``telephone`` passes wideband speech through 8 kHz first, the band that the demo model knows."""
    if telephone and rate_hz > TELEPHONE_RATE_HZ:
        samples, rate_hz = soxr.resample(samples, rate_hz, TELEPHONE_RATE_HZ), TELEPHONE_RATE_HZ
    out = samples if rate_hz == RATE_HZ else soxr.resample(samples, rate_hz, RATE_HZ, quality="VHQ")
    return np.ascontiguousarray(out, dtype=np.float32)


def clips(speech: Sequence[Span], total_ms: int, settings: AsrSettings) -> list[Span]:
    """Stretches to decode: neighbours joined, long ones divided, with a margin that never reaches into the next one."""
    joined: list[list[int]] = []
    for span in speech:
        near = joined and span.start_ms - joined[-1][1] < settings.join_gap_ms
        if near and span.end_ms - joined[-1][0] <= settings.clip_ms:
            joined[-1][1] = span.end_ms
        else:
            joined.append([span.start_ms, span.end_ms])
    divided: list[tuple[int, int]] = []
    for start, end in joined:
        pieces = max(1, -(-(end - start) // settings.clip_ms))
        edges = [start + (end - start) * k // pieces for k in range(pieces + 1)]
        divided += list(itertools.pairwise(edges))
    out = []
    for k, (start, end) in enumerate(divided):
        before = divided[k - 1][1] if k else 0
        after = divided[k + 1][0] if k + 1 < len(divided) else total_ms
        out.append(
            Span(
                max(start - settings.margin_ms, (start + before) // 2, 0) if k else max(0, start - settings.margin_ms),
                min(end + settings.margin_ms, (end + after) // 2 if k + 1 < len(divided) else total_ms, total_ms),
            )
        )
    return [s for s in out if s.duration_ms > 0]


def transcribe(
    recogniser: Recogniser,
    audio: Audio,
    activity: SpeechActivity,
    turns: SpeakerTurns,
    hotwords: Sequence[str],
    settings: AsrSettings | None = None,
) -> Transcript:
    """Transcript of all speakers by their channels; of a recording of one channel as one speaker, ``mono``, whoever speaks when
    (``qa.wordspeakers`` gives the words to the speakers, so that other turns need no new recognition).

    ``hotwords`` are proper names only (company, products, agents): the recogniser must not be led to hear what is judged.
    """
    settings, rate = settings or AsrSettings(), audio.info.rate_hz
    utterances: list[Utterance] = []
    dropped: list[Utterance] = []
    pieces: list[_Piece] = []
    for speaker, channel in _speakers(turns):
        speech = activity.channels[channel]
        if not speech:
            continue
        leaks = activity.leaks[channel] if activity.leaks and turns.method == "channel" else ()
        wave = blocks.channel(audio, channel).muted(leaks).through(lambda x: resampled(x, rate, recogniser.demo), RATE_HZ)
        words = _heard(recogniser, wave, clips(speech, audio.info.duration_ms, settings), hotwords, settings)
        for utterance in _utterances(words, speaker, channel, speech, settings.pause_ms):
            (dropped if reason_to_drop(utterance, _around(speech, utterance.span)) else utterances).append(utterance)
        pieces += _pieces(wave, speaker, speech, audio.info.duration_ms, settings)
    edges = _edges(recogniser, pieces, hotwords, settings)
    return Transcript(recogniser.identity, recogniser.demo, _sorted(utterances), edges, _sorted(dropped))


def _sorted(utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    return tuple(sorted(utterances, key=lambda u: (u.span, u.channel)))


def _speakers(turns: SpeakerTurns) -> list[tuple[str, int]]:
    if turns.method != "channel":
        return [(MONO, 0)]
    return sorted({(t.speaker, t.channel) for t in turns.turns})


def _options(hotwords: Sequence[str], settings: AsrSettings) -> dict[str, Any]:
    return {
        "language": "zh",
        "task": "transcribe",
        "beam_size": settings.beam_size,
        "temperature": 0.0,
        "word_timestamps": True,
        "without_timestamps": True,
        "vad_filter": False,
        "condition_on_previous_text": False,
        "hotwords": " ".join(hotwords) or None,
    }


def _heard(recogniser: Recogniser, wave: Wave, spans: Sequence[Span], hotwords: Sequence[str], settings: AsrSettings) -> list[Word]:
    """Words of the clips ``spans``, from one block of the recording after the other."""
    words: list[Word] = []
    for base_ms, group in _groups(spans, settings.batch_size):
        x = wave.read(base_ms * RATE_HZ // 1000, group[-1].end_ms * RATE_HZ // 1000)
        inside = [Span(s.start_ms - base_ms, s.end_ms - base_ms) for s in group]
        for word in _decode(recogniser, x, inside, hotwords, settings):
            words.append(Word(word.text, Span(word.span.start_ms + base_ms, word.span.end_ms + base_ms), word.probability))
    return words


def _groups(spans: Sequence[Span], batch_size: int) -> Iterator[tuple[int, Sequence[Span]]]:
    """Clips that lie in one block, with where it begins (ms).

    Where there are so many they are whole batches: the recogniser is given the batches that it would have of the whole recording.
    """
    base_ms, left = 0, spans
    while left:
        count = bisect_right(left, base_ms + blocks.BLOCK_S * 1000, key=lambda s: s.end_ms)
        if batch_size < count < len(left):
            count -= count % batch_size
        if count:
            yield base_ms, left[:count]
        left = left[count:]
        base_ms = left[0].start_ms // (blocks.GRID_S * 1000) * blocks.GRID_S * 1000 if left else 0


def _decode(recogniser: Recogniser, x: Float32Array, spans: Sequence[Span], hotwords: Sequence[str], settings: AsrSettings) -> list[Word]:
    """Words of the clips ``spans``, decoded in batches."""
    length_s = len(x) / RATE_HZ  # a duration in whole milliseconds may be rounded up, and faster-whisper takes that for an error
    stamps = [{"start": s.start_ms / 1000, "end": min(s.end_ms / 1000, length_s)} for s in spans]
    options = _options(hotwords, settings)
    segments, _ = recogniser.batched.transcribe(x, clip_timestamps=stamps, batch_size=settings.batch_size, **options)
    return [word for segment in segments for word in map(_word, segment.words or ()) if word is not None]


def _word(raw: Any) -> Word | None:
    text = simplify(raw.word.strip())
    if not text:
        return None
    start = max(0, round(float(raw.start) * 1000))
    return Word(text, Span(start, max(start, round(float(raw.end) * 1000))), min(1.0, max(0.0, float(raw.probability))))


@dataclass(frozen=True)
class _Piece:
    """The first or last seconds of a speaker: ``samples`` at 16 kHz, and the speech in them, in the call's time."""

    which: str
    speaker: str
    span: Span
    samples: Float32Array
    speech: tuple[Span, ...]

    def rest(self, heard: Sequence[Word]) -> _Piece | None:
        """What lies behind the last word heard, if somebody speaks there."""
        begin = max((word.span.end_ms for word in heard), default=self.span.start_ms)
        left = tuple(Span(max(s.start_ms, begin), s.end_ms) for s in self.speech if s.end_ms > begin)
        if sum(s.duration_ms for s in left) < _EDGE_REST_MS:
            return None
        samples = self.samples[(begin - self.span.start_ms) * RATE_HZ // 1000 :]
        return _Piece(self.which, self.speaker, Span(begin, self.span.end_ms), samples, left)


def _pieces(wave: Wave, speaker: str, speech: Sequence[Span], total_ms: int, settings: AsrSettings) -> Iterator[_Piece]:
    begin = max(0, speech[0].start_ms - settings.margin_ms)
    last = min(total_ms, speech[-1].end_ms + settings.margin_ms)
    spans = {"opening": Span(begin, min(total_ms, begin + settings.edge_ms)), "closing": Span(max(0, last - settings.edge_ms), last)}
    for which, span in spans.items():
        samples = wave.read(span.start_ms * RATE_HZ // 1000, span.end_ms * RATE_HZ // 1000)
        inside = (Span(max(s.start_ms, span.start_ms), min(s.end_ms, span.end_ms)) for s in speech if s.overlap_ms(span) > 0)
        yield _Piece(which, speaker, span, samples, tuple(inside))


def _edges(recogniser: Recogniser, pieces: Sequence[_Piece], hotwords: Sequence[str], settings: AsrSettings) -> tuple[Edge, ...]:
    """Second decodes of all speakers at once, each piece whole; behind its last word only where somebody goes on speaking.

    To go on in any case, as faster-whisper does, makes the small model write words for the silence at the end.
    """
    words: list[list[Word]] = [[] for _ in pieces]
    waiting: list[tuple[int, _Piece]] = list(enumerate(pieces))
    for _ in range(_EDGE_PASSES):
        if not waiting:
            break
        heard = _decode_apart(recogniser, [piece for _, piece in waiting], hotwords, settings)
        for (place, _), found in zip(waiting, heard, strict=True):
            words[place] += found
        rests = [(place, piece.rest(found)) for (place, piece), found in zip(waiting, heard, strict=True) if found]
        waiting = [(place, rest) for place, rest in rests if rest is not None]
    return tuple(Edge(p.which, p.speaker, p.span, tuple(found)) for p, found in zip(pieces, words, strict=True))


def _decode_apart(recogniser: Recogniser, pieces: Sequence[_Piece], hotwords: Sequence[str], settings: AsrSettings) -> list[list[Word]]:
    """Words of each piece, in the call's time: the pieces are laid one behind the other, and each is a clip."""
    ends = itertools.accumulate(len(piece.samples) for piece in pieces)
    edges_ms = [0, *(end * 1000 // RATE_HZ for end in ends)]
    clips_ms = [Span(begin, end) for begin, end in itertools.pairwise(edges_ms)]
    out: list[list[Word]] = [[] for _ in pieces]
    for word in _decode(recogniser, np.concatenate([piece.samples for piece in pieces]), clips_ms, hotwords, settings):
        middle = (word.span.start_ms + word.span.end_ms) // 2
        place = min(bisect_right(edges_ms, middle), len(pieces)) - 1
        begin, shift = pieces[place].span.start_ms, pieces[place].span.start_ms - edges_ms[place]
        start = max(begin, word.span.start_ms + shift)  # attention may reach into the piece before
        out[place].append(Word(word.text, Span(start, max(start, word.span.end_ms + shift)), word.probability))
    return out


def _utterances(words: Sequence[Word], speaker: str, channel: int, speech: Sequence[Span], pause_ms: int) -> list[Utterance]:
    """Words grouped at pauses; a word's time is cut to the speech that it overlaps (attention spills over pauses)."""
    groups: list[list[Word]] = []
    for word in (_cut(w, speech) for w in words):
        if groups and word.span.start_ms - groups[-1][-1].span.end_ms < pause_ms:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [Utterance(speaker, channel, Span(g[0].span.start_ms, max(w.span.end_ms for w in g)), tuple(g)) for g in groups]


def _around(speech: Sequence[Span], span: Span) -> Sequence[Span]:
    """The stretches of speech (sorted, apart) that ``span`` may overlap."""
    first = bisect_right(speech, span.start_ms, key=lambda s: s.end_ms)
    return speech[first : bisect_left(speech, span.end_ms, lo=first, key=lambda s: s.start_ms)]


def _cut(word: Word, speech: Sequence[Span]) -> Word:
    overlapping = [s for s in _around(speech, word.span) if s.overlap_ms(word.span) > 0]
    if not overlapping:
        return word
    best = max(overlapping, key=lambda s: s.overlap_ms(word.span))
    start, end = max(word.span.start_ms, best.start_ms), min(word.span.end_ms, best.end_ms)
    return Word(word.text, Span(start, end), word.probability)
