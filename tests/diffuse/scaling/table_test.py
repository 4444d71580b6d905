from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from diffuse.scaling.oracle import compact, measured
from diffuse.scaling.simulated import simulate, spread
from diffuse.scaling.tables import table
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.scaling.gradients import conjugate_gradients
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.nodes import Nodes
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.overlap import groups_of_batches, notes_on_overlap
from ewaldite.diffuse.scaling.prescale import prescale, smooth_rate
from ewaldite.diffuse.scaling.scaler import information
from ewaldite.diffuse.scaling.selection import choose_terms
from ewaldite.diffuse.scaling.table import ScalingTable

P1 = space_group("P 1")


def some(n: int = 500, seed: int = 0) -> Observations:
    rng = np.random.default_rng(seed)
    return table(
        n,
        index=rng.integers(-2, 3, (n, 3)),
        counts=rng.poisson(30, n).astype(float),
        background=rng.uniform(0, 3, n),
        background_variance=rng.uniform(0, 1, n),
        exposure=rng.uniform(0.5, 2, n),
        iz=rng.uniform(0, 50, n),
        length=rng.uniform(0.1, 0.5, n),
        sweep=rng.choice(np.array([1, 4], np.int32), n),
    )


def test_rows_are_sorted_by_equivalent_voxels() -> None:
    o = some()
    t = ScalingTable.of(o, P1)
    assert t.batches == (1, 4)
    assert len(t) + t.alone + t.unusable == t.size == 500
    assert np.all(np.diff(t.start) >= 2)
    index = o.index[t.row]
    flip = np.where((index @ [100, 10, 1] < 0)[:, None], -index, index)
    for first, last in zip(t.start[:-1], t.start[1:], strict=True):
        assert len(np.unique(flip[first:last], axis=0)) == 1
        assert np.all(np.diff(t.row[first:last]) > 0)
    assert_allclose(t.signal, (o.counts - o.background)[t.row], rtol=1e-6)
    assert_allclose(t.dark, (o.background + o.background_variance)[t.row], rtol=1e-6)
    assert_array_equal(np.array(t.batches)[t.batch], o.sweep[t.row])


def test_rows_alone_count_for_limits_and_isotropic_averages() -> None:
    o = some(300)
    far = table(
        1, index=np.array([[9, 9, 9]]), iz=np.array([99.0]), sweep=np.array([4], np.int32)
    )
    t = ScalingTable.of(Observations.concat([o, far]), P1)
    assert t.alone >= 1
    assert 300 not in t.row
    assert t.limits[1, 2, 1] == 99
    assert t.cells.exposure.sum() == pytest.approx(o.exposure.sum() + 1)


def test_masked_empty_and_unknown_rows_are_left_out() -> None:
    o = some().with_mask("bad", np.arange(500) < 20)
    exposure = o.exposure.copy()
    exposure[20:30] = 0
    ix = o.ix.copy()
    ix[30:35] = np.nan
    t = ScalingTable.of(replace(o, exposure=exposure, ix=ix), P1)
    assert t.unusable == 35
    assert t.row.min() >= 35


@given(cut=st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_two_parts_are_the_whole(cut: int) -> None:
    o = some()
    whole = ScalingTable.of(o, P1)
    parts = ScalingTable.of(iter([o.select(slice(0, cut)), o.select(slice(cut, None))]), P1)
    assert_array_equal(whole.row, parts.row)
    assert_array_equal(whole.signal, parts.signal)
    assert_array_equal(whole.cells.signal, parts.cells.signal)
    assert_array_equal(whole.limits, parts.limits)


def test_a_selection_of_voxels() -> None:
    t = ScalingTable.of(some(), P1)
    chosen = np.array([1, 4, 5])
    part = t.select(chosen)
    rows = np.concatenate([np.arange(t.start[v], t.start[v + 1]) for v in chosen])
    assert_array_equal(part.row, t.row[rows])
    assert_array_equal(part.signal, t.signal[rows])
    assert_array_equal(part.key, t.key[chosen])
    assert_array_equal(np.diff(part.start), np.diff(t.start)[chosen])
    assert part.most == np.diff(part.start).max()


def test_batches_that_share_no_voxel() -> None:
    o = some(900)
    sweep = np.arange(900, dtype=np.int32) % 5
    index = o.index.copy()
    index[sweep == 3] += [50, 0, 0]
    index[sweep == 4] += [90, 0, 0]
    index[sweep == 4, 2] = np.arange(180)
    t = ScalingTable.of(replace(o, sweep=sweep, index=index), P1)
    groups = groups_of_batches(t)
    assert groups[0] == (0, 1, 2)
    assert set(groups[1:]) == {(3,), (4,)}
    notes = notes_on_overlap(t)
    assert any("sweep 3 shares no voxel" in n for n in notes)
    assert any("sweep 4 has no voxel that was seen twice" in n for n in notes)
    assert_array_equal(np.diag(t.links())[4], 0)


def test_isotropic_averages_find_scale_and_level() -> None:
    made = simulate(terms="b")
    t = ScalingTable.of(made.observations, P1)
    first = prescale(t.cells)
    nodes = Nodes(t, ScaleOptions(b_degrees=5), np.full(3, 0.2), information(t))
    model = first.apply(nodes.model(["b"]))
    assert np.concatenate([b.values for b in model.terms["b"]]).mean() == pytest.approx(1)
    found, _ = model.evaluate(made.observations)
    assert spread(found, made.scale) < 0.06
    plain = prescale(t.cells, enabled=False)
    assert np.nanmax(plain.scale) == 1
    assert plain.rate.max() > 1


def test_smooth_rates_bridge_gaps() -> None:
    sums = np.zeros((2, 60))
    sums[1, 5:20] = sums[1, 50:] = 2.0
    sums[0] = sums[1] * 3.0
    assert_allclose(smooth_rate(sums), 3.0)
    assert_allclose(smooth_rate(np.zeros((2, 4))), 0.0)


def test_information_is_the_square_of_signal_over_noise() -> None:
    t = ScalingTable.of(some(), P1)
    mine = [t.batch == j for j in range(2)]
    signal = np.array([t.signal[m].sum() for m in mine], dtype=float)
    dark = np.array([t.dark[m].sum() for m in mine], dtype=float)
    assert_allclose(information(t), signal**2 / (signal + dark), rtol=1e-5)
    given = compact(measured(), (1, 2))
    assert given.sigma is not None
    ratio = (given.signal / given.sigma).astype(float) ** 2
    assert_allclose(information(given), np.bincount(given.batch, ratio), rtol=1e-5)


def test_places_are_those_of_the_matrices() -> None:
    t = compact(measured(), (1, 2))
    options = ScaleOptions(counts_per_point=0, d_kind="grid", d_grid=(4, 3))
    layout = Layout(Nodes(t, options, np.ones(2), np.ones(2)).model("abcdB"))
    places = layout.places(t)
    columns = {"ix": t.ix, "iy": t.iy, "iz": t.iz, "s": t.length}
    for at, part, step, term in (
        (places.a, places.a_part, places.step[:3], "a"),
        (places.b, places.b_part, places.step[3:4], "b"),
        (places.c, places.c_part, places.step[4:6], "c"),
        (places.d, places.d_part, places.step[6:8], "d"),
        (places.dose, places.dose_part, places.step[8:], "B"),
    ):
        segments = layout.of(term)
        for j in range(2):
            _, points, where = segments[min(j, len(segments) - 1)]
            rows = np.flatnonzero(t.batch == j)
            mine = points.matrix(*(columns[name][rows] for name in points.names)).toarray()
            found = np.zeros_like(mine)
            for corner in range(2 ** len(points.axes)):
                w, place = np.ones(rows.size), at[rows] - where.start
                for k in range(len(points.axes)):
                    high = corner >> k & 1
                    x = part[rows, k] / 65535
                    w *= x if high else 1 - x
                    place = place + high * step[k]
                np.add.at(found, (np.arange(rows.size), place), w)
            assert_allclose(found, mine, atol=3e-5)


def test_vector_and_model_are_one() -> None:
    t = compact(measured(), (1, 2))
    model = Nodes(t, ScaleOptions(), np.ones(2), np.full(2, 1e5)).model("abcd")
    layout = Layout(model)
    p = np.random.default_rng(0).normal(size=layout.size)
    assert_array_equal(Layout(layout.with_vector(p)).vector(), p)
    assert sum(points.values.size for _, points, _ in layout.segments) == layout.size


@given(seed=st.integers(0, 1000), n=st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_conjugate_gradients_solve(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n + 2, n))
    matrix = root.T @ root + 0.1 * np.eye(n)
    g = rng.normal(size=n)
    step = conjugate_gradients(
        lambda v: matrix @ v, g, lambda v: v / np.diag(matrix), enough=0, share=1e-15, most=80
    )
    x = np.linalg.solve(matrix, g)
    assert_allclose(step.x, x, rtol=1e-4, atol=1e-5)
    assert step.decrease == pytest.approx(g @ x, rel=1e-6)


def test_conjugate_gradients_leave_what_is_not_determined() -> None:
    matrix = np.diag([2.0, 0.0])
    step = conjugate_gradients(
        lambda v: matrix @ v, np.array([4.0, 0.0]), lambda v: v, enough=0, share=0, most=9
    )
    assert_array_equal(step.x, [2, 0])
    nothing = conjugate_gradients(
        lambda v: matrix @ v, np.zeros(2), lambda v: v, enough=0, share=0, most=9
    )
    assert (nothing.iterations, nothing.decrease) == (0, 0.0)


def test_a_term_stays_only_if_it_helps_the_other_half() -> None:
    t = ScalingTable.of(some(2000), P1)
    noise = np.random.default_rng(1).normal(size=2 * len(t))
    helps = {"c": 0.9, "a": 0.5, "d": 1.0}
    seen: list[tuple[str, ...]] = []

    def residuals(one: ScalingTable, other: ScalingTable, terms):  # type: ignore[no-untyped-def]
        assert not set(one.key) & set(other.key)
        seen.append(tuple(terms))
        # c helps only as long as a is off: it stands in for it
        factor = 3.0
        for term in terms:
            factor *= 1.0 if term == "c" and "a" in terms else helps.get(term, 1.0)
        return factor * noise[: len(other)]

    terms, tried = choose_terms(
        t, residuals, always=["b"], most=10**6, rng=np.random.default_rng(0)
    )
    assert terms == ["b", "a"]
    assert {c.term: c.kept for c in tried} == {"c": False, "a": True, "d": False}
    assert seen[0] == seen[1] == ("b",)
    assert str(tried[1]).startswith("term a stays")


def test_a_part_of_very_many_decides() -> None:
    t = ScalingTable.of(some(3000), P1)
    sizes = []

    def residuals(one: ScalingTable, other: ScalingTable, terms):  # type: ignore[no-untyped-def]
        sizes.append(len(one) + len(other))
        return np.zeros(len(other))

    choose_terms(t, residuals, always=["b"], most=600, rng=np.random.default_rng(0))
    assert max(sizes) < 1000


def test_the_model_may_be_empty() -> None:
    layout = Layout(ScalingModel((1, 2), {}, 0.5, (1.0, 1.0)))
    assert layout.size == 0
    assert layout.vector().size == 0
    assert layout.places(compact(measured(), (1, 2))).b.size == 0
