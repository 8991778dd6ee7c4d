# SPDX-License-Identifier: ISC
"""Waiting for a condition with a deadline: the only way the tests let time pass."""
import time

POLL_S = 0.005


def wait_for(condition, what, deadline_s=20.0):
    """The first true value of condition(); AssertionError that names `what` when none came in time."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(POLL_S)
