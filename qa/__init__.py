"""Voice-quality and etiquette QA for Mandarin call centres."""

__version__ = "0.1.0"
