"""Batches for training: joined, cut, noisy, band-limited windows of the shards.

Every window is made afresh: utterances of one voice are joined with pauses, cut at syllable marks (so that no
sentence can be learnt by heart), passed through a telephone (300-3,400 Hz, companding, noise, gain) and turned into
the log-mel features that faster-whisper computes from 16 kHz audio.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.fft
import torch
import vocabulary
from faster_whisper.feature_extractor import FeatureExtractor
from net import N_FFT, PITCHES, Shape
from torch.utils.data import IterableDataset

RATE_HZ = 8000
HOP = 160  # samples at 8 kHz: 20 ms a mel frame, 40 ms an encoder position
FRAME_S = 0.04
MAX_CHARS = 150
MELS = Shape().mels
Floats = npt.NDArray[np.float32]


class Shard:
    """One shard, memory-mapped; utterances by index."""

    def __init__(self, audio: Path) -> None:
        self.audio = np.load(audio, mmap_mode="r")
        meta = np.load(str(audio).replace(".audio.npy", ".meta.npz"))
        self.chars = [vocabulary.ids().get(str(c), -1) for c in meta["chars"]]
        self.start = np.concatenate([[0], np.cumsum(meta["n_samples"])])
        self.char = np.concatenate([[0], np.cumsum(meta["n_chars"])])
        self.syllable = np.concatenate([[0], np.cumsum(meta["n_syllables"])])
        self.text, self.of, self.marks, self.classes = meta["text"], meta["char_syllable"], meta["marks"], meta["classes"]

    def __len__(self) -> int:
        return len(self.start) - 1


@dataclass
class Piece:
    """Part of an utterance: float audio, token ids, syllable of each token (-1 none), marks in samples, classes."""

    audio: Floats
    tokens: list[int]
    of: list[int]
    marks: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int8]


def piece(shard: Shard, i: int, rng: np.random.Generator, cut: float) -> Piece:
    a, b = shard.start[i], shard.start[i + 1]
    c0, c1 = shard.char[i], shard.char[i + 1]
    s0, s1 = shard.syllable[i], shard.syllable[i + 1]
    audio = np.asarray(shard.audio[a:b]).astype(np.float32) / 32768
    tokens = [shard.chars[t] for t in shard.text[c0:c1]]
    of, marks, classes = list(shard.of[c0:c1]), shard.marks[s0:s1].astype(np.int64), shard.classes[s0:s1]
    n = len(marks)
    if n > 2 and rng.random() < cut:
        first = int(rng.integers(0, n))
        last = int(rng.integers(first, min(n, first + 16)))
        begin, end = max(0, marks[first, 0] - 40), min(len(audio), marks[last, 1] + 80)
        keep = [k for k, s in enumerate(of) if first <= s <= last]
        keep = list(range(keep[0], keep[-1] + 1))
        audio = audio[begin:end].copy()
        fade = min(40, len(audio) // 4)
        audio[:fade] *= np.linspace(0, 1, fade)
        audio[-fade:] *= np.linspace(1, 0, fade)
        tokens, of = [tokens[k] for k in keep], [of[k] - first if of[k] >= 0 else -1 for k in keep]
        marks, classes = marks[first : last + 1] - begin, classes[first : last + 1]
    return Piece(audio, tokens, of, marks, classes)


def stretched(p: Piece, factor: float) -> Piece:
    """Resampled by ``factor``: pitch, formants and speed change together."""
    n = int(len(p.audio) / factor)
    audio = np.interp(np.arange(n) * factor, np.arange(len(p.audio)), p.audio).astype(np.float32)
    return Piece(audio, p.tokens, p.of, (p.marks / factor).astype(np.int64), p.classes)


class Telephone:
    """Random channel: tilt, band, gain, noise, companding, clipping."""

    def __init__(self, rng: np.random.Generator, babble: Floats) -> None:
        self.rng, self.babble = rng, babble

    def noise(self, n: int) -> Floats:
        kind = self.rng.integers(0, 4)
        if kind == 3:
            start = int(self.rng.integers(0, len(self.babble) - n))
            return self.babble[start : start + n]
        white = self.rng.standard_normal(n, dtype=np.float32)
        if kind == 0:
            return white
        size = scipy.fft.next_fast_len(n, real=True)
        spectrum = scipy.fft.rfft(white, size)
        f = np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 20).astype(np.float32)
        if kind == 1:
            spectrum *= (f / 1000) ** -float(self.rng.uniform(0.3, 1.2))
        else:
            for _ in range(3):
                spectrum *= 1 + 4 * np.exp(-(((f - self.rng.uniform(100, 3400)) / self.rng.uniform(50, 400)) ** 2))
        return scipy.fft.irfft(spectrum, size)[:n].astype(np.float32)

    def __call__(self, x: Floats) -> Floats:
        rng, n = self.rng, len(x)
        active = np.sqrt(np.mean(x**2)) + 1e-6
        if rng.random() < 0.85:
            noise = self.noise(n)
            snr = rng.uniform(8, 40) if rng.random() < 0.93 else rng.uniform(2, 8)
            x = x + noise * (active / (np.sqrt(np.mean(noise**2)) + 1e-9) * 10 ** (-snr / 20))
        size = scipy.fft.next_fast_len(n, real=True)
        spectrum = scipy.fft.rfft(x.astype(np.float32), size)
        f = np.fft.rfftfreq(size, 1 / RATE_HZ).astype(np.float32)
        tilt = rng.uniform(-4, 4)
        gain = 10 ** (tilt * np.log2(np.maximum(f, 100) / 1000) / 20)
        if rng.random() < 0.8:
            low, high = rng.uniform(180, 380), rng.uniform(3100, 3700)
            gain *= 1 / (1 + (low / np.maximum(f, 1)) ** 8) / (1 + (f / high) ** 24)
        x = scipy.fft.irfft(spectrum * gain.astype(np.float32), size)[:n].astype(np.float32)
        x *= 10 ** (rng.uniform(-40, -10) / 20) / (np.sqrt(np.mean(x**2)) + 1e-6)
        if rng.random() < 0.05:
            x *= 4
        x = np.clip(x, -1, 1)
        if rng.random() < 0.7:
            mu = 255.0
            y = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
            y = np.round(y * 127.5 - 0.5) / 127.5 + 0.5 / 127.5
            x = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu
        else:
            x = np.round(x * 32768) / 32768
        return x.astype(np.float32)


_EXTRACTOR = FeatureExtractor(MELS, hop_length=320, n_fft=N_FFT)
_SIZE = N_FFT // 2  # at 8 kHz
_FILTERS = _EXTRACTOR.mel_filters[:, : _SIZE // 2 + 1].astype(np.float32) * 4  # 16 kHz analysis of 8 kHz audio: twice the samples
_WINDOW = np.hanning(_SIZE + 1)[:-1].astype(np.float32)


def log_mel(x: Floats) -> Floats:
    """(mels, frames) as faster-whisper's extractor gives for ``x`` resampled to 16 kHz, hop 320, last frame dropped."""
    padded = np.pad(np.pad(x, (0, 80)), (_SIZE // 2, _SIZE // 2), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::HOP] * _WINDOW
    power = np.abs(scipy.fft.rfft(frames, axis=1)[:-2]) ** 2
    mel = np.log10(np.maximum(_FILTERS @ power.T.astype(np.float32), 1e-10))
    return ((np.maximum(mel, mel.max() - 8) + 4) / 4).astype(np.float32)


def pitch_classes(x: Floats) -> npt.NDArray[np.int64]:
    """Class of the fundamental of clean speech ``x`` at every encoder position, -100 where none is sure.

    Normalised autocorrelation over 60 ms (Boersma, 1993): the shortest lag whose peak is within 10 % of the highest.
    """
    step, size = int(FRAME_S * RATE_HZ), 480
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(x, (size // 2, size // 2 + step)), size)[::step]
    window = np.hanning(size).astype(np.float32)
    frames = (frames - frames.mean(1, keepdims=True)) * window
    r = scipy.fft.irfft(np.abs(scipy.fft.rfft(frames, 1024, axis=1)) ** 2, axis=1)[:, :162]
    norm = scipy.fft.irfft(np.abs(scipy.fft.rfft(window, 1024)) ** 2)[:162]
    energy = r[:, :1]
    r = r / (energy + 1e-9) / (norm / norm[0])
    mid, peak = r[:, 19:161], (r[:, 19:161] > r[:, 18:160]) & (r[:, 19:161] >= r[:, 20:162])
    best = np.where(peak, mid, 0).max(1, keepdims=True)
    lag = 19 + np.argmax(peak & (mid >= 0.9 * best), axis=1)
    k = np.arange(len(r))
    a, b, c = r[k, lag - 1], r[k, lag], r[k, lag + 1]
    exact = lag + 0.5 * (a - c) / (a - 2 * b + c - 1e-9)
    sure = (best[:, 0] > 0.6) & (energy[:, 0] > energy.max() * 1e-3)
    classes = np.round(24 * np.log2(RATE_HZ / np.maximum(exact, 1) / 50)).astype(np.int64)
    return np.where(sure & (classes >= 0) & (classes < PITCHES), classes, -100)


# window in seconds, share of batches
BUCKETS = ((2.4, 0.15), (4.0, 0.3), (6.0, 0.3), (9.0, 0.17), (14.0, 0.08))
LONG = ((60.0, 1.0),)


class Windows(IterableDataset[dict[str, torch.Tensor]]):
    """Endless batches; new shards are picked up while they are being written."""

    def __init__(self, shards: Path, human: Path | None, seconds: float, seed: int, human_share: float = 0.2, whole: float = 0.45) -> None:
        self.folder, self.human_folder, self.seconds, self.seed = shards, human, seconds, seed
        self.human_share, self.whole = human_share, whole
        self.long_share = 0.0

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng(self.seed * 100 + (info.id if info else 0))
        self.rng = rng
        self.shards = [Shard(p) for p in sorted(self.folder.glob("*.audio.npy"))]
        self.human = [Shard(p) for p in sorted(self.human_folder.glob("*.audio.npy"))] if self.human_folder else []
        self.phone = Telephone(rng, self._babble())
        count = 0
        while True:
            count += 1
            if count % 200 == 0:
                known = len(self.shards)
                names = sorted(self.folder.glob("*.audio.npy"))
                if len(names) > known:
                    self.shards = [Shard(p) for p in names]
            flag = self.folder / "LONG"
            self.long_share = float(flag.read_text()) if flag.exists() else 0.0
            table = LONG if rng.random() < self.long_share else BUCKETS
            window = table[int(rng.choice(len(table), p=[s for _, s in table]))][0]
            content = min(window, 29.5) if rng.random() < 0.4 or window < 20 else float(rng.uniform(2, 12))
            size = max(4, int(self.seconds / (window if window < 20 else window * 1.6)))
            yield self.batch([self.window(content) for _ in range(size)], window)

    def _babble(self) -> Floats:
        out = np.zeros(RATE_HZ * 120, np.float32)
        for _ in range(6):
            shard = self.shards[int(self.rng.integers(len(self.shards)))]
            start = int(self.rng.integers(0, len(shard.audio) - len(out)))
            out += np.asarray(shard.audio[start : start + len(out)]).astype(np.float32) / 32768
        return out

    def pieces(self, human: bool) -> Iterator[Piece]:
        rng = self.rng
        if human:
            shard = self.human[0 if rng.random() < 0.8 else 1]
            factor = float(np.exp(rng.uniform(-0.3, 0.3)))
            while True:
                p = piece(shard, int(rng.integers(len(shard))), rng, 0.0)
                yield stretched(p, factor * float(np.exp(rng.uniform(-0.05, 0.05))))
        shard = self.shards[int(rng.integers(len(self.shards)))]
        group = int(rng.integers(len(shard) // 4)) * 4
        cut = 0.0 if rng.random() < self.whole else 0.8
        # larger and smaller heads than the synthesiser's 76 voices have: the voices held back lie outside of them
        factor = float(np.exp(rng.uniform(-0.14, 0.14))) if rng.random() < 0.6 else 1.0
        while True:
            p = piece(shard, group + int(rng.integers(4)), rng, cut)
            yield p if factor == 1.0 else stretched(p, factor)

    def _pause_s(self) -> float:
        """Mostly breaths; now and then a silence after which the speech goes on, so that the decoder does not stop there."""
        low, high = ((0.02, 0.25), (0.25, 1.2), (1.2, 3.0))[int(self.rng.choice(3, p=(0.6, 0.34, 0.06)))]
        return float(self.rng.uniform(low, high))

    def window(self, seconds: float) -> dict[str, object]:
        rng = self.rng
        limit = int(seconds * RATE_HZ)
        human = bool(self.human) and rng.random() < self.human_share
        audio = [np.zeros(int(rng.uniform(0, 0.5) * RATE_HZ), np.float32)]
        length = len(audio[0])
        tokens: list[int] = []
        spans: list[tuple[int, int]] = []
        labels: list[tuple[int, int, npt.NDArray[np.int8]]] = []
        want = limit * float(rng.uniform(0.45, 1.0))
        silent = rng.random() < 0.015
        decodable = True
        for tries, p in enumerate(self.pieces(human)):
            if silent or tries > 40 or length > want or len(tokens) + len(p.tokens) > MAX_CHARS:
                break
            if length + len(p.audio) > limit:
                if tries > 12:
                    break
                continue
            if -1 in p.tokens:
                continue
            decodable &= bool(p.tokens)
            tokens += p.tokens
            spans += [(length + int(p.marks[s, 0]), length + int(p.marks[s, 1])) if s >= 0 else (-1, -1) for s in p.of]
            labels += [(length + int(a), length + int(b), c) for (a, b), c in zip(p.marks, p.classes, strict=True)]
            gap_n = max(0, int((rng.uniform(-0.02, 0.1) if human else self._pause_s()) * RATE_HZ))
            audio += [p.audio, np.zeros(gap_n, np.float32)]
            length += len(p.audio) + gap_n
        audio.append(np.zeros(int(rng.uniform(0, 0.5) * RATE_HZ), np.float32))
        x = np.concatenate(audio)[:limit]
        if len(x) < 1600:
            x = np.pad(x, (0, 1600))
        return {
            "mel": log_mel(self.phone(x)),
            "pitch": pitch_classes(x),
            "tokens": tokens,
            "spans": spans,
            "labels": labels,
            "decodable": decodable,
            "length": len(x),
        }

    def _prompt(self, w: dict[str, object]) -> tuple[list[int], list[int], bool]:
        """(hotword prefix, prompt from <|startoftranscript|>, with timestamps)."""
        ids, rng = vocabulary.ids(), self.rng
        tokens: list[int] = w["tokens"]  # type: ignore[assignment]
        hot: list[int] = []
        if rng.random() < 0.12 and len(tokens) > 6:
            hot = [ids["<|startofprev|>"]]
            for _ in range(int(rng.integers(1, 5))):
                shard = self.shards[int(rng.integers(len(self.shards)))]
                source = tokens if rng.random() < 0.5 else [shard.chars[t] for t in shard.text[:4000]]
                start = int(rng.integers(0, len(source) - 4))
                name = [t for t in source[start : start + int(rng.integers(2, 5))] if t >= 103]
                hot += [ids[" "], *name]
        timed = rng.random() < 0.1
        prompt = [ids["<|startoftranscript|>"], ids["<|zh|>"], ids["<|transcribe|>"]]
        return hot, prompt if timed else [*prompt, ids["<|notimestamps|>"]], timed

    def batch(self, windows: list[dict[str, object]], seconds: float) -> dict[str, torch.Tensor]:
        ids = vocabulary.ids()
        frames = int(seconds * RATE_HZ) // HOP
        n, positions = len(windows), frames // 2
        mel = np.zeros((n, MELS, frames), np.float32)
        classes = np.zeros((n, positions, 3), np.int64)
        pitch = np.full((n, positions), -100)
        rows: list[tuple[list[int], list[int], list[tuple[int, int]]]] = []
        centre = np.arange(positions) * FRAME_S * RATE_HZ
        for k, w in enumerate(windows):
            m: Floats = w["mel"]  # type: ignore[assignment]
            mel[k, :, : m.shape[1]] = m[:, :frames]
            heard: npt.NDArray[np.int64] = w["pitch"]  # type: ignore[assignment]
            pitch[k, : len(heard)] = heard[:positions]
            for a, b, c in w["labels"]:  # type: ignore[attr-defined]
                i, j = np.searchsorted(centre, (a, b))
                classes[k, i:j] = c
            rows.append(self._row(w, ids))
        t = max(len(r[0]) for r in rows)
        inputs, targets = np.full((n, t), ids["<|endoftext|>"]), np.full((n, t), -100)
        span = np.full((n, t, 2), -1, np.int64)
        for k, (i_, t_, s_) in enumerate(rows):
            inputs[k, : len(i_)], targets[k, : len(t_)] = i_, t_
            span[k, : len(s_)] = s_
        arrays = {"mel": mel, "classes": classes, "pitch": pitch, "inputs": inputs, "targets": targets, "span": span}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _row(self, w: dict[str, object], ids: dict[str, int]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """Decoder inputs, targets and the audio span (encoder positions) that each step should look at."""
        hot, prompt, timed = self._prompt(w)
        tokens: list[int] = list(w["tokens"])  # type: ignore[call-overload]
        spans: list[tuple[int, int]] = [
            (-1, -1) if a < 0 else (int(a / RATE_HZ / FRAME_S), int(b / RATE_HZ / FRAME_S) + 1) for a, b in w["spans"]
        ]  # type: ignore[attr-defined]
        body = list(tokens)
        if timed and spans:
            stamp = ids["<|0.00|>"]
            known = [s for s in w["spans"] if s[0] >= 0]  # type: ignore[attr-defined]
            if known and known[-1][1] < 29.9 * RATE_HZ:
                body = [stamp + round(known[0][0] / RATE_HZ * 50), *tokens, stamp + round(known[-1][1] / RATE_HZ * 50)]
                spans = [(-1, -1), *spans, (-1, -1)]
        silent = not w["labels"]
        full = [*hot, *prompt, *body, ids["<|endoftext|>"]]
        head = len(hot) + len(prompt)
        targets = [-100] * (head - 1) + [*body, ids["<|endoftext|>"]]
        targets[len(hot)] = ids["<|nospeech|>"] if silent else ids["<|zh|>"]
        if not w["decodable"]:
            targets = [-100] * len(targets)
        return full[:-1], targets, [(-1, -1)] * (head - 1) + spans + [(-1, -1)]
