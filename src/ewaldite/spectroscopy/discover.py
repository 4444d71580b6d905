"""Look at a folder: which raw files it holds, and what each of them is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy, wavenumber
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.spectroscopy.first_arrival import ARCS, FirstArrival, guess_first_arrival
from ewaldite.spectroscopy.frames import PULSE_PERIOD
from ewaldite.spectroscopy.options import MonitorOptions, PrimaryOptions
from ewaldite.spectroscopy.primary import PULSE_SHAPING
from ewaldite.spectroscopy.resolve_primary import pulse_of, turns
from ewaldite.tables.neutron import HBAR_OVER_MASS

ENDINGS = (".nxs", ".hdf", ".h5", ".hdf5")

Role = Literal["run", "vanadium", "empty"]

_ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("vanadium", re.compile(r"vanad|(?:^|[_-])v(?:[_-]|\d*$)", re.IGNORECASE)),
    (
        "empty",
        re.compile(r"empty|background|(?:^|[_-])(?:can|bkg|bg)(?:[_-]|$)", re.IGNORECASE),
    ),
)


@dataclass(frozen=True)
class FoundRun:
    """A raw file.

    Attributes
    ----------
    path:
        The file.
    events:
        How many it has.
    angles:
        What its logs say of a3 and a4.
    spinning:
        Whether the pulse-shaping choppers turn; None where no log says it.
    band:
        Whether other choppers turn, that say when neutrons arrive.
    role:
        What its name says that it is.
    first:
        What the monitor lets one guess of the first arrival at the sample; None without it.
    reach:
        Largest Q in 1/Å, lowest and highest energy transfer in meV; None without a monitor.
    """

    path: Path
    events: int
    angles: str
    spinning: bool | None
    band: bool
    role: Role = "run"
    first: FirstArrival | None = None
    reach: tuple[float, float, float] | None = None

    def line(self, folder: Path) -> str:
        """One line about it."""
        choppers = {True: "spinning", False: "parked", None: "not logged"}[self.spinning]
        return (
            f"{self.role}: {self.path.relative_to(folder)}, {self.events:,} events, "
            f"{self.angles}, pulse-shaping choppers {choppers}"
        )


@dataclass(frozen=True)
class FoundRuns:
    """What a folder holds.

    Attributes
    ----------
    folder:
        The folder.
    runs:
        Raw files.
    problems:
        HDF5 files that are none, and why.
    """

    folder: Path
    runs: tuple[FoundRun, ...]
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        found = [run.line(self.folder) for run in self.runs]
        if (first := self.first) is not None:
            found.append(_said(first))
        return [*found, *(f"not used: {problem}" for problem in self.problems)]

    @property
    def samples(self) -> tuple[FoundRun, ...]:
        """Runs of a sample; all where names say that there is none."""
        return tuple(run for run in self.runs if run.role == "run") or self.runs

    @property
    def first(self) -> FirstArrival | None:
        """Guess of the first arrival, where no chopper says it."""
        if all(run.band for run in self.runs):
            return None
        return next((run.first for run in self.samples if run.first is not None), None)


def discover(folder: Path) -> FoundRuns:
    """Look for raw files in a folder.

    Parameters
    ----------
    folder:
        Where to look; not in folders below.

    Raises
    ------
    UserError
        If it cannot be read or holds no raw file.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(
            f"look into {folder}", found, "Name a folder with raw files."
        ) from error
    runs, problems = [], []
    for path in files:
        try:
            with open_bifrost(path) as raw:
                runs.append(_run(raw))
        except UserError as error:
            problems.append(f"{path.name}: {error.found}")
    if not runs:
        why = f" ({problems[0]})" if problems else ""
        raise UserError(
            f"find raw files in {folder}",
            f"none of its {len(files)} HDF5 files is one of BIFROST{why}",
            "Name the folder with the NeXus files.",
        )
    return FoundRuns(folder, tuple(runs), tuple(problems))


def _run(raw: RawFile) -> FoundRun:
    said = []
    for name, read in (("a3", raw.a3), ("a4", raw.a4)):
        try:
            low, high = float(np.min(read().value)), float(np.max(read().value))
        except UserError as error:
            said.append(f"{name} missing ({error.found})")
            continue
        said.append(f"{name} {low:g}°" if low == high else f"{name} {low:g}° to {high:g}°")
    shaping = [d for d in raw.choppers if d.name.startswith(PULSE_SHAPING)]
    logged = bool(shaping) and all(disc.speed is not None for disc in shaping)
    others = [d for d in raw.choppers if not d.name.startswith(PULSE_SHAPING)]
    roles: list[Role] = [r for r, pattern in _ROLES if pattern.search(raw.path.stem)]
    first, reach = _first_arrival(raw)
    return FoundRun(
        path=raw.path,
        events=sum(source.size for source in raw.sources),
        angles=", ".join(said),
        spinning=all(turns(disc) for disc in shaping) if logged else None,
        band=any(turns(disc) for disc in others),
        role=roles[0] if roles else "run",
        first=first,
        reach=reach,
    )


def _first_arrival(
    raw: RawFile,
) -> tuple[FirstArrival | None, tuple[float, float, float] | None]:
    """Guess when neutrons arrive and how far Q and ω reach; nothing without a monitor."""
    names = raw.monitor_names()
    wanted = MonitorOptions().name
    if not names:
        return None, None
    try:
        monitor = raw.monitor(wanted if wanted in names else names[0])
        triplets, tank = raw.triplets, raw.a4().value
    except UserError as error:
        raw.notes.append(f"no guess of the first arrival: {error.found}")
        return None, None
    emission = PrimaryOptions()
    mean = pulse_of(emission).mean
    first = guess_first_arrival(
        monitor.edges, monitor.counts.sum(axis=0), monitor.distance, raw.primary_length, mean
    )
    if first is None:
        return None, None
    flight = first.time - mean + np.array([first.gap / 2.0, PULSE_PERIOD - first.gap / 2.0])
    incident = energy(raw.primary_length / flight / HBAR_OVER_MASS)
    place = np.concatenate([t.position.reshape(-1, 3) for t in triplets])
    angle = np.rad2deg(np.arctan2(place[:, 0], place[:, 2]))
    widest = max(np.abs(angle + t).max() for t in (tank.min(), tank.max()))
    k_i, k_f = wavenumber(incident[0]), wavenumber(ARCS[-1])
    q = np.sqrt(k_i**2 + k_f**2 - 2 * k_i * k_f * np.cos(np.deg2rad(min(widest, 180.0))))
    return first, (float(q), float(incident[1] - ARCS[-1]), float(incident[0] - ARCS[0]))


def _said(first: FirstArrival) -> str:
    return (
        f"earliest_at_sample: no chopper says it; {1e3 * first.time:.1f} ms is the middle of "
        f"the longest gap of the monitor ({1e3 * first.gap:.1f} ms), in the frame in which "
        f"{first.arcs} of 5 arcs see the elastic line"
    )
