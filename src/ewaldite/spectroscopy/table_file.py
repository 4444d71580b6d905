"""Lookup tables of wavelengths as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.io.nexus import save
from ewaldite.model.provenance import Provenance
from ewaldite.model.quantity import parse_quantity
from ewaldite.run.digest import file_checksum
from ewaldite.spectroscopy.cascade import transmit
from ewaldite.spectroscopy.config import config_text
from ewaldite.spectroscopy.lookup_table import lookup_table
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.resolve_primary import Discs, choppers_of, pulse_of


def write_lookup_table(
    options: SpectroscopyOptions,
    target: Path,
    *,
    base: Path,
    raw: Path | None = None,
    command: str = "",
) -> list[str]:
    """Compute the table of the choppers of a raw file, and write it.

    The table holds times as they are: the time zero of [primary] is left out, as it is added
    where the table is used.

    Parameters
    ----------
    options:
        The configuration: [primary] says the pulse, the wavelengths and offsets of choppers.
    target:
        File to write.
    base:
        Folder to which paths refer.
    raw:
        File with the choppers; that of the first [[run]] if None.
    command:
        Command line, for the provenance.

    Returns
    -------
    :
        Words on it.

    Raises
    ------
    UserError
        If there is no file, its choppers lack something, or let nothing through.
    """
    if raw is None and not options.run:
        raise UserError(
            "compute a lookup table",
            "the configuration has no [[run]]",
            "Add one, or give --run FILE.",
        )
    path = base / options.run[0].file if raw is None else raw
    primary = options.primary.model_copy(update={"time_zero": None})
    with open_bifrost(path) as file:
        length = file.primary_length
        if primary.length is not None:
            length = parse_quantity(primary.length, "m", "[primary] length")
        discs = choppers_of(Discs.of(file), primary, "table")
        monitors = [file.monitor(name).distance for name in file.monitor_names()]
    pulse = pulse_of(primary)
    behind = max((disc.distance for disc in discs), default=0.0)
    places = np.unique([length, *(m for m in monitors if behind < m < length)])
    table = lookup_table(pulse, discs, places, wavelengths=primary.wavelengths)
    bands = [beamlet.wavelengths for beamlet in transmit(pulse, discs, primary.wavelengths)]
    provenance = Provenance(
        command=command,
        options=config_text(options),
        inputs={path.name: f"sha256:{file_checksum(path)}"},
        notes=(),
    )
    save(target, table, provenance)
    names = ", ".join(disc.name for disc in discs) or "none"
    seen = np.count_nonzero(np.isfinite(table.values[-1]))
    return [
        f"choppers that turn: {names}",
        *(f"wavelengths {low:.3f} to {high:.3f} Å" for low, high in bands),
        f"{places.size} distances to {length:.4f} m, {seen} times of "
        f"{table.sizes['time']} at the sample",
    ]
