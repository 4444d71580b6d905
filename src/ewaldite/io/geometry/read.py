"""One door to every reader of geometry: the kind is recognised by the content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import h5py

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, read_text
from ewaldite.io.geometry.combine import join
from ewaldite.io.geometry.dials import read_dials
from ewaldite.io.geometry.dials_file import is_dials
from ewaldite.io.geometry.nxmx import read_nxmx
from ewaldite.io.geometry.scan import Choice
from ewaldite.io.geometry.xds_inp import parse_parameters
from ewaldite.io.geometry.xds_sweep import read_xds_folder, read_xparm_sweep
from ewaldite.io.geometry.xparm import is_xparm
from ewaldite.model.experiment import Sweep

Kind = Literal["xparm", "xds", "dials", "nxmx"]

READERS: dict[Kind, Callable[[Path, Choice], Sweep]] = {
    "xparm": read_xparm_sweep,
    "xds": lambda path, choice: read_xds_folder(path if path.is_dir() else path.parent, choice),
    "dials": read_dials,
}


def read_geometry(
    paths: str | Path | Sequence[str | Path],
    wedge_degrees: float | None = None,
    *,
    frames: Sequence[int] | None = None,
    angles: Sequence[float] | None = None,
    experiment: int | None = None,
) -> Sweep:
    """Read the refined geometry of a sweep.

    Parameters
    ----------
    paths:
        XPARM.XDS or GXPARM.XDS, a folder that XDS ran in, a DIALS .expt; or an NXmx file
        (beam, detector, spindle, angles) together with one of these (crystal), in any order.
    wedge_degrees:
        Largest rotation of a wedge, degrees; 5 where None. Blocks of INTEGRATE.LP are wedges
        themselves.
    frames:
        Frame numbers of the images, where the file does not say them or only some are wanted.
    angles:
        Spindle angle at the middle of each frame, degrees, in place of the file's: for stills.
    experiment:
        0-based number of the experiment in a DIALS file that holds several.

    Returns
    -------
    :
        The sweep.

    Raises
    ------
    UserError
        If a file is absent, of an unknown kind, incomplete or contradicts itself or the other.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [Path(path) for path in several]
    kinds = [kind_of(path) for path in files]
    choice = Choice(wedge_degrees, frames, angles, experiment)
    instruments = [path for path, kind in zip(files, kinds, strict=True) if kind == "nxmx"]
    crystals = [(p, kind) for p, kind in zip(files, kinds, strict=True) if kind != "nxmx"]
    names = ", ".join(str(path) for path in files)
    if len(instruments) > 1 or len(crystals) > 1:
        raise UserError(
            f"read the geometry from {names}",
            f"{len(instruments)} NXmx file(s) and {len(crystals)} with a crystal are given",
            "Give one file with a crystal, alone or with one NXmx file.",
        )
    if not crystals:
        raise UserError(
            f"read the geometry from {names or 'nothing'}",
            "there is no crystal (NXmx holds none)",
            "Give a list: the NXmx file and an XPARM.XDS, a folder of XDS or a DIALS .expt.",
        )
    path, kind = crystals[0]
    if not instruments:
        return READERS[kind](path, choice)
    instrument = read_nxmx(instruments[0])
    # XPARM.XDS does not know its frames: all those of the instrument
    wanted = choice.frames
    if wanted is None and kind == "xparm":
        wanted = instrument.scan.frames.tolist()
    crystal = READERS[kind](
        path, replace(choice, angles=None, frames=wanted if kind == "xparm" else None)
    )
    return join(instrument, crystal, choice)


def kind_of(path: Path) -> Kind:
    """Tell what a source of geometry is by its content.

    Parameters
    ----------
    path:
        A file or a folder.

    Returns
    -------
    :
        ``"xparm"``, ``"xds"`` (a folder of XDS, or XDS.INP or INTEGRATE.LP in it), ``"dials"``
        or ``"nxmx"``.

    Raises
    ------
    UserError
        If it is absent or nothing that is known.
    """
    if not path.exists():
        raise UserError(asked(path), "there is no such file or folder", "Check the name.")
    if path.is_dir():
        return "xds"
    if h5py.is_hdf5(path):
        return "nxmx"
    text = read_text(path)
    if is_xparm(text):
        return "xparm"
    if is_dials(text):
        return "dials"
    names = {name for name, _ in parse_parameters(path, text).parameters}
    if {"ORGX", "ORGY"} & names and path.name in ("XDS.INP", "INTEGRATE.LP"):
        return "xds"
    raise UserError(
        asked(path),
        "the file is of no kind that is known",
        "Give XPARM.XDS, a folder with XDS.INP and INTEGRATE.LP, a DIALS .expt or NXmx.",
    )
