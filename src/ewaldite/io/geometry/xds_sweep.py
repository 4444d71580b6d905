"""A sweep from the files of XDS: constant geometry, or one refined block by block."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked
from ewaldite.io.geometry.integrate_lp import Block, read_integrate_lp
from ewaldite.io.geometry.scan import Choice, make_scan, positions
from ewaldite.io.geometry.wedges import split_blocks, split_evenly
from ewaldite.io.geometry.xds import (
    axes_of,
    axis_of,
    beam_of,
    panels_of,
    phi_of_frames,
)
from ewaldite.io.geometry.xds_inp import (
    XdsInput,
    frames_of,
    geometry_of,
    read_xds_inp,
    regions_of,
    sensor_of,
)
from ewaldite.io.geometry.xds_model import XdsGeometry
from ewaldite.io.geometry.xparm import read_xparm
from ewaldite.model.experiment import Beam, IntArray, Panel, Scan, Sweep, Wedge


def read_xds_folder(folder: Path, choice: Choice) -> Sweep:
    """Read a folder that XDS ran in.

    INTEGRATE.LP comes first (geometry that follows the scan), then GXPARM.XDS, then XPARM.XDS,
    then the start values in XDS.INP itself.

    Parameters
    ----------
    folder:
        It must hold XDS.INP.
    choice:
        What the user wants of it.

    Returns
    -------
    :
        The sweep.

    Raises
    ------
    UserError
        If XDS.INP is absent, or a file is incomplete or contradicts itself.
    """
    if not (folder / "XDS.INP").is_file():
        raise UserError(
            asked(folder),
            "the folder holds no XDS.INP",
            "Name a folder that XDS ran in, an XPARM.XDS, a DIALS .expt or an NXmx file.",
        )
    inp = read_xds_inp(folder / "XDS.INP")
    if (folder / "INTEGRATE.LP").is_file():
        return _block_sweep(inp, folder / "INTEGRATE.LP", choice)
    for name in ("GXPARM.XDS", "XPARM.XDS"):
        if (folder / name).is_file():
            return read_xparm_sweep(folder / name, choice)
    note = f"{inp.path} was never refined (no INTEGRATE.LP or XPARM.XDS beside it)"
    return _constant_sweep(geometry_of(inp), inp, choice, (note,))


def read_xparm_sweep(path: Path, choice: Choice) -> Sweep:
    """Read XPARM.XDS or GXPARM.XDS, with the XDS.INP beside it where there is one.

    Parameters
    ----------
    path:
        The file.
    choice:
        What the user wants of it; without an XDS.INP it must name the frames.

    Returns
    -------
    :
        The sweep.

    Raises
    ------
    UserError
        If the file is incomplete or contradicts itself, or nothing names the frames.
    """
    geometry = read_xparm(path)
    beside = path.parent / "XDS.INP"
    if not beside.is_file():
        note = (
            f"{path} has no XDS.INP beside it: polarization, sensor and untrusted regions are"
            " unknown"
        )
        return _constant_sweep(geometry, None, choice, (note,))
    inp = read_xds_inp(beside)
    stated = geometry_of(inp).shape
    if stated is not None and stated != geometry.shape:
        note = f"{beside} describes a detector of another size and was not used"
        return _constant_sweep(geometry, None, choice, (note,))
    return _constant_sweep(geometry_of(inp).updated(geometry), inp, choice, ())


def _constant_sweep(
    geometry: XdsGeometry, inp: XdsInput | None, choice: Choice, notes: tuple[str, ...]
) -> Sweep:
    frames = frames_of(inp) if inp is not None else None
    if choice.frames is not None:
        frames = np.asarray(choice.frames, dtype=np.int64)
    if frames is None:
        raise UserError(
            asked(geometry.path),
            "nothing says which frames it belongs to (no XDS.INP with DATA_RANGE beside it)",
            "Put XDS.INP beside it, or name the frames.",
        )
    scan = _scan(geometry, frames, choice)
    beam, panels = _beam(geometry, inp), _panels(geometry, inp)
    axis, axes = axis_of(geometry), axes_of(geometry)
    wedges = tuple(
        Wedge(i, start, stop, beam, panels, axis, np.repeat(axes[None], stop - start, axis=0))
        for i, (start, stop) in enumerate(split_evenly(scan, choice.wedge_degrees))
    )
    return _sweep(geometry, inp, scan, wedges, notes)


def _block_sweep(inp: XdsInput, path: Path, choice: Choice) -> Sweep:
    header, blocks = read_integrate_lp(path)
    base, notes = _reconciled(inp, header)
    wanted = frames_of(inp)
    if wanted is None:
        wanted = np.arange(blocks[0].first, blocks[-1].last + 1, dtype=np.int64)
    covering = _covering(blocks, wanted)
    if not np.any(covering >= 0):
        raise UserError(
            asked(path),
            f"its blocks (images {blocks[0].first} to {blocks[-1].last}) hold none of the"
            f" frames {wanted.min()} to {wanted.max()} of XDS.INP",
            "Take XDS.INP and INTEGRATE.LP from the same run.",
        )
    if np.any(covering < 0):
        notes += (
            f"{path} covers {np.sum(covering >= 0)} of the {wanted.size} frames of XDS.INP;"
            " the others are left out",
        )
    known, block = wanted[covering >= 0], covering[covering >= 0]
    chosen = positions(known, choice, path)
    known, block = known[chosen], block[chosen]
    scan = _scan(base, known, choice)
    wedges: list[Wedge] = []
    for start, stop in split_blocks(scan, block.tolist()):
        geometry = base.updated(blocks[block[start]].geometry)
        axes = np.repeat(axes_of(geometry)[None], stop - start, axis=0)
        beam, panels = _beam(geometry, inp), _panels(geometry, inp)
        wedges.append(Wedge(len(wedges), start, stop, beam, panels, axis_of(geometry), axes))
    return _sweep(base, inp, scan, tuple(wedges), notes)


def _covering(blocks: tuple[Block, ...], frames: IntArray) -> IntArray:
    """Find the number of the first block that holds each frame, -1 where none does."""
    covering = np.full(frames.size, -1, dtype=np.int64)
    for i, block in enumerate(blocks):
        inside = (frames >= block.first) & (frames <= block.last) & (covering < 0)
        covering[inside] = i
    return covering


def _reconciled(inp: XdsInput, header: XdsInput) -> tuple[XdsGeometry, tuple[str, ...]]:
    """XDS.INP, with what INTEGRATE really ran with where the two differ.

    The axes in INTEGRATE.LP belong to its own spindle angles, whatever XDS.INP says by now.
    """
    base, ran = geometry_of(inp), geometry_of(header)
    notes = []
    tolerances = {
        "starting_frame": 0.5,
        "starting_angle": 1e-3,
        "oscillation": 1e-6,
        "wavelength": 1e-5,
    }
    changed = {}
    for name, tolerance in tolerances.items():
        stated, used = getattr(base, name), getattr(ran, name)
        if used is not None and (stated is None or abs(stated - used) > tolerance):
            changed[name] = used
            if stated is not None:
                notes.append(
                    f"{name.replace('_', ' ')} is {stated:g} in {inp.path} but {used:g} in"
                    f" {header.path}, which was used"
                )
    return replace(base, **changed), tuple(notes)


def _scan(geometry: XdsGeometry, frames: IntArray, choice: Choice) -> Scan:
    phi = phi_of_frames(geometry, frames)
    width = np.full(frames.size, geometry.oscillation or 0.0)
    return make_scan(frames, phi, width, choice, geometry.path)


def _beam(geometry: XdsGeometry, inp: XdsInput | None) -> Beam:
    beam = beam_of(geometry)
    fraction = inp.number("FRACTION_OF_POLARIZATION") if inp is not None else None
    normal = inp.numbers("POLARIZATION_PLANE_NORMAL", 3) if inp is not None else None
    if normal is not None:
        beam = replace(beam, polarization_normal=np.asarray(normal, dtype=np.float64))
    return replace(beam, polarization_fraction=fraction)


def _panels(geometry: XdsGeometry, inp: XdsInput | None) -> tuple[Panel, ...]:
    if inp is None:
        return panels_of(geometry, None, "xds")
    sensor = sensor_of(inp)
    return panels_of(geometry, sensor, "none" if sensor is None else "xds")


def _sweep(
    geometry: XdsGeometry,
    inp: XdsInput | None,
    scan: Scan,
    wedges: tuple[Wedge, ...],
    notes: tuple[str, ...],
) -> Sweep:
    nx, ny = geometry.shape or (0, 0)
    number = geometry.space_group
    bare = Sweep(
        scan=scan,
        wedges=wedges,
        image_shape=(ny, nx),
        space_group=None if number is None else str(number),
        source="xds",
        notes=notes,
    )
    if inp is None:
        return bare
    overload = inp.integer("OVERLOAD")
    resolution = inp.numbers("INCLUDE_RESOLUTION_RANGE", 2)
    return replace(
        bare,
        untrusted=regions_of(inp),
        # XDS names the largest valid count
        trusted_range=None
        if overload is None
        else (inp.integer("MINIMUM_VALID_PIXEL_VALUE") or 0, overload + 1),
        resolution_range=None if resolution is None else (resolution[0], resolution[1]),
        excluded_resolution=tuple(
            (max(ring), min(ring)) for ring in inp.every("EXCLUDE_RESOLUTION_RANGE", 2)
        ),
        template=inp.text("NAME_TEMPLATE_OF_DATA_FRAMES"),
        notes=notes + _advice(inp),
    )


def _advice(inp: XdsInput) -> tuple[str, ...]:
    """Tell what XDS.INP says that is not applied here."""
    notes = []
    region = inp.numbers("TRUSTED_REGION", 2)
    if region is not None:
        notes.append(
            f"{inp.path} trusts the radii {region[0]:g} to {region[1]:g} of the detector: not"
            " applied"
        )
    if inp.number("FRACTION_OF_POLARIZATION") is None:
        notes.append(f"{inp.path} does not state FRACTION_OF_POLARIZATION")
    return tuple(notes)
