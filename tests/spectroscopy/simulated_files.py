"""Small raw files with a known truth."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ewaldite.simulate.bifrost import Bifrost, bifrost
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_run import Counted, Run
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.simulate.bifrost_source import Source

SPINNING = Source(mode="spinning", opening=0.5e-3, flux=4e5)
PARKED = Source(flux=4e5)
FLAT = 0.02


@lru_cache
def part() -> Bifrost:
    """Channels 2, 5 and 8 with all arcs, and unequal pixels."""
    rng = np.random.default_rng(9)
    whole = bifrost(efficiency=rng.uniform(0.7, 1.0, 13_500))
    return whole.select(np.isin(whole.channel, (1, 4, 7)))


def flat_run(source: Source = PARKED, **fields: object) -> Run:
    run = Run(part(), source, Sample(flat=FLAT), np.array([0.0, 11.0]), a4=40.0, pulses=700,
              monitor_scale=0.004, final_spread=0.002)  # fmt: skip
    return replace(run, **fields)  # type: ignore[arg-type]


def vanadium_run(source: Source = PARKED) -> Run:
    """One mole of vanadium, cold and thin."""
    strength = 0.602214076 * 5.08 / (4 * np.pi)
    return flat_run(source, sample=Sample(elastic=strength), a3=np.zeros(1), pulses=800)


def write(path: Path, run: Run, seed: int = 0, **logged: object) -> Counted:
    return write_run(path, run, np.random.default_rng(seed), Logged(**logged))  # type: ignore[arg-type]


def configuration(source: Source, *more: str) -> str:
    """Configuration of both files, with one cut in energy transfer of 0.25 meV."""
    mode = (
        f'mode = "{source.mode}"\nemission_time = "{1e3 * source.mean_emission} ms"\n'
        f'earliest_at_sample = "{1e3 * source.earliest_at_sample} ms"'
    )
    return "\n".join(
        [
            f"[primary]\n{mode}",
            "[sample]\ncell = [5, 5, 5, 90, 90, 90]\nu = [1, 0, 0]\nv = [0, 0, 1]",
            '[[cut]]\nname = "e"\naxes = ["energy_transfer"]',
            "bins = { energy_transfer = [-2, 2, 0.25] }",
            *more,
        ]
    )


VANADIUM = '[vanadium]\nfile = "vanadium.nxs"\nmass = "50.9415 g"\ntemperature = 0'
