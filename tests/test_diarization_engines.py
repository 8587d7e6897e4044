"""The engines themselves, with the bundled models, on a sample call of one channel."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qa import activity, blocks, decode, diarization, models
from qa.diarization.sherpa_engine import SherpaEngine
from qa.errors import ModelError
from qa.paths import models_dir
from qa.types import Float32Array, Span

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "recordings_sample"
MONO = SAMPLES / "27_mono_clean.wav"
BUNDLED = models_dir() / "diarization-demo"


def here(engine: str) -> bool:
    try:
        return importlib.util.find_spec({"sherpa": "sherpa_onnx", "turns": "sherpa_onnx", "pyannote": "pyannote.audio"}[engine]) is not None
    except ImportError:
        return False


needs_pyannote = pytest.mark.skipif(not here("pyannote"), reason="the extra qa-callcentre[diarization] is not installed")
ENGINES = ["sherpa", "turns", pytest.param("pyannote", marks=[needs_pyannote, pytest.mark.slow])]


def located(engine: str) -> diarization.LocatedDiarizer:
    found = diarization.locate(f"{engine}:{models.bundled_diarization()}")
    assert found is not None
    return found


@functools.cache
def loaded(engine: str, threads: int = 1) -> diarization.Diarizer:
    return diarization.load(located(engine), threads)


@functools.cache
def told(engine: str, threads: int = 1) -> diarization.Diarization:
    audio = decode.decode(MONO)
    return loaded(engine, threads).diarize(blocks.channel(audio, 0), activity.detect(audio).channels[0])


def by_role() -> dict[str, list[Span]]:
    rows = (json.loads(line) for line in (SAMPLES / "truth.jsonl").read_text("utf-8").splitlines())
    turns = next(row["turns"] for row in rows if row["file"] == MONO.name)
    out: dict[str, list[Span]] = {}
    for turn in turns:
        out.setdefault(turn["role"], []).append(Span(turn["start_ms"], turn["end_ms"]))
    return out


def shared(a: Sequence[Span], b: Sequence[Span]) -> int:
    return sum(x.overlap_ms(y) for x in a for y in b)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_two_of_a_call_are_told_apart(engine: str) -> None:
    """Of the time in which each one is heard at least four fifths are one label's, and it is another label for the other."""
    found, truth = told(engine), by_role()
    speech = activity.detect(decode.decode(MONO)).channels[0]
    heard = {who: [t.span for t in found.exclusive if t.speaker == who] for who in sorted({t.speaker for t in found.exclusive})}
    assert sorted(heard) == ["spk0", "spk1"]
    best = {role: max(heard, key=lambda who: shared(heard[who], spans)) for role, spans in truth.items()}
    assert len(set(best.values())) == 2
    for role, spans in truth.items():
        assert shared(heard[best[role]], spans) >= 0.8 * shared(spans, speech), role


@pytest.mark.parametrize("engine", ENGINES)
def test_a_voice_is_more_alike_to_itself_than_to_the_other(engine: str) -> None:
    """By the mean of its stretches: nine tenths of those that are one person's are nearer to that person's others."""
    found, truth = told(engine).alike, by_role()
    assert found is not None and len(found.anchors) == len(found.spans) > 10
    who = [max(truth, key=lambda role: shared([span], truth[role])) for span in found.spans]
    pure = [n for n, span in enumerate(found.spans) if shared([span], truth[who[n]]) >= 0.8 * span.duration_ms]
    nearer = 0
    for n in pure:
        means = {role: np.mean([found.table[n, m] for m in pure if m != n and who[m] == role]) for role in truth}
        nearer += max(means, key=lambda role: means[role]) == who[n]
    assert len(pure) > 10 and nearer >= 0.9 * len(pure)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_call_is_told_the_same_with_any_threads_and_again(engine: str) -> None:
    again = diarization.load(located(engine), 1)
    audio = decode.decode(MONO)
    assert again.diarize(blocks.channel(audio, 0), activity.detect(audio).channels[0]) == told(engine)
    assert told(engine, 2) == told(engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_silence_noise_and_a_tenth_of_a_second_stop_nothing(engine: str) -> None:
    noise = np.random.default_rng(1).standard_normal(16_000 * 3).astype(np.float32) * 0.01
    for x in (np.zeros(160_000, np.float32), noise, noise[:1600], noise[:1]):
        found = loaded(engine).diarize(blocks.Wave.of(x, 16_000), (Span(0, max(30, len(x) // 16)),))
        assert len({t.speaker for t in found.turns}) <= 3


HOOK = """
import sys
def refuse(event, args):
    if event == "socket.bind" and args[1][:2] == ("::1", 0):
        return  # urllib3 asks at import whether there is IPv6
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        print("network:", event, args, flush=True)
        raise SystemExit(3)
sys.addaudithook(refuse)
"""
TELL = """
from pathlib import Path
from qa import activity, blocks, decode, diarization
engine = diarization.load(diarization.locate(sys.argv[1]), 1)
audio = decode.decode(Path(sys.argv[2]))
turns = engine.diarize(blocks.channel(audio, 0), activity.detect(audio).channels[0]).turns
import os
print(len(turns), os.environ.get("PYANNOTE_METRICS_ENABLED", ""))
"""


def without_network(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """In a network namespace without interfaces where the kernel lets us make one, and under an audit hook everywhere.

    The environment asks for what is not to happen: reports to pyannote's makers, and the hub.
    """
    namespace = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        namespace = []
    environment = {**os.environ, "PYANNOTE_METRICS_ENABLED": "true", "HF_HUB_OFFLINE": "0"}
    command = [*namespace, sys.executable, "-c", HOOK + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_socket_is_opened(engine: str, tmp_path: Path) -> None:
    done = without_network(TELL, f"{engine}:{models.bundled_diarization()}", str(MONO), cwd=tmp_path)
    assert done.returncode == 0 and "network" not in done.stdout, done.stdout + done.stderr
    turns, metrics = done.stdout.split()
    assert int(turns) > 0 and (engine != "pyannote" or metrics == "0")


CALLS_HOME = {
    "in a thread": "import socket, threading\nthreading.Thread(target=lambda: socket.create_connection(('127.0.0.1', 9))).start()",
    "by name": "import urllib.request\nurllib.request.urlopen('http://hub.invalid/')",
    "by datagram": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
}


@pytest.mark.parametrize("how", CALLS_HOME)
def test_a_socket_would_be_seen(how: str, tmp_path: Path) -> None:
    assert "network" in without_network(CALLS_HOME[how], cwd=tmp_path).stdout


@needs_pyannote
@pytest.mark.slow
@pytest.mark.parametrize("change", ["plda", "metrics"])
def test_what_would_call_home_is_seen_to(change: str, tmp_path: Path) -> None:
    """A pipeline that leaves its PLDA to the hub is an error without a look there; and the library does report once it is let to."""
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder)
    config = folder / "config.yaml"
    if change == "plda":
        config.write_text("".join(line for line in config.read_text("utf-8").splitlines(keepends=True) if "plda:" not in line), "utf-8")
    models.write_hashes(folder)
    let = "from pyannote.audio.telemetry import set_telemetry_metrics\nset_telemetry_metrics(True)\n" if change == "metrics" else ""
    code = "from qa.diarization import pyannote_engine\npyannote_engine.library()\n" + let + TELL + "import time\ntime.sleep(3)"
    done = without_network(code, f"pyannote:{folder}", str(MONO), cwd=tmp_path)
    if change == "metrics":
        assert "network" in done.stdout, done.stdout + done.stderr
    else:
        assert done.returncode and "network" not in done.stdout and "ModelError" in done.stderr, done.stdout + done.stderr


BROKEN = "raise {error}('linked against what is not here')"
STUB = """
import sys
from qa.diarization.pyannote_engine import _import_torchaudio
_import_torchaudio()
import torchaudio
print(torchaudio.usable, sys.modules["torchaudio._extension"]._IS_TORCHAUDIO_EXT_AVAILABLE)
"""


@pytest.mark.parametrize("error", ["OSError", "ImportError", "RuntimeError", ""])
def test_torchaudio_is_used_without_its_extension_where_that_cannot_be_loaded(error: str, tmp_path: Path) -> None:
    """And with it where it can.  The error depends on the wheels: no CUDA libraries, or of another release than torch, or none at all."""
    extension = tmp_path / "torchaudio" / "_extension"
    extension.mkdir(parents=True)
    (extension / "__init__.py").write_text(BROKEN.format(error=error) if error else "_IS_TORCHAUDIO_EXT_AVAILABLE = True")
    use = "from ._extension import fail_if_no_rir\n@fail_if_no_rir\ndef f(): ...\n" if error else ""
    (tmp_path / "torchaudio" / "__init__.py").write_text(f"from . import _extension\n{use}usable = 1")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", STUB], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == ["1", str(not error)], done.stderr


SCORE = """
from pathlib import Path
from qa import pipeline, rulebook
from qa.store import Store
with Store(Path("t.db")) as store:
    for choice in sys.argv[2:]:
        (found,) = pipeline.score_files([Path(sys.argv[1])], store=store, book=rulebook.load("default"), asr="demo", diarization=choice)
        call = found.call
        print(call.turns.method.partition("@")[0], found.reused, sorted({u.speaker for u in call.transcript.utterances} - {"mono"}))
        print(dict(found.scorecard.provenance.models)["speakers"] == call.turns.method)
"""


@pytest.mark.slow
def test_a_mono_call_is_scored_with_its_speakers_and_without_a_socket(tmp_path: Path) -> None:
    """With another choice nothing is recognised again."""
    done = without_network(SCORE, str(MONO), "auto", "off", "turns", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    name = f"turns/{models.bundled_diarization()}"
    assert done.stdout.splitlines()[::2] == [f"{name} False ['spk0', 'spk1']", "none True []", f"{name} True ['spk0', 'spk1']"]
    assert set(done.stdout.splitlines()[1::2]) == {"True"}


MEMORY = """
import resource, sys, numpy as np
from pathlib import Path
from qa import blocks, decode, diarization
from qa.types import Span
pcm = decode.decode(Path(sys.argv[2])).pcm[:, 0]
def read(start, end):
    return np.take(pcm, np.arange(start, end), mode="wrap").astype(np.float32) / np.float32(32768)
engine = diarization.load(diarization.locate(sys.argv[1]), 1)
peaks = []
for seconds in (1172, 1748):
    length = seconds * 8000
    engine.diarize(blocks.Wave(read, length, 8000), [Span(1000 * s, 1000 * s + 900) for s in range(seconds)])
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*peaks)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ENGINES)
def test_memory_does_not_grow_with_the_call(engine: str) -> None:
    """Three blocks of the same length need no more than two (MiB); the samples of the third would be 37 alone."""
    command = [sys.executable, "-c", MEMORY, f"{engine}:{models.bundled_diarization()}", str(MONO)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    short, long = map(float, done.stdout.split())
    assert long - short < 25, (short, long)


# ---------------------------------------------------------------- models that are not what they should be


def without_metadata(model: bytes) -> bytes:
    """An ONNX model without ``metadata_props`` (field 14 of ModelProto); all its fields are numbers or have a length."""
    out, at = bytearray(), 0

    def number(at: int) -> tuple[int, int]:
        value, shift = 0, 0
        while True:
            value |= (model[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if model[at - 1] < 0x80:
                return value, at

    while at < len(model):
        begin = at
        key, at = number(at)
        length, at = number(at)
        at += length if key & 7 == 2 else 0
        if key >> 3 != 14:
            out += model[begin:at]
    return bytes(out)


@pytest.mark.parametrize("spoiled", ["segmentation.onnx", "embedding.onnx"])
def test_a_model_that_sherpa_would_end_the_process_for_is_an_error(spoiled: str, tmp_path: Path) -> None:
    for name in ("segmentation.onnx", "embedding.onnx"):
        data = (BUNDLED / name).read_bytes()
        (tmp_path / name).write_bytes(without_metadata(data) if name == spoiled else data)
    with pytest.raises(ModelError, match="缺少 sherpa-onnx 要读的说明"):
        SherpaEngine(tmp_path)
    (tmp_path / spoiled).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="不是可用的 ONNX 模型"):
        SherpaEngine(tmp_path)


def test_a_block_is_never_heard_as_one_that_it_is_not() -> None:
    """The engine gives stretches within the block, apart, each with a print of length 1."""
    audio = decode.decode(MONO)
    x: Float32Array = blocks.channel(audio, 0).through(lambda y: np.repeat(y, 16_000 // audio.info.rate_hz), 16_000).read(0, 16_000 * 30)
    found = SherpaEngine(BUNDLED, 1).voices(x, (Span(0, 30_000),))
    assert found
    for voice in found:
        assert all(s.end_ms <= 30_050 for s in voice.spans) and shared(voice.alone, voice.spans) == voice.weight_ms
        assert voice.print is None or np.linalg.norm(voice.print) == pytest.approx(1.0, abs=1e-5)
