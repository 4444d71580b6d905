"""Files that are still being written: all steps of a reduction see the same part of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ewaldite.io.bifrost.access import is_live
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions


def limit_of(run: RunFileOptions) -> float:
    """Time after the first pulse up to which a run is read, s; infinite for all of it."""
    if run.until is None:
        return np.inf
    return parse_quantity(run.until, "s", "[[run]] until")


def frozen(options: SpectroscopyOptions, base: Path) -> SpectroscopyOptions:
    """Say of every run that is still being written up to where it is read.

    A reduction opens its files several times, and in several processes; what comes in meanwhile
    would be in some of its steps only.

    Parameters
    ----------
    options:
        The configuration.
    base:
        Folder to which its paths refer.

    Returns
    -------
    :
        The same with ``until`` where it was not given; unchanged if all files are finished.

    Raises
    ------
    UserError
        If nothing was counted yet.
    """
    runs = []
    for run in options.run:
        path = base / run.file
        if run.until is None and is_live(path):
            with open_bifrost(path) as raw:
                runs.append(run.model_copy(update={"until": f"{raw.until!r} s"}))
        else:
            runs.append(run)
    return options if runs == options.run else options.model_copy(update={"run": runs})
