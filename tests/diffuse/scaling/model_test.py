from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipp as sc
from numpy.testing import assert_allclose, assert_array_equal

from conftest import ORACLES
from diffuse.scaling.tables import table
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.errors import UserError
from ewaldite.io.nexus import load, save

ORACLE = json.loads((ORACLES / "scale.json").read_text())


def oracle_model() -> ScalingModel:
    stored = ORACLE["ScalingModel"]
    ix, iy, iz = (
        Axis(f"i{x}", *stored[f"i{x}Lim"], n) for x, n in zip("xyz", (3, 3, 5), strict=True)
    )
    s = Axis("s", *stored["sLim"], 6)
    panel = Axis("panel", *stored["ipLim"], 4, bins=True)
    return ScalingModel(
        batches=(0,),
        terms={
            "a": (ControlPoints((ix, iy, iz), np.reshape(stored["a"], (5, 3, 3))),),
            "b": (ControlPoints((iz,), np.array(stored["b"], float)),),
            "c": (ControlPoints((s, iz), np.reshape(stored["c"], (5, 6))),),
            "d": (ControlPoints((panel,), np.array(stored["d"], float)),),
        },
        s_limit=0.8,
        degrees_per_frame=(0.1,),
    )


def two_batches(seed: int = 1) -> ScalingModel:
    rng = np.random.default_rng(seed)
    x, y = Axis("ix", 0, 99, 3), Axis("iy", 0, 79, 2)
    s, d = Axis("s", 0, 0.6, 4), Axis("panel", 0, 2, 3, bins=True)
    terms: dict[str, list[ControlPoints]] = {"a": [], "b": [], "c": [], "B": []}
    for last in (40.0, 25.0):
        z, coarse = Axis("iz", -0.5, last, 5), Axis("iz", -0.5, last, 3)
        terms["a"].append(ControlPoints((x, y, coarse), rng.uniform(0.8, 1.2, (3, 2, 3))))
        terms["b"].append(ControlPoints((z,), rng.uniform(0.5, 2, 5)))
        terms["c"].append(ControlPoints((s, coarse), rng.uniform(0, 2, (3, 4))))
        terms["B"].append(ControlPoints((coarse,), rng.uniform(0, 3, 3)))
    gains = (ControlPoints((d,), np.array([0.9, 1.0, 1.1])),)
    found = {name: tuple(points) for name, points in terms.items()} | {"d": gains}
    return ScalingModel((0, 3), found, 0.6, (0.1, 0.5))


def places(n: int = 200, seed: int = 2, **columns: object):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    sweep = rng.choice(np.array([0, 3], np.int32), n)
    made = {
        "ix": rng.uniform(-5, 110, n),
        "iy": rng.uniform(-5, 90, n),
        "iz": rng.uniform(-2, 45, n),
        "panel": rng.integers(0, 3, n).astype(np.int32),
        "length": rng.uniform(0.01, 0.7, n),
        "sweep": sweep,
    }
    return table(n, **{**made, **columns})


def test_terms_are_those_of_the_oracle_inside() -> None:
    stored = ORACLE["ScalingModel"]
    query = {name: np.array(values, float) for name, values in stored["query"].items()}
    query["panel"] = query.pop("ip").astype(np.int32)
    found = oracle_model().values(table(5, length=query.pop("s"), **query))
    for name in "abcd":
        # the fifth place is on the last node of ix and s, which mdx-lib takes as outside
        inside = slice(0, 4 if name in "ac" else 5)
        assert_allclose(found[name][inside], stored[f"{name}Val"][inside], rtol=1e-13)
    assert stored["aVal"][4] == 0
    assert found["a"][4] > 1
    assert found["c"][4] > 0


def test_scale_and_offset_say_the_same_as_the_model() -> None:
    model, o = two_batches(), places()
    v = model.values(o)
    scale, offset = model.evaluate(o)
    true = np.linspace(1, 30, len(o))
    damping = np.exp(-0.5 * v["B"] * o.length_of_s**2)
    intensity = v["a"] * v["d"] * (v["b"] * damping * true + v["c"])
    assert_allclose(scale * (true + offset), intensity, rtol=1e-12)
    assert np.ptp(damping) > 0.1


def test_batches_have_models_of_their_own_and_gains_in_common() -> None:
    model = two_batches()
    first, second = (
        places(sweep=np.zeros(200, np.int32)),
        places(sweep=np.full(200, 3, np.int32)),
    )
    one, other = model.values(first), model.values(second)
    assert not np.allclose(one["b"], other["b"])
    assert_array_equal(one["d"], other["d"])
    assert model.points("d", 0) is model.points("d", 3)


def test_terms_that_are_off_change_nothing() -> None:
    o = places()
    scale, offset = ScalingModel((0, 3), {}, 0.6, (0.1, 0.5)).evaluate(o)
    assert_array_equal(scale, 1)
    assert_array_equal(offset, 0)


def test_an_unknown_sweep_is_refused() -> None:
    with pytest.raises(UserError, match="knows no sweep 7"):
        two_batches().evaluate(places(sweep=np.full(200, 7, np.int32)))


def test_the_update_by_the_absolute_scale_is_that_of_the_oracle() -> None:
    stored = ORACLE["scaling_model_update"]
    s, iz = Axis("s", *stored["sLim"], 5), Axis("iz", 0, 20, 3)
    model = ScalingModel(
        (0,),
        {
            "b": (ControlPoints((iz,), np.array(stored["b"], float)),),
            "c": (ControlPoints((s, iz), np.reshape(stored["c_column_major"], (3, 5))),),
        },
        0.6,
        (1.0,),
    )
    incoherent = np.array(stored["Iincoh_on_grid"][:5])
    new = model.rescaled(stored["scaleFactor"], lambda x: np.interp(x, s.nodes, incoherent))
    assert_allclose(new.terms["b"][0].values, stored["b_new"], rtol=1e-13)
    assert_allclose(new.terms["c"][0].values.ravel(), stored["c_new"], rtol=1e-12)


@pytest.mark.parametrize("without", ["", "c", "B"])
def test_the_update_makes_intensities_absolute_on_the_nodes(without: str) -> None:
    model = two_batches()
    kept = {name: points for name, points in model.terms.items() if name != without}
    model = ScalingModel(model.batches, kept, model.s_limit, model.degrees_per_frame)
    nodes = np.linspace(0, 0.6, 4)
    o = places(
        length=np.resize(nodes, 200),
        sweep=np.zeros(200, np.int32),
        iz=np.resize([-0.5, 19.75, 40.0, 40.0, -0.5], 200),
    )

    def incoherent(s: np.ndarray) -> np.ndarray:
        return 40 * s**2 / (0.1 + s**2)

    scale, offset = model.evaluate(o)
    new_scale, new_offset = model.rescaled(12.5, incoherent).evaluate(o)
    measured = np.linspace(3, 50, len(o))
    absolute = 12.5 * (measured / scale - offset) - incoherent(o.length_of_s)
    assert_allclose(measured / new_scale - new_offset, absolute, rtol=1e-10, atol=1e-10)


def test_an_absolute_scale_must_be_positive() -> None:
    for k in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="absolute scale"):
            two_batches().rescaled(k, np.zeros_like)


def test_scipp_and_file_give_the_same_model_back(tmp_path: Path) -> None:
    model, o = two_batches(), places()
    group = model.to_scipp()
    assert group["terms"]["c"]["3"].dims == ("iz", "s")
    assert group["terms"]["c"]["3"].unit == "counts/mrad**2/s"
    save(tmp_path / "scales.nxs", sc.DataGroup({"model": group}))
    back = ScalingModel.from_scipp(load(tmp_path / "scales.nxs")["model"])
    assert (back.batches, back.degrees_per_frame) == (model.batches, model.degrees_per_frame)
    assert back.s_limit == model.s_limit
    assert list(back.terms) == list(model.terms)
    for mine, theirs in zip(model.evaluate(o), back.evaluate(o), strict=True):
        assert_array_equal(mine, theirs)
    assert back.terms["a"][1].axes == model.terms["a"][1].axes


def test_another_group_is_refused() -> None:
    group = two_batches().to_scipp()
    del group["s_limit"]
    with pytest.raises(UserError, match="read a scaling model"):
        ScalingModel.from_scipp(group)
    group = two_batches().to_scipp()
    del group["terms"]["b"]["0"].coords["iz_low"]
    with pytest.raises(UserError, match="read a scaling model"):
        ScalingModel.from_scipp(group)


def test_inconsistent_models_are_refused() -> None:
    with pytest.raises(ValueError, match="degrees per frame"):
        ScalingModel((0, 1), {}, 0.5, (1.0,))
    points = (ControlPoints.constant((Axis("iz", 0, 1, 2),), 1.0),) * 2
    with pytest.raises(ValueError, match="'b' with 2"):
        ScalingModel((0, 1, 2), {"b": points}, 0.5, (1.0,) * 3)
