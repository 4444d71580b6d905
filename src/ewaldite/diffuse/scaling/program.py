"""Steps of alternating refinement, as they are written in the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Word for the rejection of outliers.
OUTLIERS = "outliers"
# Iterations and tolerance of mdx-lib's program
_DEFAULTS = {
    "b": (50, 1e-4),
    "cb": (20, 1e-3),
    "c": (20, 1e-3),
    "a": (10, 1e-4),
    "d": (5, 1e-4),
}
_SIGMA = 10.0


@dataclass(frozen=True)
class ProgramStep:
    """One step.

    Attributes
    ----------
    name:
        Terms that are refined in turn, each a letter, or ``outliers``.
    iterations:
        Most iterations.
    tolerance:
        The step ends when the mean square residual changes by less; of outliers, the multiple
        of the rms residual beyond which an observation is rejected.
    """

    name: str
    iterations: int
    tolerance: float


def parse_program(steps: Sequence[str]) -> tuple[ProgramStep, ...]:
    """Read steps such as ``"b"``, ``"cb 20 1e-3"`` or ``"outliers 5"``.

    Raises
    ------
    ValueError
        A step cannot be understood.
    """
    return tuple(_step(text) for text in steps)


def _step(text: str) -> ProgramStep:
    name, *numbers = text.split() or [""]
    try:
        if name == OUTLIERS and len(numbers) < 2:
            return ProgramStep(name, 1, _positive(numbers[0]) if numbers else _SIGMA)
        if name in _DEFAULTS and len(numbers) < 3:
            iterations, tolerance = _DEFAULTS[name]
            if numbers:
                iterations = int(_positive(numbers[0]))
            if len(numbers) == 2:
                tolerance = _positive(numbers[1])
            return ProgramStep(name, iterations, tolerance)
    except ValueError:
        pass
    raise ValueError(
        f"'program' in [scale] has the step {text!r}; write one of {', '.join(_DEFAULTS)} with "
        f"iterations and tolerance behind it, or '{OUTLIERS}' with a number of sigma"
    )


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0 or value == float("inf"):
        raise ValueError(text)
    return value
