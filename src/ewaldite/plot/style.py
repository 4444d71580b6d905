"""One look for all pictures, and how they become files."""

from __future__ import annotations

import difflib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.io.atomic import PathLike, write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Format = Literal["png", "svg", "pdf"]

INK = "#26323d"
FAINT = "#8a949e"
ABSENT = "#d5d8dc"
# Paul Tol, "Colour Schemes", SRON/EPS/TN/09-002 (2021), scheme bright: colour-blind safe.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")

_D_TICKS = (20, 10, 5, 4, 3, 2.5, 2, 1.7, 1.5, 1.3, 1.2, 1.1, 1, 0.9, 0.8, 0.7, 0.6, 0.5)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def new_figure(width: float, height: float) -> Figure:
    """Empty figure, inches; it belongs to nobody but the caller (no pyplot).

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "draw a picture") from error
    return Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")


def figure_bytes(figure: Figure, fmt: Format = "png") -> bytes:
    """Encode a figure; figures made alike give the same bytes, for there is no date inside."""
    from matplotlib import rc_context

    # The ids of an SVG are random unless salted; PNG has no date, SVG and PDF would.
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[fmt]
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ewaldite"}):
        figure.savefig(buffer, format=fmt, metadata=metadata)
    return buffer.getvalue()


def save_figure(path: PathLike, figure: Figure) -> None:
    """Write a figure in the format of the file's suffix: .png, .svg or .pdf.

    Raises
    ------
    UserError
        For another suffix, or if the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    formats: dict[str, Format] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
    if suffix not in formats:
        raise UserError(
            f"write the picture {path}",
            f"the suffix '{suffix}' names no format of pictures",
            "Use .png, .svg or .pdf.",
        )
    write_bytes(path, figure_bytes(figure, formats[suffix]))


def tidy(axes: Axes, *, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Give axes of a curve the common look."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, width=0.6, length=3)
    axes.grid(visible=True, color="#e6e9ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(xlabel, fontsize=9, color=INK)
    axes.set_ylabel(ylabel, fontsize=9, color=INK)
    if title:
        axes.set_title(title, fontsize=10, color=INK, loc="left", pad=8)


def small_powers(axes: Axes) -> None:
    """Set large and small numbers along y with a power of ten above the axis, in small type."""
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=True)
    axes.yaxis.get_offset_text().set_fontsize(7)


def resolution_axis(axes: Axes) -> None:
    """Spacings d = 1/|s| in Å along the top of axes whose x is |s| in 1/Å."""
    low, high = axes.get_xlim()
    chosen: list[float] = []
    for d in _D_TICKS:
        apart = not chosen or 1 / d - 1 / chosen[-1] > 0.07 * (high - low)
        if low <= 1 / d <= high and apart:
            chosen.append(d)
    top = axes.secondary_xaxis("top")
    top.set_xticks([1 / d for d in chosen], [f"{d:g}" for d in chosen])
    top.tick_params(colors=FAINT, labelsize=7, width=0.6, length=3)
    top.spines["top"].set_color(FAINT)
    top.spines["top"].set_linewidth(0.6)
    top.set_xlabel("d (Å)", fontsize=8, color=FAINT)


def unit_label(unit: sc.Unit | str | None) -> str:
    """Set a unit in typography, as in ``counts/mrad²/s`` or ``1/Å``; empty for no unit."""
    if isinstance(unit, sc.Unit):
        from ewaldite.io.nexus.layout import unit_text

        unit = unit_text(unit)
    text = (unit or "").replace("angstrom", "Å").replace("deg", "°").replace("*", "·")
    return re.sub(r"\^(-?\d+)", lambda m: m.group(1).translate(_SUPERSCRIPTS), text)


def colour_map(name: str) -> Colormap:
    """Colour map of matplotlib.

    Raises
    ------
    UserError
        If there is none of this name.
    """
    import matplotlib

    try:
        return matplotlib.colormaps[name]
    except KeyError as error:
        near = difflib.get_close_matches(name, list(matplotlib.colormaps), n=1)
        raise UserError(
            f"draw with the colours '{name}'",
            "matplotlib has no colour map of this name",
            f"Did you mean '{near[0]}'?" if near else "Choose another, as 'viridis'.",
        ) from error


def robust_limits(
    values: ArrayLike, *, low: float = 0.01, high: float = 0.995, symmetric: bool = False
) -> tuple[float, float]:
    """Colour limits that a few extreme voxels do not set.

    Parameters
    ----------
    values:
        Any dims, any unit, float64; what is not finite is left out.
    low, high:
        Quantiles.
    symmetric:
        Whether zero lies in the middle.

    Returns
    -------
    :
        Lower and upper limit, the upper one larger.
    """
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return (-1.0, 1.0) if symmetric else (0.0, 1.0)
    if symmetric:
        bound = float(np.quantile(np.abs(finite), high)) or 1.0
        return -bound, bound
    bottom, top = (float(x) for x in np.quantile(finite, [low, high]))
    if not top > bottom:
        spread = abs(bottom) * 1e-3 or 1.0
        return bottom - spread, bottom + spread
    return bottom, top
