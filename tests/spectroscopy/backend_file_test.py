from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.nexus import load, save
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.backend_file import Efficiency, read_efficiency, to_scipp
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.vanadium_run import reduce_vanadium
from spectroscopy.simulated_files import PARKED, SPINNING, VANADIUM, configuration, vanadium_run
from spectroscopy.simulated_files import write as write_run

INSTRUMENT = Instrument.from_triplets(design_triplets()[:2])
N = len(INSTRUMENT)
RNG = np.random.default_rng(0)
BACKEND = Backend(
    INSTRUMENT.detector_number,
    np.where(np.arange(N) < 5, 0.0, RNG.uniform(0.5, 1.0, N)),
    RNG.uniform(0, 1e-3, N),
    RNG.integers(0, 3, N),
    RNG.normal(0, 0.01, (3, 2)),
    "meV*sr",
)
EFFICIENCY = Efficiency(BACKEND, INSTRUMENT.final_energy, INSTRUMENT.A4)


def written(path: Path) -> Path:
    columns = {"elastic": (np.arange(N, dtype=float), "counts")}
    masks = {"no_flux": np.arange(N) < 5}
    save(path, to_scipp(EFFICIENCY, columns=columns, masks=masks, instrument=INSTRUMENT))
    return path


def test_it_reads_back_to_the_bit(tmp_path: Path) -> None:
    again = read_efficiency(written(tmp_path / "v.nxs"))
    for name in ("detector_number", "value", "own", "group", "modes", "unit"):
        np.testing.assert_array_equal(
            getattr(again.backend, name), getattr(BACKEND, name), err_msg=name
        )
    np.testing.assert_array_equal(again.final_energy, INSTRUMENT.final_energy)


def test_variances_are_those_of_both_parts(tmp_path: Path) -> None:
    data = load(written(tmp_path / "v.nxs"))
    n_b = data["N_b"]
    assert n_b.unit == "meV*sr"
    assert np.isnan(n_b.values[:5]).all()
    assert n_b.masks["no_flux"].values.sum() == 5
    spread = data["common"].values[data["group"].values]
    relative = data["independent"].values + (spread**2).sum(axis=1)
    np.testing.assert_allclose(n_b.variances[5:], (n_b.values**2 * relative)[5:])
    assert n_b.coords["detector_number"].dims == n_b.dims


def test_it_belongs_to_an_instrument() -> None:
    assert EFFICIENCY.check(INSTRUMENT, "run") == ()
    more = Instrument.from_triplets(design_triplets()[:3])
    assert EFFICIENCY.check(more, "run") == (
        f"{len(more) - N} pixels of run are not in the vanadium file",
    )
    moved = replace(INSTRUMENT, final_energy=INSTRUMENT.final_energy + 0.02)
    with pytest.raises(UserError, match="final energy of detector number"):
        EFFICIENCY.check(moved, "run")
    turned = replace(INSTRUMENT, A4=INSTRUMENT.A4 - 0.2)
    with pytest.raises(UserError, match=r"A4 .* Reduce the vanadium run anew"):
        EFFICIENCY.check(turned, "run")


def test_another_file_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "x.nxs", load(written(tmp_path / "v.nxs"))["N_b"])
    with pytest.raises(UserError, match="it is another result"):
        read_efficiency(tmp_path / "x.nxs")


@pytest.mark.parametrize("source", [PARKED, SPINNING], ids=lambda s: s.mode)
def test_pixels_near_an_end_of_the_band_are_lost_by_the_pulse(
    source: Source, tmp_path: Path
) -> None:
    """A band that ends near the arc of 5.0 meV: its pixels are within the source's pulse of
    it, but not within the opening of spinning choppers."""
    edge = 81.8042 / 4.0**2  # meV, of 4.0 Å
    ends = replace(source, band=(4.0, 5.6))
    write_run(tmp_path / "vanadium.nxs", vanadium_run(ends), 3, monitor="total")
    path = tmp_path / "c.toml"
    path.write_text(configuration(ends, VANADIUM))
    options = read_config(path)
    assert options.vanadium is not None
    made = reduce_vanadium(options, options.vanadium, tmp_path)
    last = made.efficiency.final_energy > 4.9
    near = edge - made.efficiency.final_energy[last]
    assert near.min() < 0.13
    # dE = 2 E dt / t
    width = 2.0 * edge * {"parked": 2.86e-3, "spinning": 0.5e-3}[source.mode] / 0.1638
    lost = made.data["N_b"].masks["no_flux"].values[last]
    # the monitor sees the end blurred by half a pulse
    assert np.all(lost[near < 0.4 * width])
    assert not np.any(lost[near > 1.6 * width])
    assert (lost.mean() > 0.2) == (source.mode == "parked")
    assert (lost.mean() < 0.01) == (source.mode == "spinning")
