"""From the scaling model to the absolute scale, maps and the 3D-ΔPDF, in a whole run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

from diffuse.tiny import copy_tiny, write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import config_text, parse_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.merging.outliers import OUTLIER
from ewaldite.diffuse.observations import Observations, index_of
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.errors import UserError
from ewaldite.io.nexus import load, read_info
from ewaldite.io.toml_file import read_toml
from ewaldite.report.diffuse import report_diffuse

CONTENTS = {"molecule": [{"formula": "C 40 H 60 N 10 O 20", "count": 4}], "fill": False}


def context(config: Path, sweep: dict[str, Any] | None = None, **sections: Any) -> Context:
    given = read_toml(config)
    given["sweep"][0] |= sweep or {}
    for section, options in sections.items():
        given[section] = {**given.get(section, {}), **options}
    options = parse_config(given, config)
    return Context(options, config.parent, options_text=config_text(options))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def done(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Context:
    config = copy_tiny(written, tmp_path_factory.mktemp("done") / "tiny")
    run = context(
        config,
        contents=CONTENTS,
        absolute={"s_cutoff": 0.45},
        pdf={"enabled": True},
        map={"parts": ["diffuse", "total", "variational"]},
    )
    assert workflow.run(run) == list(workflow.STEPS)
    return run


def test_every_observation_has_its_factors(done: Context) -> None:
    observations = Observations.from_scipp(load(done.path("observations.nxs")))
    scaled = load(done.path("scaled.nxs"))
    scales = load(done.path("scales.nxs"))
    a, c = ScalingModel.from_scipp(scales["model"]).evaluate(observations)
    np.testing.assert_allclose(scaled.coords["scale"].values, a)
    np.testing.assert_allclose(scaled.values, observations.intensity / a - c)
    np.testing.assert_allclose(scaled.variances, observations.variance / a**2)
    assert scaled.masks[OUTLIER].values.sum() == scales["rejected"]
    residual = scaled.coords["residual"].values
    kept = np.isfinite(residual) & ~scaled.masks[OUTLIER].values
    assert np.mean(residual[kept] ** 2) == pytest.approx(scales["chi2"], rel=1e-5)


def test_residual_maps_hold_what_was_kept(done: Context) -> None:
    scales, scaled = load(done.path("scales.nxs")), load(done.path("scaled.nxs"))
    z = np.where(scaled.masks[OUTLIER].values, np.nan, scaled.coords["residual"].values)
    for kind in ("residuals on the detector", "residuals over s and rotation"):
        found = scales[kind]["a"]
        number = np.nansum(1 / found.variances)
        assert number == pytest.approx(np.isfinite(z).sum())
        total = np.nansum(found.values / found.variances)
        assert total == pytest.approx(np.nansum(z), abs=1e-3)


def test_the_absolute_table_is_the_merged_one_scaled(done: Context) -> None:
    merged, absolute = load(done.path("merged.nxs")), load(done.path("absolute.nxs"))
    k = load(done.path("absolute_scale.nxs"))["scale"]
    incoherent = absolute.coords["incoherent"].values
    np.testing.assert_allclose(absolute.values, k.value * merged.values - incoherent)
    np.testing.assert_allclose(absolute.variances, k.value**2 * merged.variances)
    assert absolute.coords["intensity_unit"].value == "electrons² per unit cell"
    tables = read_info(done.path("absolute.nxs")).provenance.tables
    assert {"form factors", "Compton scattering"} <= set(tables)


def test_the_absolute_model_gives_absolute_intensities(done: Context) -> None:
    observations = Observations.from_scipp(load(done.path("observations.nxs")))
    a, c = ScalingModel.from_scipp(load(done.path("scales.nxs"))["model"]).evaluate(
        observations
    )
    model = ScalingModel.from_scipp(load(done.path("absolute_scales.nxs"))["model"])
    a_abs, c_abs = model.evaluate(observations)
    k = load(done.path("absolute_scale.nxs"))["scale"].value
    np.testing.assert_allclose(a_abs, a / k)
    absolute = load(done.path("absolute.nxs"))
    length, incoherent = (absolute.coords[x].values for x in ("s", "incoherent"))
    order = np.argsort(length)
    expected = np.interp(observations.length_of_s, length[order], incoherent[order])
    # voxels are as large as the cell: their centres are not where they were seen
    assert np.median((c_abs - k * c) / expected) == pytest.approx(1.0, abs=0.03)


def test_maps_are_on_the_absolute_scale(done: Context) -> None:
    whole, total, varying = (
        load(done.path(f"map{end}.nxs")) for end in ("", "_total", "_variational")
    )
    absolute = load(done.path("absolute.nxs"))
    assert np.nanmax(whole.values) == pytest.approx(np.nanmax(absolute.values))
    assert np.nansum(total.values) >= np.nansum(whole.values)
    assert abs(np.nanmean(varying.values)) < 0.2 * np.nanmean(whole.values)
    for array in (whole, total, varying, load(done.path("pdf.nxs"))):
        assert "electrons²" in array.coords["intensity_unit"].value


def test_without_contents_the_map_is_that_of_the_merged_table(
    written: Path, tmp_path: Path
) -> None:
    run = context(copy_tiny(written, tmp_path / "t"))
    workflow.run(run)
    merged, whole = load(run.path("merged.nxs")), load(run.path("map.nxs"))
    assert np.nanmax(whole.values) == pytest.approx(np.nanmax(merged.values))
    assert not run.path("absolute.nxs").exists()


@pytest.mark.parametrize(
    ("step", "found"), [("rescale", "what the unit cell holds"), ("pdf", "enabled is false")]
)
def test_a_step_that_the_options_leave_out_is_refused(
    step: str, found: str, written: Path, tmp_path: Path
) -> None:
    run = context(copy_tiny(written, tmp_path / "t"))
    with pytest.raises(UserError, match=found):
        workflow.run(run, [step])


def test_a_given_setting_turns_indices_and_orientation(
    done: Context, written: Path, tmp_path: Path
) -> None:
    run = context(copy_tiny(written, tmp_path / "t"), sweep={"reindex": "k,l,h"})
    workflow.run(run, ["merge"])
    plain, turned = load(done.path("merged.nxs")), load(run.path("merged.nxs"))
    np.testing.assert_allclose(run.cell[:3], [15.0, 18.0, 12.0], rtol=1e-3)
    old = {tuple(h): i for h, i in zip(index_of(plain).tolist(), plain.values, strict=True)}
    new = np.array([old[h, k, l] for k, l, h in np.abs(index_of(turned)).tolist()])
    # the refinement comes to rest elsewhere within its tolerance
    np.testing.assert_allclose(turned.values, new, rtol=2e-3)
    axes = [read_info(c.path("observations.nxs")).sample.axes["a"] for c in (done, run)]
    np.testing.assert_allclose(axes[1], axes[0][:, [1, 2, 0]])


def test_an_operator_that_the_cell_does_not_allow_is_refused(
    written: Path, tmp_path: Path
) -> None:
    run = context(copy_tiny(written, tmp_path / "t"), sweep={"reindex": "h+k,k,l"})
    with pytest.raises(UserError, match="P 21 21 21"):
        workflow.run(run, ["mask"])


def test_factors_of_another_program_are_a_start(written: Path, tmp_path: Path) -> None:
    config = copy_tiny(written, tmp_path / "t")
    (config.parent / "start.csv").write_text("frame,factor\n1,1.0\n6,0.5\n")
    run = context(config, scale={"start": "start.csv", "terms": ["b"]})
    workflow.run(run, ["scale"])
    assert sc.isfinite(
        load(run.path("scales.nxs"))["model"]["terms"]["b"]["all"].data
    ).values.all()
    (config.parent / "start.csv").write_text("frame,factor\n1,1.0\n6,0.6\n")
    assert "scale" in workflow.stale(
        context(config, scale={"start": "start.csv", "terms": ["b"]})
    )
    with pytest.raises(UserError, match="'b'"):
        workflow.run(context(config, scale={"start": {"b": "start.csv"}}), ["scale"])


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"contents": {"file": "absent.pdb"}}, r"absent\.pdb"),
        ({"contents": CONTENTS, "absolute": {"reference": "absent.mtz"}}, r"absent\.mtz"),
        ({"scale": {"start": "absent.csv"}}, r"absent\.csv"),
        ({"scale": {"start": {"zz": "xds/INTEGRATE.LP"}}}, "the sweep 'zz'"),
    ],
)
def test_what_late_steps_lack_is_told_before_the_images_are_read(
    sections: dict[str, Any], said: str, written: Path, tmp_path: Path
) -> None:
    run = context(copy_tiny(written, tmp_path / "t"), **sections)
    with pytest.raises(UserError, match=said):
        workflow.run(run)
    assert not run.path("masks.nxs").exists()
    assert workflow.run(run, ["mask"]) == ["mask"]  # which needs none of it


def test_the_report_shows_the_absolute_scale_and_any_part(
    done: Context, written: Path, tmp_path: Path
) -> None:
    page, _ = report_diffuse(done.out)
    assert "Absolute scale" in page.read_text("utf-8")
    run = context(copy_tiny(written, tmp_path / "t"), map={"parts": ["variational"]})
    workflow.run(run)
    # left there by a run that knew the contents
    shutil.copy(done.path("absolute.nxs"), run.out)
    shutil.copy(done.path("absolute_scale.nxs"), run.out)
    page, _ = report_diffuse(run.out)
    assert "Absolute scale" not in page.read_text("utf-8")
