"""A cut: what is drawn against what, in which bins, integrated over what."""

from __future__ import annotations

import difflib
import math
import re
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ewaldite.errors import UserError
from ewaldite.run.section import Section

Bins = tuple[float, float, Annotated[float, Field(gt=0)]]
Range = tuple[float, float]

#: What axes are made of; ``Q`` is the length of the wavevector transfer in 1/Å.
QUANTITIES = ("h", "k", "l", "energy_transfer", "Q")
H, K, L, ENERGY, LENGTH = range(5)

_TERM = re.compile(r"\s*([+-]?)\s*(\d+(?:\.\d*)?|\.\d+)?\s*\*?\s*(energy_transfer|[hklQ])\s*")
_WHOLE = 1e-6


class Cut(Section):
    """A cut in one to four dimensions through (Q, ω).

    Every axis is a sum of ``h``, ``k``, ``l`` (reciprocal-lattice units), ``energy_transfer``
    (meV) and ``Q`` (1/Å) with numbers before them, as in ``"h"``, ``"0.5h+0.5k"``, or
    ``"l-0.2energy_transfer"``. What is neither an axis nor in ``integrate`` is integrated over
    all that was measured.
    """

    name: str = Field(
        pattern=r"^\w[\w.+-]*$", max_length=64, description="of the files cuts/NAME.nxs"
    )
    axes: list[str] = Field(min_length=1, max_length=4, description="what spans the cut")
    bins: dict[str, Bins] = Field(description="first edge, last edge and width, by axis")
    integrate: dict[str, Range] = Field(
        default_factory=dict, description="lower and upper limit, by the name of a sum as above"
    )
    fold: str | None = Field(
        None,
        description="space or point group whose rotations fold the data, as 'P 4/m m m'; "
        "default: [normalise] point_group",
    )
    scale: Literal["linear", "log"] = Field(
        "linear", description="of the colours of the picture, where it has any"
    )

    @model_validator(mode="after")
    def _complete(self) -> Cut:
        where = f"[[cut]] '{self.name}'"
        if len(set(self.axes)) != len(self.axes):
            raise ValueError(f"axes in {where} names one twice")
        if set(self.bins) != set(self.axes):
            wrong = sorted(set(self.bins) ^ set(self.axes))
            raise ValueError(f"bins in {where} must name its axes, no other: {wrong}")
        for name, (low, high, step) in self.bins.items():
            if not low < high:
                raise ValueError(
                    f"bins of '{name}' in {where} go from {low:g} to {high:g}: the last edge "
                    "must be above the first"
                )
            number = (high - low) / step
            if number < 1 - _WHOLE or abs(number - round(number)) > _WHOLE * number:
                raise ValueError(
                    f"bins of '{name}' in {where} from {low:g} to {high:g} are no whole number "
                    f"of steps of {step:g}"
                )
        for name, (low, high) in self.integrate.items():
            if not low < high:
                raise ValueError(
                    f"integrate '{name}' in {where} goes from {low:g} to {high:g}: its upper "
                    "limit must be above its lower one"
                )
            if name in self.axes:
                raise ValueError(f"'{name}' in {where} is an axis and integrated over")
        for name in (*self.axes, *self.integrate):
            if coefficients(name) is None:
                near = difflib.get_close_matches(name, QUANTITIES, n=1, cutoff=0.5)
                guess = f" (did you mean '{near[0]}'?)" if near else ""
                raise ValueError(
                    f"'{name}' in {where} is no sum of {', '.join(QUANTITIES)}, as 'h+0.5k'"
                    f"{guess}"
                )
        sums = np.array([coefficients(name) for name in self.axes])
        if np.linalg.matrix_rank(sums) < len(self.axes):
            raise ValueError(f"axes in {where} depend on one another: {', '.join(self.axes)}")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each axis."""
        ends = (self.bins[name] for name in self.axes)
        return tuple(round((high - low) / step) for low, high, step in ends)

    @property
    def size(self) -> int:
        """Number of bins."""
        return math.prod(self.shape)

    def edges(self, axis: str) -> NDArray[np.float64]:
        """Edges of the bins of an axis; dims (bin + 1), in :func:`unit_of`, float64."""
        low, high, _ = self.bins[axis]
        return np.linspace(low, high, self.shape[self.axes.index(axis)] + 1)

    def widened(self, axis: str, factor: int) -> Cut:
        """Make the same cut with bins that are ``factor`` times as wide along an axis."""
        low, high, step = self.bins[axis]
        return Cut.model_validate(
            {**self.model_dump(), "bins": {**self.bins, axis: (low, high, step * factor)}}
        )


def coefficients(text: str) -> tuple[float, ...] | None:
    """Read a sum of quantities.

    Parameters
    ----------
    text:
        As in ``"h"`` or ``"0.5h - k"``.

    Returns
    -------
    :
        Number before each of :data:`QUANTITIES`; None if the text is no such sum.
    """
    found = [0.0] * len(QUANTITIES)
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or (at > 0 and not match[1]):
            return None
        sign = -1.0 if match[1] == "-" else 1.0
        found[QUANTITIES.index(match[3])] += sign * float(match[2] or 1.0)
        at = match.end()
    return tuple(found) if any(found) and all(map(math.isfinite, found)) else None


def unit_of(axis: str) -> str:
    """Unit of an axis: ``"meV"``, ``"1/angstrom"``, or ``"dimensionless"`` for r.l.u.

    A sum of quantities of different units is dimensionless: its numbers carry the units.
    """
    given = coefficients(axis) or ()
    if not any(given[:LENGTH]) and given:
        return "1/angstrom"
    if given and given[ENERGY] and not (any(given[:ENERGY]) or given[LENGTH]):
        return "meV"
    return "dimensionless"


def make_cut(**fields: Any) -> Cut:
    """Make a cut in Python, with mistakes told as everywhere.

    Raises
    ------
    UserError
        If the fields make no cut.
    """
    from pydantic import ValidationError

    try:
        return Cut(**fields)
    except ValidationError as error:
        said = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
        raise UserError("make a cut", said, "Correct its fields.") from None
