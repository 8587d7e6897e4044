"""How exact levels, tones, clipping, pitch and the comparison of channels are, on signals whose answer is known.

``python benchmarks/levels.py`` prints tables for RESULTS.md; it takes about two minutes and needs no files.  Everything is made
here, from fixed seeds.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import butter, lfilter, sosfilt

sys.path.insert(0, str(Path(__file__).parents[1]))

from qa.acoustics import measure
from qa.levels import active_speech_level
from qa.tones import find_tones
from qa.types import Audio, AudioInfo, Span, SpeechActivity

Floats = npt.NDArray[np.float64]
RATE = 8000


def coded(x: Floats, subtype: str) -> Floats:
    file = io.BytesIO()
    soundfile.write(file, np.clip(x, -1.0, 0.9999), RATE, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])


def recording(*channels: Floats, rate: int = RATE) -> Audio:
    pcm = np.stack([np.round(np.clip(x, -1.0, 0.99996) * 32768.0) for x in channels], axis=1).astype(np.int16)
    return Audio(AudioInfo("made", "0" * 64, "wav", "pcm_s16le", rate, len(channels), len(pcm) * 1000 // rate), pcm)


def bursts(rng: np.random.Generator, seconds: float, on_s: float, off_s: float) -> tuple[Floats, list[Span]]:
    """A gate that opens and closes at random around the given means, and its spans."""
    gate, spans, at = np.zeros(round(seconds * RATE)), [], rng.uniform(0.5, 2.0)
    while at < seconds - 1.0:
        end = min(seconds - 0.5, at + on_s * rng.uniform(0.6, 1.4))
        spans.append(Span(round(1000 * at), round(1000 * end)))
        gate[spans[-1].start_ms * 8 : spans[-1].end_ms * 8] = 1.0
        at = end + off_s * rng.uniform(0.6, 1.4)
    return gate, spans


def show(title: str, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    print(f"\n### {title}\n\n| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row) + " |")


def levels(trials: int) -> None:
    """Against the RMS of the coded signal within the bursts, and against the same less the 0.3 s of hangover and decay that the
    standard counts as active after each burst."""
    rows: list[tuple[object, ...]] = []
    for name, on_s, off_s in (("long turns (8 s)", 8.0, 8.0), ("turns (3 s)", 3.0, 4.0), ("phrases (1.5 s)", 1.5, 2.0)):
        for snr in (40.0, 25.0, 15.0):
            plain, p56, floors = [], [], []
            for seed in range(trials):
                rng = np.random.default_rng(seed)
                gate, spans = bursts(rng, 60.0, on_s, off_s)
                level = rng.uniform(-45.0, -12.0)
                x = rng.standard_normal(len(gate)) * (gate + 10 ** (-snr / 20)) * 10 ** (level / 20)
                x = coded(x, "ALAW")
                channel = measure(recording(x), SpeechActivity((tuple(spans),), "made")).channels[0]
                talked = sum(s.duration_ms for s in spans)
                truth, floor = (10 * math.log10(float(np.mean(x[gate == state] ** 2))) for state in (1.0, 0.0))
                assert channel.active_level_dbov is not None
                plain.append(abs(channel.active_level_dbov - truth))
                p56.append(abs(channel.active_level_dbov - truth + 10 * math.log10((talked + 300 * len(spans)) / talked)))
                floors.append(abs(channel.noise_floor_dbov - floor))
            rows.append((name, f"{snr:.0f}", *(f(e) for e in (p56, plain) for f in (statistics.fmean, max)), max(floors)))
    header = ("signal (A-law)", "SNR dB", "mean error", "max", "mean, hangover not allowed for", "max", "noise floor, max error")
    show(f"Active speech level, dB, {trials} signals a row, -45 to -12 dBov", header, rows)
    x = np.random.default_rng(0).standard_normal(3600 * RATE).astype(np.float32) * np.float32(0.05)
    begin = time.process_time()
    active_speech_level(x, RATE)
    print(f"\nOne hour at 8 kHz: {time.process_time() - begin:.2f} s of CPU time")


def call_with_rings(rng: np.random.Generator, rings: int, snr: float, subtype: str) -> Floats:
    """Ringback before a voice of noise; the first ring may be cut by the start, the last by the answer."""
    dbov, lead = rng.uniform(-45.0, -8.0), rng.choice([0.0, rng.uniform(0.1, 4.0)])
    first = rng.uniform(0.15, 1.0) if lead == 0.0 and rings > 1 else 1.0
    parts = [np.zeros(round(lead * RATE))]
    for k in range(rings):
        on = first if k == 0 else 1.0
        on = rng.choice([on, rng.uniform(0.2, 1.0)]) if k == rings - 1 else on
        parts += [np.ones(round(on * RATE)), np.zeros(round((4.0 if k < rings - 1 else rng.uniform(0.1, 3.5)) * RATE))]
    gate = np.concatenate([*parts, np.zeros(6 * RATE)])
    tone = math.sqrt(2) * 10 ** (dbov / 20) * np.sin(2 * np.pi * rng.uniform(435, 465) / RATE * np.arange(len(gate))) * gate
    talk = np.zeros(len(gate))
    talk[-5 * RATE :] = rng.standard_normal(5 * RATE) * np.abs(np.sin(np.arange(5 * RATE) / 900.0)) * 10 ** (-25 / 20)
    x = tone + talk + rng.standard_normal(len(gate)) * 10 ** ((dbov - snr) / 20)
    return coded(x, subtype) if subtype else x


def tones(trials: int) -> None:
    rows: list[tuple[object, ...]] = []
    for snr in (40.0, 20.0, 15.0, 10.0, 8.0, 6.0):
        for subtype in ("ALAW", "ULAW"):
            exact = begun = seen = 0
            for seed in range(trials):
                rng = np.random.default_rng([seed, round(snr)])
                rings = int(rng.integers(1, 8))
                found = Counter(t.kind for t in find_tones(call_with_rings(rng, rings, snr, subtype).astype(np.float32), RATE, 0))
                exact += found == Counter(ringback=rings)
                begun, seen = begun + rings, seen + min(rings, found["ringback"])
            rows.append((f"{snr:.0f}", subtype, f"{exact}/{trials}", f"{seen}/{begun}"))
    show("Ringback, -45 to -8 dBov, first and last ring cut at random", ("SNR dB", "codec", "count exact", "rings found"), rows)
    cadences: list[tuple[object, ...]] = []
    for name, on, off in (("ringback", 1.0, 4.0), ("busy", 0.35, 0.35), ("congestion", 0.7, 0.7), ("other", 0.4, 4.0)):
        right, edges = 0, []
        for seed in range(trials):
            rng = np.random.default_rng(seed)
            a, b, lead = on * rng.uniform(0.95, 1.05), off * rng.uniform(0.95, 1.05), rng.uniform(0.2, 2.0)
            t = np.arange(round((lead + 4 * (a + b) + 1) * RATE)) / RATE
            gate = ((t - lead) % (a + b) < a) & (t >= lead) & (t < lead + 4 * (a + b))
            x = 0.1 * np.sin(2 * np.pi * rng.uniform(427, 473) * t) * gate + rng.standard_normal(len(t)) * 0.0707 * 10 ** (-10 / 20)
            found = find_tones(x.astype(np.float32), RATE, 0)
            right += [q.kind for q in found] == [name] * 4
            edges += [abs(q.span.start_ms - 1000 * (lead + k * (a + b))) for k, q in enumerate(found)] if len(found) == 4 else []
        cadences.append((name, f"{right}/{trials}", float(np.median(edges)), float(np.max(edges))))
    show("Cadences, SNR 10 dB, 427-473 Hz", ("kind", "all four bursts right", "median start error ms", "max"), cadences)


def voice(pitch: Floats, formants: tuple[tuple[float, float], ...]) -> Floats:
    """Pulses of the given pitch through formants, telephone band."""
    x = lfilter([1.0], [1.0, -0.95], np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0))
    for hz, width in formants:
        radius = math.exp(-math.pi * width / RATE)
        x = lfilter([1.0], [1.0, -2 * radius * math.cos(2 * math.pi * hz / RATE), radius**2], x)
    x = sosfilt(butter(4, (300.0, 3400.0), "bandpass", fs=RATE, output="sos"), x)
    return np.asarray(0.05 * x / np.std(x))


VOWELS = (
    ((300.0, 60.0), (2300.0, 110.0), (3000.0, 160.0)),
    ((700.0, 80.0), (1200.0, 110.0), (2500.0, 160.0)),
    ((350.0, 60.0), (800.0, 90.0), (2600.0, 160.0)),
    ((500.0, 80.0), (1500.0, 110.0), (2500.0, 160.0)),
)


def pitch(trials: int) -> None:
    """YIN as qa.acoustics uses it against pYIN on the same 100 ms frames."""
    rows: list[tuple[object, ...]] = []
    for snr in (40.0, 20.0, 10.0):
        for method in ("YIN (qa.acoustics)", "pYIN (librosa)"):
            cents: list[float] = []
            frames, took, seconds = 0, 0.0, 0.0
            for seed in range(trials):
                rng = np.random.default_rng(seed)
                base = float(rng.choice([100.0, 130.0, 190.0, 240.0, 300.0]))
                knots = base * 2 ** rng.uniform(-0.4, 0.4, 25)
                truth = np.interp(np.linspace(0, 24, 6 * RATE), np.arange(25), knots)
                x = voice(truth, VOWELS[seed % 4])
                x = x + rng.standard_normal(len(x)) * 0.05 * 10 ** (-snr / 20)
                begin = time.process_time()
                if method.startswith("YIN"):
                    activity = SpeechActivity(((Span(0, 6000),),), "made")
                    track = measure(recording(x), activity).channels[0].pitch_hz.astype(np.float64)
                else:
                    f0, _, _ = librosa.pyin(x.astype(np.float32), fmin=60, fmax=500, sr=RATE, frame_length=512, hop_length=200)
                    pieces = np.array_split(f0[: 4 * 60], 60)
                    track = np.array([np.median(p[np.isfinite(p)]) if np.isfinite(p).sum() >= 2 else 0.0 for p in pieces])
                took, seconds = took + time.process_time() - begin, seconds + 6.0
                target = truth[400::800]
                voiced = track > 0
                frames += len(track)
                cents += (1200 * np.abs(np.log2(track[voiced] / target[voiced]))).tolist()
            gross = sum(c > 300 for c in cents) / len(cents)
            row = (method, f"{snr:.0f}", float(np.median(cents)), f"{gross:.2%}", f"{len(cents) / frames:.1%}", 60 * took / seconds)
            rows.append(row)
    header = ("method", "SNR dB", "median error, cents", "off by over 300 cents", "called voiced (all are)", "CPU s a minute")
    show("Pitch of telephone-band voices, 80-400 Hz, moving (YIN's time includes all other measures)", header, rows)


def runs(beyond: npt.NDArray[np.bool_]) -> int:
    """Samples that lie three or more in a row beyond the rail."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], beyond, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[0::2]
    return int(lengths[lengths >= 3].sum())


def clipping(trials: int) -> None:
    rows: list[tuple[object, ...]] = []
    for subtype in ("PCM_16", "ALAW", "ULAW"):
        for share in (0.0, 0.003, 0.01, 0.03, 0.1):
            said, true, measured = 0, [], []
            for seed in range(trials):
                rng = np.random.default_rng(seed)
                swing = 1 + 0.1 * np.sin(np.arange(8 * RATE) / 2000)
                x = voice(rng.uniform(90, 260) * swing, VOWELS[seed % 4])
                x = x * (0.2 + np.abs(np.sin(np.arange(len(x)) / rng.uniform(800, 1600))))
                limit = np.quantile(np.abs(x), 1 - share)
                true.append(sum(runs(side * x >= limit) for side in (1, -1)) / len(x) if share else 0.0)
                x = coded(np.clip(x / limit, -1, 1) * rng.uniform(0.3, 0.99), subtype)
                measured.append(measure(recording(x), SpeechActivity(((Span(0, 8000),),), "made")).channels[0].clipped_ratio)
                said += measured[-1] > 0
            rows.append((subtype, f"{share:.1%}", f"{np.mean(true):.2%}", f"{np.mean(measured):.2%}", f"{said}/{trials}"))
    header = ("codec", "samples beyond the rail", "of these in runs of three or more (truth)", "clipped_ratio", "signals called clipped")
    show("Clipping before the codec, rail at 0.30-0.99", header, rows)


def speed() -> None:
    rows: list[tuple[object, ...]] = []
    for rate in (8000, 16000, 48000):
        rng = np.random.default_rng(0)
        x, y = (rng.standard_normal(60 * rate) * 0.05 for _ in range(2))
        audio = recording(x, y, rate=rate)
        activity = SpeechActivity(((Span(0, 30_000),), (Span(30_000, 60_000),)), "made")
        times = []
        for _ in range(5):
            begin = time.process_time()
            measure(audio, activity)
            times.append(time.process_time() - begin)
        rows.append((rate, min(times), statistics.median(times)))
    show("qa.acoustics.measure, 60 s stereo, one of the two always speaking", ("rate Hz", "best CPU s", "median CPU s"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40, help="signals a row (default 40)")
    trials = parser.parse_args().trials
    levels(trials)
    tones(trials)
    clipping(trials)
    pitch(trials)
    speed()


if __name__ == "__main__":
    main()
