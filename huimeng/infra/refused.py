"""What was refused before it became a request of the application: no log line each, but none without a trace."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from huimeng.infra import metrics

# The metric is shared with other processes, which costs a tenth of a refusal each time.
_COUNT_SECONDS = 0.1
_TELL_SECONDS = 5.0

log = logging.getLogger("huimeng.doorway")


class Refused:
    """Of one process, by the code of the refusal."""

    def __init__(self, codes: Iterable[str]) -> None:
        # From the start: a rate doesn't see the first of a counter that was not there before.
        self._metrics = {code: metrics.REFUSED.labels(code) for code in codes}
        self._uncounted: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._telling = False
        # Whoever is refused behind another is so in that one's context; a line here is about no single request.
        self._nobodys = contextvars.Context()

    def add(self, code: str) -> None:
        if not self._uncounted:
            self._later(_COUNT_SECONDS, self._count)
        self._uncounted[code] += 1

    def _count(self) -> None:
        # Taken out first: should counting fail, what comes later is counted all the same.
        counted, self._uncounted = self._uncounted, Counter()
        self._untold += counted
        if not self._telling:
            self._tell()
        for code, number in counted.items():
            self._metrics[code].inc(number)

    def _tell(self) -> None:
        """The first at once, and what comes after it together."""
        self._telling = bool(self._untold)
        if not self._telling:
            return
        self._later(_TELL_SECONDS, self._tell)
        told, self._untold = self._untold, Counter()
        log.warning("requests refused", extra={"refused": told.total(), "reasons": dict(told.most_common())})

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, call, context=self._nobodys)
