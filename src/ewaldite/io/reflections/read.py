"""One door for all files of reflections."""

from __future__ import annotations

from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.io.reflections.mtz import MAGIC, read_mtz
from ewaldite.io.reflections.reflections import Reflections
from ewaldite.io.reflections.xds_ascii import FIRST_WORD, read_xds_ascii


def read_reflections(path: Path, columns: tuple[str, str] | None = None) -> Reflections:
    """Read Bragg intensities.

    Parameters
    ----------
    path:
        MTZ or XDS_ASCII (XDS_ASCII.HKL, or what XSCALE writes), told by their first bytes.
    columns:
        Labels of intensity and sigma in an MTZ file; None takes the first of type J, or else
        amplitudes, type F, which are squared.

    Returns
    -------
    :
        The reflections that have a finite intensity and a positive sigma.

    Raises
    ------
    UserError
        The file is missing, of another kind or damaged, or has no such column.
    """
    asked = f"read the reflections {path}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            asked, error.strerror or str(error), "Correct [absolute] reference."
        ) from error
    if content[:4] == MAGIC:
        found = read_mtz(content, str(path), columns)
    elif content.lstrip()[: len(FIRST_WORD)] == FIRST_WORD:
        found = read_xds_ascii(content, str(path))
    else:
        raise UserError(
            asked, "it is neither MTZ nor XDS_ASCII", "Give a file of one of these two kinds."
        )
    if len(found) == 0:
        raise UserError(
            asked, f"{found.columns} hold no intensity with a sigma", "Give another file."
        )
    return found
