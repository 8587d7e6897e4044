"""What every process that makes a call needs, loaded once by the server from which they are forked."""

from __future__ import annotations

import logging

import jieba

jieba.setLogLevel(logging.WARNING)
jieba.initialize()
