"""A clock that stands still while the machine does: for what must not take long.

    began = awake.now()
    ...
    assert awake.now() - began < 0.5

On a machine that somebody else holds up, for seconds at times, nothing is quick by any other clock.
And who tests time-outs of a fraction of a second must not be late himself: see mattering().
"""
import functools
import threading
import time

STEP_S = 0.01
LATE_S = 0.1
TRIES = 5


class _Clock:
    """Counts its steps; of one that took far longer than it should, only so much as is usual."""

    def __init__(self):
        self.seconds = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        last = time.monotonic()
        while True:
            time.sleep(STEP_S)
            now = time.monotonic()
            self.seconds += min(now - last, 5 * STEP_S)
            last = now


_clocks = []


def now():
    if not _clocks:
        _clocks.append(_Clock())
    return _clocks[0].seconds


def _lost():
    return time.monotonic() - now()


def mattering(test):
    """A test that is run again if it failed while the machine stood still: it may have been late by that."""
    @functools.wraps(test)
    def run(*args, **kwargs):
        for left in range(TRIES - 1, -1, -1):
            lost = _lost()
            try:
                return test(*args, **kwargs)
            except Exception:  # noqa: BLE001 - whatever it is, it is raised if nobody was late
                if _lost() - lost < LATE_S or left == 0:
                    raise
    return run
