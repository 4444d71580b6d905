"""The workflow of ``ewaldite spectroscopy convert``: raw events to converted ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ewaldite.io.nexus import Sample, TableWriter
from ewaldite.model.provenance import Provenance
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.backend_file import Efficiency
from ewaldite.spectroscopy.config import config_text
from ewaldite.spectroscopy.event_input import open_events
from ewaldite.spectroscopy.event_mask import MaskCounts
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.vanadium_run import efficiency_of


@dataclass(frozen=True)
class Conversion:
    """What came of a conversion.

    Attributes
    ----------
    path:
        The file that was written.
    counts:
        Events, and how many each mask leaves out.
    notes:
        What a user should know.
    """

    path: Path
    counts: MaskCounts
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say it."""
        return [*self.counts.lines(), *(f"note: {note}" for note in self.notes)]


def convert_file(
    options: SpectroscopyOptions,
    run: RunFileOptions,
    target: Path,
    *,
    base: Path,
    command: str = "",
    progress: Progress | None = None,
) -> Conversion:
    """Convert the events of one file, and write them in the order of the file.

    Parameters
    ----------
    options:
        The configuration.
    run:
        The file and what belongs to it.
    target:
        File to write; it appears when it is complete.
    base:
        Folder to which paths of the options refer.
    command:
        Command line, for the provenance.
    progress:
        Who is told how far it is.

    Returns
    -------
    :
        Counts and notes.

    Raises
    ------
    UserError
        As :mod:`.event_input` and :mod:`.vanadium_run`, or if the file cannot be written.
    """
    told = progress or SilentProgress()
    counts = MaskCounts()
    efficiency, said = _efficiency(options, base)
    with open_events(options, run, base, efficiency) as events:
        sample = events.table.converter.sample
        if sample is None:
            events.notes.append("no [sample] cell is given: there is no hkl")
        notes = tuple(dict.fromkeys([*events.notes, *said]))
        provenance = Provenance(
            command=command,
            options=config_text(options.model_copy(update={"run": [run]})),
            inputs={file.name: file_digest(base / file) for file in _inputs(options, run)},
            notes=notes,
        )
        told.start("load the loops, or compile them the first time", 1, "step")
        events.prepare()
        told.advance()
        told.finish()
        told.start("convert", events.total, "events")
        try:
            with TableWriter(
                target, provenance, sample=Sample(cell=sample.cell if sample else None)
            ) as writer:
                for block in events.blocks:
                    writer.append(block)
                    masks = {str(name): mask.values for name, mask in block.masks.items()}
                    counts.add(masks, block.size)
                    told.advance(block.size)
        finally:
            told.finish()
    return Conversion(target, counts, notes)


def _efficiency(
    options: SpectroscopyOptions, base: Path
) -> tuple[Efficiency | None, tuple[str, ...]]:
    if options.vanadium is None:
        return None, ("no vanadium: N_b is 1",)
    return efficiency_of(options, options.vanadium, base)


def _inputs(options: SpectroscopyOptions, run: RunFileOptions) -> list[Path]:
    given = options.vanadium
    others = () if given is None else (given.file, given.empty)
    return [run.file, *(file for file in others if file is not None)]


def run_of(options: SpectroscopyOptions, file: Path, base: Path) -> RunFileOptions:
    """Options that belong to a file: those of the [[run]] that names it, or the defaults.

    Parameters
    ----------
    options:
        The configuration.
    file:
        The file, from where the program runs.
    base:
        Folder to which paths of the options refer.
    """
    for run in options.run:
        if (base / run.file).resolve() == file.resolve():
            return run
    return RunFileOptions(file=file.absolute())


def file_digest(path: Path) -> str:
    """SHA-256 of the content of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
