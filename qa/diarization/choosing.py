"""Which engine with which model: ``auto``, ``off``, or an engine by name, with a model by name or folder behind a colon."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal, cast

from qa import models
from qa.diarization.linking import CONFIG_FILE
from qa.diarization.protocol import Diarizer
from qa.errors import ModelError
from qa.models import LocatedModel

AUTO, OFF = "auto", "off"
CHOICES = (AUTO, "sherpa", "pyannote", "turns", OFF)
_PACKAGES = {"sherpa": "sherpa_onnx", "pyannote": "pyannote.audio", "turns": "sherpa_onnx"}
_FILES = {"sherpa": ("segmentation.onnx", "embedding.onnx"), "pyannote": models.PIPELINE_FILES, "turns": ("embedding.onnx",)}
_ABSENT = {
    "sherpa": ("没有安装 sherpa-onnx", "请运行 pip install sherpa-onnx"),
    "turns": ("没有安装 sherpa-onnx", "请运行 pip install sherpa-onnx"),
    "pyannote": ("没有安装 pyannote.audio", "请运行 pip install 'qa-callcentre[diarization]'，或改用 --diarization sherpa"),
}
EngineName = Literal["sherpa", "pyannote", "turns"]
_DEFAULTS = ("turns", "pyannote")  # what ``auto`` takes with the bundled model, the first that is there


@dataclass(frozen=True)
class LocatedDiarizer:
    """An engine with a model that is ready to load."""

    engine: EngineName
    model: LocatedModel

    @property
    def identity(self) -> str:
        """Engine, model and weights: part of the key under which turns are stored, and what the turns name as their method."""
        return f"{self.engine}/{self.model.name}@{self.model.fingerprint}"


def locate(choice: str, demo: bool = False) -> LocatedDiarizer | None:
    """The engine that ``choice`` names, with its model; None for ``off``, and for ``auto`` where there is none.

    ``demo``: the words are recognised by the bundled demonstration model.  Then ``auto`` takes an engine with the bundled model; else
    pyannote with the production model, for the bundled one has never heard a real person, and a swapped speaker blames an agent for the
    customer's words.  ``sherpa`` and ``turns`` alone take the bundled model (what is told by it is marked ``demo``), ``pyannote`` alone the
    production model.  Opens no socket and loads nothing.

    Raises ModelError for a choice that is none, an engine that is not installed, and what :func:`qa.models.locate_diarization` raises.
    """
    if choice == OFF:
        return None
    if choice == AUTO:
        if not demo:
            return _here("pyannote", models.production_diarization())
        return next((found for engine in _DEFAULTS if (found := _here(engine, models.bundled_diarization())) is not None), None)
    engine, _, model = choice.partition(":")
    if engine not in _PACKAGES or choice.endswith(":"):
        raise ModelError(f"--diarization {choice}", "没有这个说话人区分引擎", f"可用：{'、'.join(CHOICES)}，或 引擎:模型名、引擎:文件夹")
    if not _installed(engine):
        raise ModelError(f"说话人区分引擎 {engine}", *_ABSENT[engine])
    return _located(engine, model or (models.bundled_diarization() if engine != "pyannote" else None))


def _here(engine: str, name: str) -> LocatedDiarizer | None:
    return _located(engine, name) if _installed(engine) and models.is_here(name, _FILES[engine]) else None


def _located(engine: str, model: str | None) -> LocatedDiarizer:
    found = models.locate_diarization(model, _FILES[engine], (CONFIG_FILE,))
    return LocatedDiarizer(cast(EngineName, engine), found)


def _installed(engine: str) -> bool:
    try:
        return importlib.util.find_spec(_PACKAGES[engine]) is not None
    except ImportError:  # the package around it is not there
        return False


def load(located: LocatedDiarizer, threads: int = 1) -> Diarizer:
    """Load an engine.  Errors: :class:`ModelError`, which is no recording's fault.

    One thread is the fastest for each second of processor time (several wait for each other, and where ``OMP_WAIT_POLICY`` is not PASSIVE
    they do so at full load), and more than thirty times faster than the call: whoever has cores to spare works on several calls.
    """
    from qa.diarization.blockwise import Blockwise
    from qa.diarization.linking import likeness_of
    from qa.diarization.protocol import BlockEngine

    folder, likeness = located.model.path, likeness_of(located.model.path)
    engine: BlockEngine
    if located.engine == "sherpa":
        from qa.diarization.sherpa_engine import SherpaEngine

        engine = SherpaEngine(folder, threads, likeness)
    elif located.engine == "turns":
        from qa.diarization.turns_engine import TurnsEngine

        engine = TurnsEngine(folder, threads, likeness)
    else:
        from qa.diarization.pyannote_engine import PyannoteEngine

        engine = PyannoteEngine(folder, threads)
    return Blockwise(engine, located.identity, likeness, located.model.demo)
