"""Steps that come before all cuts: the vanadium and the empty run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.nexus import is_result, load, read_info, save
from ewaldite.run.durable import write_whole
from ewaldite.spectroscopy.backend_file import Efficiency, read_efficiency
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.empty_run import read_empty
from ewaldite.spectroscopy.vanadium_run import reduce_vanadium

VANADIUM, EMPTY = "vanadium.nxs", "empty.npz"


def make_vanadium(context: Context) -> None:
    """Step ``vanadium``: the efficiency of the pixels, to ``vanadium.nxs``."""
    vanadium = context.options.vanadium
    assert vanadium is not None
    path, given = context.out / VANADIUM, context.base / vanadium.file
    files = (vanadium.file, vanadium.empty, context.options.mask.file)
    if given.resolve() == path.resolve():
        raise UserError(
            f"take the efficiency of the pixels from {vanadium.file}",
            "the step that takes it writes this file",
            "Copy it to another folder, or give the raw file as [vanadium] file.",
        )
    if is_result(given):
        efficiency = read_efficiency(given)
        notes = (*read_info(given).provenance.notes, f"vanadium: taken from {vanadium.file}")
        save(path, load(given), context.provenance(vanadium.file, notes=notes))
    else:
        made = reduce_vanadium(context.options, vanadium, context.base)
        efficiency = made.efficiency
        save(path, made.data, context.provenance(*files, notes=made.notes))
        context.note(*made.notes)
    number = int(np.count_nonzero(efficiency.backend.value > 0))
    context.log.info("vanadium: %d pixels have an efficiency", number)


def vanadium_of(context: Context) -> tuple[Efficiency | None, tuple[str, ...]]:
    """What the step ``vanadium`` found, with its notes; nothing without it."""
    if context.options.vanadium is None:
        return None, ()
    path = context.out / VANADIUM
    return read_efficiency(path), read_info(path).provenance.notes


def read_background(context: Context) -> None:
    """Step ``background``: events and flux of the empty run, to ``work/empty.npz``."""
    background = context.options.background
    assert background is not None
    empty = read_empty(context.options, background, context.base)
    write_npz(context.work / EMPTY, empty.save)
    context.log.info("background: %d events", empty.pixel.size)


def write_npz(path: Path, writer: Callable[[Path], None]) -> None:
    """Write a file that is there whole or not at all."""
    write_whole(path.parent, writer, lambda _: path.name, suffix=".npz")
