"""XPARM.XDS and GXPARM.XDS: geometry that is constant over a data set; read and written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ewaldite.crystal.cell import cell_from_axes
from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, read_text
from ewaldite.io.geometry.xds_model import Numbers, Segment, XdsGeometry
from ewaldite.model.experiment import FloatArray, Panel, Sweep

HEADER = re.compile(r"^\s*G?XPARM\.XDS")
# numbers a line, from the second line to the first segment (XDS manual, "Files")
LAYOUT = (6, 4, 7, 3, 3, 3, 5, 3, 3, 3, 3)
SAME = 1e-9


def is_xparm(text: str) -> bool:
    """Tell whether a text is an XPARM.XDS of 2012 or later."""
    return HEADER.match(text) is not None


def read_xparm(path: Path) -> XdsGeometry:
    """Read XPARM.XDS or GXPARM.XDS.

    After the header: starting frame and angle, oscillation range, spindle; wavelength and beam;
    space group and cell; a, b, c at spindle angle 0; number of segments, NX, NY, QX, QY; ORGX,
    ORGY, distance; the detector's three axes; two lines a segment.

    Parameters
    ----------
    path:
        The file.

    Returns
    -------
    :
        The geometry.

    Raises
    ------
    UserError
        If it is not an XPARM.XDS of 2012 or later, or is cut short.
    """
    text = read_text(path)
    if not is_xparm(text):
        raise UserError(
            asked(path),
            "it does not begin with 'XPARM.XDS'",
            "Give an XPARM.XDS or GXPARM.XDS of XDS 2012 or later.",
        )
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    rows = [_row(path, lines, i, n) for i, n in enumerate(LAYOUT)]
    segments = []
    for i in range(round(rows[6][0])):
        _, x1, x2, y1, y2 = _row(path, lines, len(LAYOUT) + 2 * i, 5)
        values = _row(path, lines, len(LAYOUT) + 2 * i + 1, 9)
        segments.append(
            Segment(
                limits=(round(x1), round(x2), round(y1), round(y2)),
                origin=(values[0], values[1]),
                distance=values[2],
                x_axis=values[3:6],
                y_axis=values[6:9],
            )
        )
    return XdsGeometry(
        path=path,
        starting_frame=round(rows[0][0]),
        starting_angle=rows[0][1],
        oscillation=rows[0][2],
        axis=rows[0][3:6],
        wavelength=rows[1][0],
        beam=rows[1][1:4],
        space_group=round(rows[2][0]) or None,
        cell=rows[2][1:7],
        axes=(rows[3], rows[4], rows[5]),
        shape=(round(rows[6][1]), round(rows[6][2])),
        pixel_size=rows[6][3:5],
        origin=rows[7][:2],
        distance=rows[7][2],
        x_axis=rows[8],
        y_axis=rows[9],
        segments=tuple(segments),
    )


def write_xparm(path: Path, sweep: Sweep, space_group: int | None = None) -> None:
    """Write geometry that is constant over a sweep as XPARM.XDS.

    Parameters
    ----------
    path:
        The file to write.
    sweep:
        The sweep; its frames follow each other at one rotation a frame.
    space_group:
        Number in International Tables, where ``sweep.space_group`` is not such a number.

    Raises
    ------
    UserError
        If the geometry varies, the panels differ in pixel size, the spindle jumps or the
        number of the space group is unknown.
    """
    _check_constant(path, sweep)
    wedge, scan = sweep.wedges[0], sweep.scan
    if space_group is None:
        name = sweep.space_group or ""
        if not name.strip().isdigit():
            raise _unwritable(path, f"the space group is {name!r}", "Give its number.")
        space_group = int(name)
    axes = wedge.mean_axes
    step = float(scan.phi[1] - scan.phi[0]) if len(scan) > 1 else float(scan.width[0])
    oscillation = abs(step)
    # XDS rotates by positive steps only
    sense = -1.0 if step < 0.0 else 1.0
    start = sense * float(scan.phi[0]) - oscillation / 2.0
    qx, qy = wedge.panels[0].pixel_size
    ny, nx = sweep.image_shape
    lines = [
        " XPARM.XDS    VERSION written by ewaldite",
        f"{int(scan.frames[0]):6d}{_line([start, oscillation, *(sense * wedge.axis)])}",
        _line([wedge.beam.wavelength, *wedge.beam.s0]),
        f"{space_group:6d}{_line(cell_from_axes(axes))}",
        *(_line(axes[:, i]) for i in range(3)),
        f"{len(wedge.panels):9d}{nx:9d}{ny:9d}{_line([qx, qy])}",
        *_detector(wedge.panels),
    ]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
    except OSError as error:
        reason = f"it cannot be written ({error.strerror})"
        raise _unwritable(path, reason, "Choose another place.") from error


def _detector(panels: tuple[Panel, ...]) -> list[str]:
    """Detector frame of the first panel, and every panel as a segment in it."""
    first = panels[0]
    frame = np.stack([first.fast, first.slow, first.normal], axis=1)
    pitch = np.array(first.pixel_size)
    corner = frame.T @ first.origin
    org = _first_pixel(first) - 0.5 - corner[:2] / pitch
    lines = [_line([*org, corner[2]]), *(_line(frame[:, i]) for i in range(3))]
    for n, panel in enumerate(panels, 1):
        local = frame.T @ np.stack([panel.fast, panel.slow, panel.normal], axis=1)
        moved = frame.T @ panel.origin + np.array([*(pitch * org), -corner[2]])
        position = local.T @ moved
        origin = _first_pixel(panel) - 0.5 - position[:2] / pitch
        x1, y1 = _first_pixel(panel).astype(int)
        limits = (x1, x1 + panel.shape[1] - 1, y1, y1 + panel.shape[0] - 1)
        lines.append("".join(f"{k:10d}" for k in (n, *limits)))
        lines.append(_line([*origin, position[2], *local[:, 0], *local[:, 1]]))
    return lines


def _first_pixel(panel: Panel) -> FloatArray:
    """1-based (fast, slow) number of the first pixel."""
    return np.array([panel.offset[1] + 1.0, panel.offset[0] + 1.0])


def _check_constant(path: Path, sweep: Sweep) -> None:
    first = sweep.wedges[0]
    steps = np.diff(sweep.scan.phi)
    if (steps.size and np.ptp(steps) > 1e-6) or np.any(np.diff(sweep.scan.frames) != 1):
        raise _unwritable(path, "the frames do not follow each other", "Write each run apart.")
    if any(panel.pixel_size != first.panels[0].pixel_size for panel in first.panels):
        raise _unwritable(path, "the panels differ in pixel size", "Write a DIALS file.")
    for wedge in sweep.wedges:
        pairs = [(wedge.axes, first.mean_axes), (wedge.axis, first.axis)]
        pairs.append((wedge.beam.s0, first.beam.s0))
        for panel, other in zip(wedge.panels, first.panels, strict=True):
            pairs += [(panel.origin, other.origin), (panel.fast, other.fast)]
            pairs.append((panel.slow, other.slow))
        if any(np.max(np.abs(a - b)) > SAME * np.max(np.abs(b)) for a, b in pairs):
            raise _unwritable(
                path,
                "the geometry varies over the sweep, which XPARM.XDS cannot say",
                "Write one file a wedge.",
            )


def _unwritable(path: Path, found: str, remedy: str) -> UserError:
    return UserError(f"write the geometry to {path}", found, remedy)


def _line(values: FloatArray | list[float]) -> str:
    return "".join(f" {float(x):20.12f}" for x in values)


def _row(path: Path, lines: list[str], index: int, count: int) -> Numbers:
    try:
        values = tuple(float(word) for word in lines[index].split()[:count])
    except (IndexError, ValueError):
        values = ()
    if len(values) < count or not np.all(np.isfinite(values)):
        raise UserError(
            asked(path),
            f"its line {index + 2} should hold {count} numbers: it is cut short or damaged",
            "Copy the file again, or let XDS write it again.",
        )
    return values
