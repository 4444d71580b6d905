"""Simulated runs with a background that is constant in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.simulate.bifrost_source import Source
from spectroscopy.simulated_files import configuration, flat_run, write
from spectroscopy.tiny import channel

#: A band that leaves a third of the frame without neutrons.
NARROW = Source(flux=4e5, band=(4.2, 5.2))
#: Counts/s of a pixel: half of what the sample scatters.
CONSTANT = 0.05
#: Latest arrival: slowest neutrons of the very end of the emission.
LATEST = 2.86e-3 + 8 * 0.29e-3 + 161.99882399465903 * 5.2 / 3956.034


def narrow_run(**fields: object) -> Run:
    return flat_run(
        NARROW,
        **{
            "instrument": channel(),
            "sample": Sample(flat=0.005),
            "a3": np.array([0.0, 20.0, 40.0]),
            "pulses": 300,
            "constant": CONSTANT,
        }
        | fields,
    )


def narrow_configuration(*more: str, file: str = "sample.nxs") -> str:
    text = configuration(NARROW, f'[[run]]\nfile = "{file}"', *more)
    return text.replace(
        "earliest_at", f'latest_at_sample = "{1e3 * LATEST} ms"\nearliest_at', 1
    )


def narrow_vanadium(**fields: object) -> Run:
    """One mole of vanadium, cold and thin."""
    strength = 0.602214076 * 5.08 / (4 * np.pi)
    still = {"sample": Sample(elastic=strength), "a3": np.zeros(1), "constant": 0.0}
    return narrow_run(**still | fields)


def write_narrow(folder: Path, seed: int = 0, **fields: object) -> None:
    write(folder / "sample.nxs", narrow_run(**fields), seed)
