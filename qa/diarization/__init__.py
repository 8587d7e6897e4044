"""Who speaks when in a recording of one channel: engines behind one protocol, chosen by name.

An engine hears a recording a block (``qa.blocks``) at a time, so that its memory does not grow with the call, and tells the voices of
one block apart; the voices of all blocks are then joined to the speakers of the call by what they sound like (``linking``), and their
stretches fitted to the speech that was found (``settling``).

Engines: ``sherpa`` (sherpa-onnx, no torch), ``pyannote`` (pyannote.audio's own pipeline, extra ``qa[diarization]``) and ``turns`` (the
speech that was found, by its voice prints alone).
"""

from __future__ import annotations

from qa.diarization.choosing import AUTO, CHOICES, OFF, LocatedDiarizer, load, locate
from qa.diarization.protocol import Diarization, Diarizer

__all__ = ["AUTO", "CHOICES", "OFF", "Diarization", "Diarizer", "LocatedDiarizer", "load", "locate"]
