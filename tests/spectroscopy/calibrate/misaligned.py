"""Runs of an instrument whose parts are not where its file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ewaldite.simulate.bifrost import Misalignment, bifrost
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.simulate.bifrost_source import Source

#: The choppers' opening lies where neutrons of the whole band come from the pulse's middle.
SPINNING = Source(mode="spinning", opening=0.3e-3, psc_time=9.35e-3, flux=4e5)
PARKED = Source(flux=4e5)
VANADIUM = Sample(elastic=0.02, flat=0.002)


def powder(cell: float = 10.25, largest: float = 3.0) -> Sample:
    """A body-centred cubic powder."""
    sums = {
        h * h + k * k + m * m
        for h in range(8)
        for k in range(h + 1)
        for m in range(k + 1)
        if (h + k + m) % 2 == 0 and h > 0
    }
    q = [2 * np.pi * np.sqrt(n) / cell for n in sorted(sums)]
    lines = tuple((value, 0.3) for value in q if value < largest)
    return Sample(elastic=0.01, flat=0.001, powder=lines, powder_width=0.012)


def spacings(sample: Sample) -> list[float]:
    return [float(2 * np.pi / q) for q, _ in sample.powder]


def write(
    path: Path,
    sample: Sample,
    *,
    arcs: Sequence[int],
    misalignment: Misalignment | None = None,
    source: Source = SPINNING,
    pulses: int = 2000,
    a4: float = 40.0,
    lit: float | None = None,
    late: float = 0.0,
    seed: int = 0,
) -> int:
    """Write a run with the triplets of some arcs; gives the number of its events."""
    whole = bifrost(misalignment, lit=lit)
    part = whole.select(np.isin(whole.arc, arcs))
    run = Run(part, source, sample, np.zeros(1), a4=a4, pulses=pulses, monitor_scale=1e-4,
              final_spread=0.004)  # fmt: skip
    logged = Logged(late=late, band_choppers=True)
    return len(write_run(path, run, np.random.default_rng(seed), logged))


def configuration(
    folder: Path, files: Sequence[str], *more: str, mode: str = "spinning"
) -> Path:
    """Write a configuration with the files as runs."""
    emission = f"\nemission_time = '{PARKED.mean_emission} s'" if mode == "parked" else ""
    parts = [f"[[run]]\nfile = '{name}'" for name in files]
    parts += [f"[primary]\nmode = '{mode}'\nwavelengths = [3.0, 7.0]{emission}", *more]
    path = folder / "calibrate.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def only(misalignment: Misalignment, *names: str) -> Misalignment:
    """With all but some parts nominal."""
    kept = {name: getattr(misalignment, name) for name in names}
    return replace(Misalignment.none(), **kept)
