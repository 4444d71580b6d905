"""Step 1a: which pixels of the detector take part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.options import MaskOptions
from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, Panel, Region

# Dectris Pilatus: modules of 487 × 195 pixels, gaps of 7 and 17; in a module chips of 60 × 97
# pixels with one line between them, whose counts the readout shares out over three.
_MODULE, _GAP, _CHIP = (195, 487), (17, 7), (97, 60)


def region_mask(region: Region, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies strictly inside a region.

    Parameters
    ----------
    region:
        Rectangle, ellipse or polygon in 0-based pixel coordinates (fast, slow).
    shape:
        Image shape (slow, fast).

    Returns
    -------
    :
        dims (slow, fast), bool.

    Raises
    ------
    UserError
        If the region has too few points.
    """
    points = np.asarray(region.points, dtype=np.float64).reshape(-1, 2)
    needed = 3 if region.kind == "polygon" else 2
    if points.shape[0] < needed:
        raise UserError(
            f"mask the region '{region.name}'",
            f"a {region.kind} with {points.shape[0]} points",
            f"Give at least {needed}.",
        )
    out = np.zeros(shape, dtype=bool)
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, shape[::-1])
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, low, shape[::-1])
    slow, fast = np.mgrid[low[1] : high[1], low[0] : high[0]]
    if region.kind == "polygon":
        inside = _inside_polygon(fast, slow, points)
    elif region.kind == "rectangle":
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        inside = (x0 < fast) & (fast < x1) & (y0 < slow) & (slow < y1)
    else:
        centre = points.mean(axis=0)
        half = np.abs(points[1] - points[0]) / 2
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u, v = np.abs(fast - centre[0]) / half[0], np.abs(slow - centre[1]) / half[1]
            inside = u**2 + v**2 < 1
    out[low[1] : high[1], low[0] : high[0]] = inside
    return out


def _inside_polygon(
    x: NDArray[np.int64], y: NDArray[np.int64], vertices: FloatArray
) -> NDArray[np.bool_]:
    """Even–odd rule, without the edges."""
    inside, edge = np.zeros(x.shape, dtype=bool), np.zeros(x.shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        side = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
        between = (min(x0, x1) <= x) & (x <= max(x0, x1))
        edge |= (side == 0) & between & (min(y0, y1) <= y) & (y <= max(y0, y1))
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (side * (y1 - y0) < 0)
    return inside & ~edge


def is_pilatus(shape: tuple[int, int]) -> bool:
    """Whether an image has the size of whole Pilatus modules; shape is (slow, fast)."""
    return all(
        (size + gap) % (module + gap) == 0
        for size, module, gap in zip(shape, _MODULE, _GAP, strict=True)
    )


def virtual_pixels(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels between the chips of Pilatus modules: the virtual line and its two neighbours.

    Parameters
    ----------
    shape:
        Image shape (slow, fast) of whole modules.

    Returns
    -------
    :
        dims (slow, fast), bool; False in the gaps between modules.

    Raises
    ------
    UserError
        If the image is not made of Pilatus modules.
    """
    if not is_pilatus(shape):
        raise UserError(
            "mask the virtual pixels of a Pilatus",
            f"images of {shape[1]} × {shape[0]} pixels, which are no whole modules",
            "Set [mask] virtual_pixels = false, and give a mask file if you need one.",
        )
    near_line, in_module = [], []
    for size, module, gap, chip in zip(shape, _MODULE, _GAP, _CHIP, strict=True):
        place = np.arange(size) % (module + gap)
        in_module.append(place < module)
        # Lines at chip, 2·chip + 1, …; the last one of the row ends the module
        from_line = (place + 1) % (chip + 1)
        line = (place + 1 + 1) // (chip + 1)
        near = np.minimum(from_line, chip + 1 - from_line) <= 1
        near_line.append(near & (line >= 1) & (line * (chip + 1) < module))
    modules = in_module[0][:, None] & in_module[1][None, :]
    return np.asarray((near_line[0][:, None] | near_line[1][None, :]) & modules)


def outside_panels(panels: Iterable[Panel], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of the image that belong to no panel; dims (slow, fast), bool."""
    out = np.ones(shape, dtype=bool)
    for panel in panels:
        rows = slice(panel.offset[0], panel.offset[0] + panel.shape[0])
        out[rows, panel.offset[1] : panel.offset[1] + panel.shape[1]] = False
    return out


def no_count(
    image: NDArray[np.integer], markers: Sequence[int] = (), minimum: int = 0
) -> NDArray[np.bool_]:
    """Pixels that hold no count: a marker, or less than the smallest valid one.

    Parameters
    ----------
    image:
        dims (slow, fast), any integer type.
    markers:
        Values that mean that there is no count.
    minimum:
        Smallest valid count.

    Returns
    -------
    :
        dims (slow, fast), bool.
    """
    out = np.asarray(image < minimum)
    for marker in markers:
        out |= image == marker
    return out


def resolution_mask(
    s: FloatArray,
    d_min: float | None,
    d_max: float | None,
    rings: Sequence[tuple[float, float]],
) -> dict[str, NDArray[np.bool_]]:
    """Pixels outside the resolution range, and in ice rings.

    Parameters
    ----------
    s:
        Length of the scattering vector; dims (slow, fast), 1/Å.
    d_min, d_max:
        Limits, Å.
    rings:
        Ranges of d that are left out, Å.

    Returns
    -------
    :
        Masks by name; dims (slow, fast), bool.
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    if d_min is not None:
        masks["beyond d_min"] = s > 1.0 / d_min
    if d_max is not None:
        masks["below d_max"] = s < 1.0 / d_max
    for ring in rings:
        masks[f"ring {max(ring):g}-{min(ring):g} Å"] = (s >= 1 / max(ring)) & (
            s <= 1 / min(ring)
        )
    return masks


def regions_of(options: MaskOptions) -> tuple[Region, ...]:
    """Return the regions that the configuration names."""
    return (
        *(Region("rectangle", _corners(box), "rectangles") for box in options.rectangles),
        *(Region("ellipse", _corners(box), "ellipses") for box in options.ellipses),
        *(Region("polygon", np.array(p), "polygons") for p in options.polygons),
    )


def _corners(box: tuple[float, float, float, float]) -> FloatArray:
    """Two opposite corners (fast, slow) of a box given by its limits."""
    return np.array([[box[0], box[2]], [box[1], box[3]]])
