"""One dispersion, reduced from each arc alone: what k_f has to do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.simulate.bifrost import analyser_detector, half_take_off, sample_analyser
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from spectroscopy.toys import CUBIC
from spectroscopy.truth import World

FloatArray = NDArray[np.float64]

# A band that holds the elastic line at 2.7 meV and the branch above 5.0 meV
SOURCE = Source(mode="spinning", opening=0.5e-3, band=(3.82, 5.58))
BRANCH = Dispersion(gap=0.15, height=0.14, width=0.03)
CUT = Cut(
    name="all",
    axes=["h", "l", "energy_transfer"],
    bins={"h": (-1.6, 1.6, 0.1), "l": (-2.0, 0.8, 0.1), "energy_transfer": (-0.05, 0.65, 0.05)},
)
STRENGTH = 40_000.0  # makes some 200,000 events


@dataclass(frozen=True)
class Seen:
    """What the arcs see: counts over what the coverage predicts, dims (arc).

    ``right`` with all factors; ``equal`` with N_b = 1; ``no_ratio`` without k_f/k_i; ``error``
    relative, of the counts and of the elastic counts of vanadium.
    """

    k_f: FloatArray
    n_b: FloatArray
    right: FloatArray
    equal: FloatArray
    no_ratio: FloatArray
    error: FloatArray


def true_bins() -> FloatArray:
    """Mean of S over the bins of the cut, for a strength of 1."""
    node, weight = np.polynomial.legendre.leggauss(5)
    edges = [CUT.edges(axis) for axis in CUT.axes]
    points = [((e[1:] + e[:-1]) / 2)[:, None] + np.diff(e)[:, None] / 2 * node for e in edges]
    h, l, energy = points
    hkl = np.zeros((*h.shape, *l.shape, 1, 1, 3))
    hkl[..., 0] = h[:, :, None, None, None, None]
    hkl[..., 2] = l[None, None, :, :, None, None]
    s = BRANCH.value(hkl, energy[None, None, None, None])
    w = weight / 2
    return np.einsum("iajbkc,a,b,c->ijk", s, w, w, w)


@pytest.fixture(scope="module")
def seen() -> Seen:
    world = World(
        every=30,
        source=SOURCE,
        settings=20,
        vanadium_events=6e5,
        monitor_counts=3e6,
        final_spread=0.003,
    )
    rng = np.random.default_rng(5)
    branch = replace(BRANCH, strength=STRENGTH)
    run = world.run(Sample(dispersion=branch), world.settings, world.monitor_counts)
    unit = STRENGTH * world.vanadium.monitor_scale / run.monitor_scale
    where = world.intervals(0.1)
    backend, flux = world.backend(world.intervals(), rng), world.flux(run, where, rng)
    counted, k_i = world.draw(run, rng)
    exposed = world.exposure(run, flux)
    grid, truth = cut_grid(CUT, CUBIC), unit * true_bins().ravel()
    middle = (CUT.edges("energy_transfer")[1:] + CUT.edges("energy_transfer")[:-1]) / 2
    arcs = world.nominal.arc
    rows = []
    for arc in range(5):
        mine = (arcs == arc) & (backend.value > 0)
        e_f = world.nominal.final_energy[mine].mean()
        k_ratio = np.broadcast_to(np.sqrt(e_f / (e_f + middle)), CUT.shape).ravel()
        expected = {}
        for name, b in (("right", backend), ("equal", Backend.ones(backend.detector_number))):
            events = EventSums(grid, world.pixels(b, arc), exposed)
            covered = coverage(grid, events.pixel, exposed, threads=2).coverage
            expected[name] = float(covered @ truth)
            if name == "right":
                expected["no_ratio"] = float((covered / k_ratio) @ truth)
        chosen = mine[counted.pixel]
        events = EventSums(grid, world.pixels(backend, arc), exposed)
        events.add(counted.pixel[chosen], k_i[chosen], counted.setting[chosen])
        n = float(events.sums[:, 0].sum())
        vanadium = 6e5 * backend.value[mine].sum() / backend.value.sum()
        rows.append(
            (
                world.nominal.final_wavenumber[mine].mean(),
                backend.value[mine].mean(),
                n / expected["right"],
                n / expected["equal"],
                n / expected["no_ratio"],
                np.sqrt(1 / n + 1 / vanadium),
            )
        )
    return Seen(*np.array(rows).T)


def chi_square(ratio: FloatArray, error: FloatArray) -> float:
    """Of the arcs about their weighted mean, a degree of freedom."""
    weight = (ratio * error) ** -2
    mean = np.average(ratio, weights=weight)
    return float(np.sum(weight * (ratio - mean) ** 2) / (ratio.size - 1))


def test_arcs_agree_with_one_another_and_with_the_truth(seen: Seen) -> None:
    assert np.all(seen.error < 0.012)
    np.testing.assert_array_less(np.abs(seen.right - 1), 3.5 * seen.error)
    assert chi_square(seen.right, seen.error) < 3.5


def test_k_f_cubed_once_more_takes_the_arcs_apart(seen: Seen) -> None:
    wrong = seen.right / seen.k_f**3
    assert wrong.max() / wrong.min() == pytest.approx((5.0 / 2.7) ** 1.5, rel=0.04)
    assert chi_square(wrong, seen.error) > 1000


def test_without_k_f_over_k_i_the_strength_is_wrong_and_depends_on_the_arc(seen: Seen) -> None:
    # sqrt(E_f / (E_f + 0.3 meV)), smallest at 2.7 meV
    assert np.all(seen.no_ratio < 1 - 2 * seen.error)
    assert seen.no_ratio[0] == pytest.approx(np.sqrt(2.7 / 3.0), abs=0.02)
    assert seen.no_ratio[0] < seen.no_ratio[4]
    assert chi_square(seen.no_ratio - seen.right + 1, seen.error) > chi_square(
        seen.right, seen.error
    )


def test_without_vanadium_the_arcs_do_not_compare(seen: Seen) -> None:
    assert chi_square(seen.equal, seen.error) > 1000
    np.testing.assert_allclose(seen.equal / seen.n_b, (seen.equal / seen.n_b).mean(), rtol=0.05)


def test_n_b_times_k_f_is_the_volume_in_k_space(seen: Seen) -> None:
    """V_f = k_f³ cot θ η ΔΩ, with the angle of reflection θ and the mosaic η of all arcs."""
    wave = np.pi / 3.355 / np.sin(np.deg2rad([half_take_off(a) for a in range(5)]))
    cotangent = 1 / np.tan(np.deg2rad([half_take_off(a) for a in range(5)]))
    lsa = np.array([np.mean([sample_analyser(c, a) for c in range(3)]) for a in range(5)])
    lad = np.array([analyser_detector(a) for a in range(5)])
    lengths = np.array([0.2359, 0.2589, 0.2778, 0.2963, 0.3152])
    solid = lengths * lsa / (lsa + lad) / lsa**2
    volume = wave**3 * cotangent * solid
    found = seen.n_b * seen.k_f / volume
    np.testing.assert_allclose(found / found.mean(), 1.0, rtol=0.02)
