"""Long lists page by page: by a key (the last row shown), never by counting rows, so that page 10,000 is as quick as the first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paging:
    """What ``web.pages(paging)`` shows: addresses of the pages before and after ('' for none), and where one is."""

    before: str = ""
    after: str = ""
    text: str = ""
