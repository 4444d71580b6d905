"""Steps of runs with their flux, as kernels take them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.geometry.neutron import energy
from ewaldite.kernels.cut_tables import interval_of, is_blocked
from ewaldite.spectroscopy.exposure import Exposure, block, exposure, join
from ewaldite.spectroscopy.flux import Flux, resolved_flux, shared_flux
from spectroscopy.toys import band

BANDS = band(120), band(70)


def flux_of(run: int = 0, *, shared: bool = False) -> Flux:
    rng = np.random.default_rng(run)
    where = BANDS[run]
    spectrum = rng.poisson(60.0, len(where)).astype(float)
    spectrum[5] = 0.0
    if shared:
        return shared_flux(where, spectrum, rng.uniform(0.1, 0.3, (4, len(where))))
    return resolved_flux(where, rng.poisson(30.0, (4, len(where))) * (spectrum > 0))


def exposed(run: int = 0, *, shared: bool = False) -> Exposure:
    return exposure(flux_of(run, shared=shared), np.arange(4.0), 30.0)


@pytest.mark.parametrize("shared", [False, True])
def test_counts_and_what_may_be_divided_by(shared: bool) -> None:
    flux, one = flux_of(shared=shared), exposed(shared=shared)
    table, n = one.table, len(BANDS[0])
    counts = table.counts.reshape(4, n)
    assert_array_equal(counts[:, flux.absent], -1.0)
    assert_array_equal(counts[:, ~flux.absent], flux.counts[:, ~flux.absent])
    assert flux.absent[5]
    per = table.per_count.reshape(4, n)
    width = np.diff(energy(BANDS[0].edges))
    good = flux.usable & ~flux.absent
    assert_allclose(per[good], np.broadcast_to(width, per.shape)[good] / counts[good])
    assert_array_equal(per[:, flux.absent], -1.0)
    assert_array_equal(per[~good & ~flux.absent], 0.0)
    assert_array_equal(one.a4, 30.0)


@pytest.mark.parametrize("shared", [False, True])
def test_every_cell_with_flux_belongs_to_one_reading(shared: bool) -> None:
    flux, one = flux_of(shared=shared), exposed(shared=shared)
    used = np.flatnonzero(~flux.absent)
    assert {tuple(m) for m in one.members} == {(j, m) for j in range(4) for m in used}
    assert one.bounds[0] == 0
    assert one.bounds[-1] == len(one.members) == 4 * used.size
    groups = [one.members[a:b] for a, b in zip(one.bounds, one.bounds[1:], strict=False)]
    assert len(groups) == one.relative.size
    for members, relative in zip(groups, one.relative, strict=True):
        m = members[0, 1]
        if shared:
            assert_array_equal(members, [[j, m] for j in range(4)])
            assert relative == pytest.approx(1 / flux.readings[m])
        else:
            assert members.shape == (1, 2)
            n = flux.readings[members[0, 0], m]
            assert relative == (pytest.approx(1 / n) if n else 0.0)


def test_runs_are_joined_with_their_own_edges_and_masks() -> None:
    hidden = np.zeros((3, len(BANDS[1])), bool)
    hidden[1, 7] = True
    other = np.ones((3, len(BANDS[0])), bool)
    other[:, 7] = False
    parts = [
        block(exposed(0), [other], [-1, 0, 0, -1]),
        block(exposed(1), [~hidden, hidden], [1, -1, 0, 1]),
        exposed(0),
    ]
    whole = join(parts)
    assert len(whole) == 12
    table = whole.table
    for number, (part, run) in enumerate(zip(parts, (0, 1, 0), strict=True)):
        for j in range(4):
            s = 4 * number + j
            n = len(BANDS[run])
            assert table.cells[s] == n
            rows = slice(table.count_of[s], table.count_of[s] + n)
            assert_array_equal(table.counts[rows], part.counts.reshape(4, n)[j])
            assert_array_equal(table.per_count[rows], part.table.per_count.reshape(4, n)[j])
            edges = table.edges[table.edge_of[s] : table.edge_of[s] + n + 1]
            assert_array_equal(edges, BANDS[run].edges)
            for k in (*edges[:3], edges[-1], edges[4] * 1.0001, edges[0] * 0.999):
                found = interval_of(
                    table.edges, table.edge_of[s], n, table.guide, table.guides[s], k
                )
                inside = np.searchsorted(edges, k, side="right") - 1
                assert found == (inside if inside < n else -1)
            for p in range(3):
                for m in (6, 7):
                    expected = [
                        j in (1, 2) and m != 7,
                        {0: hidden, 2: ~hidden, 3: hidden}.get(j, hidden & False)[p, m],
                        False,
                    ][number]
                    found = is_blocked(table.blocked, table.block_of[s], n, p, m)
                    assert found == expected
    expected = [part.members + np.array([4 * number, 0]) for number, part in enumerate(parts)]
    assert_array_equal(whole.members, np.concatenate(expected))
    sizes = np.concatenate([np.diff(part.bounds) for part in parts])
    assert_array_equal(np.diff(whole.bounds), sizes)
    assert whole.bounds[0] == 0
    assert_allclose(whole.relative, np.concatenate([p.relative for p in parts]))


def test_a_run_without_masks_has_none() -> None:
    one = block(exposed(), [], np.full(4, -1))
    assert one.blocked.size == 0
    assert_array_equal(one.block_of, -1)
