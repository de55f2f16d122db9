"""`@fuzz`: a hypothesis test whose inputs are counted by target, and whose thoroughness the environment chooses.

DEEPHAR_FUZZ=ci (default): few inputs, the same ones every time. DEEPHAR_FUZZ=deep: many, others each time
(`scripts/nightly`). DEEPHAR_FUZZ_JSON: a file that gets the number of inputs tried by target.

Test files of test/fuzz are called test_fuzz_*.py: pytest wants every test file of the project to have its own name.
"""

from __future__ import annotations

import functools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings

T = TypeVar("T")

EXAMPLES = {"ci": 40, "deep": 2000}
"""Inputs of a test whose share is 1, by profile."""
LONGEST = 600
"""Characters of a complaint: whatever an input holds, it does not fill the log."""
PATIENCE = 30
"""Seconds that one input may take before the test fails: far more than any takes on a busy machine."""

tried: Counter[str] = Counter()
"""Inputs tried in this test run, by target."""

for name, examples in EXAMPLES.items():
    settings.register_profile(
        name,
        max_examples=examples,
        derandomize=name == "ci",
        database=None,
        deadline=None,  # PATIENCE instead: how long one input takes says little on a busy machine
        print_blob=True,
        phases=set(Phase) - {Phase.explain},  # it traces every line, and code that reads text gets ten times slower
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def profile() -> settings:
    """The profile that the environment chooses."""
    return settings.get_profile(os.environ.get("DEEPHAR_FUZZ", "ci"))


def fuzz(target: str, share: float = 1.0, **strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: calls the test with inputs of the strategies, one by keyword; other arguments are pytest's fixtures.

    Args:
        target: what is fed, as it stands in the report; several tests may share one.
        share: inputs over those of other tests; less than 1 for a slow test.
    """
    chosen = profile()

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def counted(*args: Any, **kwargs: Any) -> None:
            tried[target] += 1
            with patience():
                test(*args, **kwargs)

        count = max(1, round(chosen.max_examples * share))
        return settings(chosen, max_examples=count)(given(**strategies)(counted))

    return decorate


def attempt(call: Callable[[], T], refusal: type[Exception]) -> tuple[T | None, str]:
    """What `call` gives and "", or None and the sentence of a `refusal`, which fits into one line of a log."""
    try:
        return call(), ""
    except refusal as error:
        sentence = str(error)
    assert sentence
    assert sentence.isprintable()
    assert len(sentence) <= LONGEST
    return None, sentence


class Hung(BaseException):
    """An input took too long; no Exception, which a reader of files may take for a fault of the file."""


@contextmanager
def patience(seconds: int = PATIENCE) -> Iterator[None]:
    """Raises Hung in the main thread if what is inside takes longer."""

    def give_up(*_: object) -> None:
        raise Hung(f"one input took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
