from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from diffuse.scaling.simulated import Simulated, simulate, spread
from diffuse.scaling.tables import table
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.result import ScalingResult
from ewaldite.diffuse.scaling.scale import scale
from ewaldite.diffuse.scaling.start import StartFactors
from ewaldite.errors import UserError
from ewaldite.io.nexus import load, save

GROUP = space_group("P 1")
ALL = ("a", "b", "c", "d")


def run(observations: Observations, **options: object) -> ScalingResult:
    start = options.pop("start_factors", None)
    return scale(
        observations,
        GROUP,
        degrees_per_frame=0.2,
        options=ScaleOptions(**{"terms": ALL, **options}),  # type: ignore[arg-type]
        rng=np.random.default_rng(0),
        start=start,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def plain() -> Simulated:
    return simulate()


@pytest.fixture(scope="module")
def scaled(plain: Simulated) -> ScalingResult:
    return run(plain.observations)


def test_scales_of_three_crystals_are_found(plain: Simulated, scaled: ScalingResult) -> None:
    found, offset = scaled.model.evaluate(plain.observations)
    assert spread(found, plain.scale) < 0.01
    assert scaled.converged
    assert len(scaled.history) < 12
    assert scaled.chi2 == pytest.approx(1, abs=0.05)
    # but for a common isotropic part, offsets are those of the simulation
    s = plain.observations.length_of_s
    factor = np.exp(np.mean(np.log(found / plain.scale)))
    away = offset * factor - plain.offset
    shell = np.unique((s / 0.02).astype(int), return_inverse=True)[1]
    away -= (np.bincount(shell, away) / np.bincount(shell))[shell]
    expected = plain.offset - (np.bincount(shell, plain.offset) / np.bincount(shell))[shell]
    assert away.std() < 0.2 * expected.std()


def test_the_model_is_in_the_gauge(scaled: ScalingResult) -> None:
    model = scaled.model
    b = np.concatenate([points.values for points in model.terms["b"]])
    assert b.mean() == pytest.approx(1, rel=1e-12)
    for a in model.terms["a"]:
        assert_allclose(a.values.mean(axis=(1, 2)), 1, rtol=1e-12)
    assert model.terms["d"][0].values.mean() == pytest.approx(1, rel=1e-12)
    ratios = [
        c.values / model.damped_b(batch, c.axis("s").nodes, c.axis("iz").nodes)
        for batch, c in zip(model.batches, model.terms["c"], strict=True)
    ]
    assert_allclose(np.concatenate(ratios).min(axis=0), 0, atol=1e-12)


def test_merging_with_the_model_gives_the_intensities(
    plain: Simulated, scaled: ScalingResult
) -> None:
    found, offset = scaled.model.evaluate(plain.observations)
    merged = merge(
        plain.observations, GROUP, scale=found, offset=offset, rng=np.random.default_rng(1)
    )
    chi2 = merged.coords["chi2"].values.sum() / merged.coords["chi2_expected"].values.sum()
    assert chi2 == pytest.approx(1, abs=0.05)
    several = merged.coords["multiplicity"].values > 1
    mine = merged.values[several]
    assert mine.size == scaled.intensity.size
    assert np.corrcoef(mine, scaled.intensity)[0, 1] > 0.9999
    assert_allclose(scaled.intensity.mean(), mine.mean(), rtol=2e-3)


def test_outliers_of_both_signs_are_found() -> None:
    made = simulate(outliers=0.05, seed=7)
    result = run(made.observations)
    found, _ = result.model.evaluate(made.observations)
    assert spread(found, made.scale) < 0.01
    key = np.unique(made.observations.index, axis=0, return_inverse=True)[1].ravel()
    often = np.bincount(key)[key] >= 4
    assert result.outlier[made.outlier & often].mean() >= 0.95
    assert result.outlier[~made.outlier].mean() < 0.005
    assert result.chi2 == pytest.approx(1, abs=0.05)
    assert f"{result.outlier.sum()} of" in " ".join(result.notes)


def test_parts_give_the_same_bits_as_the_whole(plain: Simulated, scaled: ScalingResult) -> None:
    o = plain.observations
    parts = (o.select(slice(i, i + 7_001)) for i in range(0, len(o), 7_001))
    found = run(parts)  # type: ignore[arg-type]
    assert_array_equal(found.residual, scaled.residual)
    for term in ALL:
        for mine, theirs in zip(found.model.terms[term], scaled.model.terms[term], strict=True):
            assert_array_equal(mine.values, theirs.values)


def test_a_part_that_goes_ahead_changes_nothing_much() -> None:
    made = simulate(240_000, 20_000, counts=60, batches=2, terms="b")
    result = run(made.observations, terms=("b",))
    assert len(result.history) <= 3
    found, _ = result.model.evaluate(made.observations)
    assert spread(found, made.scale) < 0.005


def test_auto_keeps_what_helps_and_says_so() -> None:
    result = run(simulate(terms="bd", seed=3).observations, terms="auto")
    assert result.terms == ("b", "d")
    said = " ".join(result.notes)
    assert "term d stays" in said
    assert "term a is left out" in said
    assert "term c is left out" in said
    assert "± " in said


def test_relative_b_is_found_and_enters_scale_and_offset() -> None:
    made = simulate(terms="bc", relative_b=4.0, batches=2, seed=5, counts=2000)
    without = run(made.observations, terms=("b", "c"))
    result = run(made.observations, terms=("b", "c"), relative_b=True)
    assert result.chi2 < without.chi2
    assert result.terms == ("b", "c", "B")
    for points in result.model.terms["B"]:
        rise = points.values[-1] - points.values[0]
        assert rise == pytest.approx(4.0, abs=1.2)
    found, _ = result.model.evaluate(made.observations)
    assert spread(found, made.scale) < 0.012


def test_the_alternating_program_can_be_chosen(plain: Simulated) -> None:
    result = run(
        plain.observations,
        method="alternating",
        program=("b 20", "outliers 10", "cb 10", "outliers 5", "a 5", "d 5", "cb 10"),
        smoothness={
            "a_plane": 0.1,
            "a_rotation": 0.1,
            "b": 0.1,
            "c_length": 1,
            "c_rotation": 1,
        },
    )
    found, _ = result.model.evaluate(plain.observations)
    assert spread(found, plain.scale) < 0.03
    assert len(result.history) == 7
    assert result.history[-1].target < result.history[0].target


def test_a_batch_without_overlap_keeps_its_level_from_isotropic_averages() -> None:
    made = simulate(12_000, 1_500, batches=3, terms="b")
    o = made.observations
    index = o.index.copy()
    index[o.sweep == 2, 2] += 1000
    result = run(replace(o, index=index), terms=("b",))
    assert any("sweep 2 shares no voxel" in note for note in result.notes)
    found, _ = result.model.evaluate(o)
    ratio = found / made.scale
    for sweep in range(3):
        mine = ratio[o.sweep == sweep]
        assert np.log(mine).std() < 0.012
    # isotropic averages know the level but roughly
    assert np.log(ratio[o.sweep == 2].mean() / ratio[o.sweep < 2].mean()) < 0.1


def test_a_batch_with_one_observation_and_rows_that_are_alone() -> None:
    made = simulate(6_000, 900, batches=2, terms="b")
    o = made.observations
    lonely = o.select(np.arange(40))
    lonely = replace(lonely, index=lonely.index + [0, 0, 500] + np.arange(40)[:, None])
    single = replace(o.select(np.arange(1)), sweep=np.array([5], np.int32))
    masked = o.select(np.arange(30)).with_mask("overload", np.ones(30, bool))
    result = run(Observations.concat([o, lonely, single, masked]), terms=("b", "c"))
    said = " ".join(result.notes)
    single_rows = np.isnan(result.residual).sum() - 30
    assert f"{single_rows} observations are alone" in said
    assert single_rows >= 40
    assert "30 of 6071 observations are masked" in said
    assert result.model.batches == (0, 1, 5)
    assert np.all(np.isnan(result.residual[6_000:6_040]))
    assert not np.any(result.outlier[6_000:6_040])
    for points in result.model.terms.values():
        assert all(np.all(np.isfinite(p.values)) for p in points)
    b = result.model.points("b", 5)
    assert b is not None
    assert b.values.size == 1
    assert b.values[0] > 0


def test_control_points_that_nothing_reaches_are_filled() -> None:
    made = simulate(10_000, 1_200, batches=2, terms="b")
    o = made.observations
    seen = (o.iz < 100) | (o.iz > 260)
    result = run(o.select(seen), terms=("b",), b_degrees=2.0)
    assert any("control points of b are seen by no" in note for note in result.notes)
    nodes = result.model.terms["b"][0]
    assert np.all(nodes.values > 0)
    jumps = np.abs(np.diff(np.log(nodes.values)))
    assert jumps.max() < 0.2


def test_all_alone_is_no_failure() -> None:
    n = 50
    index = np.stack([np.arange(1, n + 1), np.zeros(n), np.zeros(n)], -1).astype(np.int64)
    o = table(n, index=index, counts=np.full(n, 9.0), iz=np.linspace(0, 99, n))
    result = run(o, terms="auto")
    assert result.terms == ("b",)
    assert np.isnan(result.chi2)
    assert_allclose(result.model.terms["b"][0].values, 1, rtol=1e-6)


@pytest.mark.parametrize("terms", ["auto", ALL, ("a", "c", "d"), ("c",), ("d",)])
def test_nothing_counted_is_no_failure(terms: object) -> None:
    made = simulate(600, 100, batches=2).observations
    dark = replace(made, counts=np.zeros(600), background=np.zeros(600))
    result = run(dark, terms=terms, counts_per_point=0, a_grid=(3, 3), c_shells=5)
    scale_found, offset = result.model.evaluate(dark)
    assert np.all(np.isfinite(scale_found) & (scale_found > 0))
    assert np.all(np.isfinite(offset))
    assert_allclose(result.intensity, 0, atol=1e-6)


def test_terms_without_b() -> None:
    made = simulate(terms="d", batches=1, seed=9)
    result = run(made.observations, terms=("d",))
    found, _ = result.model.evaluate(made.observations)
    known = made.scale / np.exp(-0.4 * made.observations.iz / 400)
    assert result.terms == ("d",)
    assert np.corrcoef(np.log(found), np.log(known))[0, 1] > 0.5


def test_nothing_usable_is_refused() -> None:
    o = table(5, exposure=np.zeros(5))
    with pytest.raises(UserError, match="no usable observation"):
        run(o)
    with pytest.raises(UserError, match="there are none"):
        run(o.select(slice(0, 0)))


def test_friedel_mates_can_be_kept_apart() -> None:
    made = simulate(8_000, 800, batches=2, terms="b")
    o = made.observations
    mate = np.arange(len(o)) % 2 == 1
    index = np.where(mate[:, None], -o.index, o.index)
    o = replace(o, index=index, counts=np.where(mate, 1.3 * o.counts, o.counts))
    together = run(o, terms=("b",))
    apart = run(o, terms=("b",), friedel=False)
    assert len(apart.key) > 1.8 * len(together.key)
    assert apart.chi2 < 0.5 * together.chi2


def test_start_factors_set_the_course_and_not_the_level(plain: Simulated) -> None:
    iz = np.arange(0, 400, 5.0)
    given = {j: StartFactors(iz, 7 * np.exp(-0.4 * iz / 400 * (1 + j))) for j in range(3)}
    result = run(plain.observations, start_factors=given)
    found, _ = result.model.evaluate(plain.observations)
    assert spread(found, plain.scale) < 0.01


def test_the_result_goes_to_a_file_and_back(scaled: ScalingResult, tmp_path: Path) -> None:
    save(tmp_path / "scales.nxs", scaled.to_scipp())
    back = load(tmp_path / "scales.nxs")
    model = ScalingModel.from_scipp(back["model"])
    assert_array_equal(model.terms["c"][1].values, scaled.model.terms["c"][1].values)
    assert back["notes"] == list(scaled.notes)
    assert back["converged"] is True
    assert back["history"]["target"].sizes == {"iteration": len(scaled.history)}
    assert back["rejected"] == scaled.outlier.sum()


def test_degrees_of_every_sweep_are_needed(plain: Simulated) -> None:
    with pytest.raises(ValueError, match="degrees per frame"):
        scale(
            plain.observations,
            GROUP,
            degrees_per_frame={0: 0.2},
            options=ScaleOptions(),
            rng=np.random.default_rng(0),
        )


def test_one_gain_for_the_whole_detector_is_not_tried() -> None:
    o = simulate(terms="b", seed=3).observations
    one_panel = replace(o, panel=np.zeros_like(o.panel))
    result = run(one_panel, terms="auto", d_kind="panel")
    assert "d" not in result.terms
    assert not [note for note in result.notes if note.startswith("term d")]
