"""Figures of the running web app in the form that Prometheus reads; no person, no call, no number is a label.

Labels are patterns of addresses (``/calls/{call_id}``), methods, statuses, names of work in the background: their values come from the
program alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from qa import __version__
from qa.clips import index
from qa.errors import QaError
from qa.operation import backup, health
from qa.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNKNOWN = "(none)"
"""The route of what has none."""
_COUNTS = {
    "qa_scorecards": ("Scorecards kept", "select coalesce(max(id), 0) from scorecards"),
    "qa_audit_rows": ("Rows of the audit log", "select coalesce(max(count), 0) from audit_anchor"),
    "qa_sessions": ("Sessions that are kept", "select count(*) from sessions"),
    "qa_search_waiting": ("Calls that wait for the search index", "select count(*) from (select 1 from search_stale limit 10000)"),
    "qa_quarantined": ("Recordings that could not be scored", "select count(*) from quarantine where resolved is null"),
}
_LAST_PURGE = "select coalesce(max(ended), '') as at from purge_ends"


class Figures:
    """What one process counted, and what its database tells when it is asked."""

    def __init__(self, db: Path) -> None:
        self.registry = CollectorRegistry()
        self.keepers: Callable[[], Mapping[str, bool]] = dict
        """By name of a piece of work in the background whether it is done (:meth:`qa.background.Kept.states`)."""
        labels = ("route", "method", "status")
        self._requests = Counter("qa_requests", "Requests answered", labels, registry=self.registry)
        self._seconds = Histogram("qa_request_seconds", "Seconds to the answer", ("route",), buckets=SECONDS, registry=self.registry)
        self.registry.register(_Kept(db))
        self.registry.register(_Keepers(self))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is the pattern of its address, ``""`` where none fitted."""
        known = method if method in ("GET", "HEAD", "POST") else "other"  # a client may write anything there
        self._requests.labels(route or UNKNOWN, known, str(status)).inc()
        self._seconds.labels(route or UNKNOWN).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Keepers(Collector):
    """Whether the work in the background goes on."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("qa_keeper_up", "1 where the last piece of this work in the background was done", labels=("keeper",))
        for name, works in self._figures.keepers().items():
            up.add_metric((name,), float(works))
        yield up


class _Kept(Collector):
    """Figures of the database, asked for at every scrape on a connection of its own."""

    def __init__(self, db: Path) -> None:
        self._db = db

    def describe(self) -> list[Metric]:
        return []  # nothing is asked when this is registered

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("qa_info", "The program", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
        try:
            with Store(self._db, create=False, busy_timeout_s=1.0) as store:
                yield from self._of(store)
        except QaError:
            yield GaugeMetricFamily("qa_ready", "1 where the program can do its work", 0)

    def _of(self, store: Store) -> Iterator[Metric]:
        yield GaugeMetricFamily("qa_ready", "1 where the program can do its work", float(not health.problems(store)))
        sizes = health.sizes(self._db)
        for name, help_, value in (
            ("qa_database_bytes", "Bytes of the database", sizes.database),
            ("qa_log_bytes", "Bytes of its write-ahead log", sizes.log),
            ("qa_disk_free_bytes", "Bytes free on its disk", sizes.free),
        ):
            yield GaugeMetricFamily(name, help_, value)
        for name, (help_, sql) in _COUNTS.items():
            yield GaugeMetricFamily(name, help_, next(iter(store.db.rows(sql)[0].values())))
        outdated = "Calls in the search index that were made under other rules of what is hidden, and are not found until made anew"
        yield GaugeMetricFamily("qa_search_outdated", outdated, index.outdated(store))
        ended = store.db.rows(_LAST_PURGE)[0]["at"]
        at = datetime.fromisoformat(ended).timestamp() if ended else 0.0
        yield GaugeMetricFamily("qa_last_purge_timestamp_seconds", "End of the last purge, 0: none yet", at)
        made = backup.newest(store)
        for name, help_, moment in (
            ("qa_last_backup_timestamp_seconds", "Last backup, 0: none yet", made.created if made is not None else ""),
            (
                "qa_last_backup_check_timestamp_seconds",
                "When that backup was restored on trial, 0: never",
                made.proved if made is not None else "",
            ),
        ):
            yield GaugeMetricFamily(name, help_, datetime.fromisoformat(moment).timestamp() if moment else 0.0)
