"""The steps map and pdf leave the files that the options ask for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import scipp as sc

from diffuse.tiny import write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.files import export_file
from ewaldite.diffuse.maps.options import MapOptions
from ewaldite.diffuse.maps.pdf_options import PdfOptions
from ewaldite.diffuse.maps.steps import make_maps, make_pdf
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords, index_of
from ewaldite.errors import UserError
from ewaldite.io.nexus import load, read_info, save
from ewaldite.model.grid import Grid
from ewaldite.plot.map_pictures import draw_pictures


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("maps")
    path = write_tiny(folder)
    path.write_text(path.read_text().replace("[1, 1, 1]", "[2, 2, 2]"))
    context = Context(read_config(path), folder)
    workflow.run(context, ["merge"])
    return context


@pytest.fixture
def run(finished: Context, tmp_path: Path) -> Context:
    out = tmp_path / "out"
    out.mkdir()
    # the mask step's file tells the resolution of what was measured
    for name in ("merged.nxs", "masks.nxs"):
        shutil.copy(finished.path(name), out / name)
    output = finished.options.output.model_copy(update={"directory": out})
    return replace(finished, options=finished.options.model_copy(update={"output": output}))


def changed(
    context: Context, memory: str = "1 TB", pdf: PdfOptions | None = None, **given: object
) -> Context:
    options = context.options
    whole = options.map.model_dump() | given
    update = {
        "map": MapOptions.model_validate(whole),
        "run": options.run.model_copy(update={"memory": memory}),
        "pdf": pdf or PdfOptions(),
    }
    return replace(context, options=options.model_copy(update=update))


def write_bragg(context: Context) -> sc.DataArray:
    """Reflections of intensity 100 at the nodes of the merged table."""
    merged = load(context.path("merged.nxs"))
    index = index_of(merged)
    nodes = index[np.all(index % 2 == 0, axis=1)] // 2
    table = sc.DataArray(
        sc.array(
            dims=["voxel"],
            values=np.full(len(nodes), 100.0),
            variances=np.ones(len(nodes)),
            unit=INTENSITY_UNIT,
        ),
        coords=grid_coords(Grid((1, 1, 1)), nodes),
    )
    save(context.path("bragg_merged.nxs"), table)
    return table


def test_every_part_has_its_file_and_they_add_up(run: Context) -> None:
    write_bragg(run)
    parts = ["diffuse", "bragg", "total", "isotropic", "variational"]
    context = changed(run, parts=parts)
    make_maps(context)
    maps = {
        p: load(context.path("map.nxs" if p == "diffuse" else f"map_{p}.nxs")) for p in parts
    }
    assert len({m.shape for m in maps.values()}) == 1
    known = ~maps["diffuse"].masks["absent"].values
    np.testing.assert_allclose(
        (maps["isotropic"].values + maps["variational"].values)[known],
        maps["diffuse"].values[known],
        rtol=1e-9,
    )
    both = known & ~maps["bragg"].masks["absent"].values
    assert both.any()
    assert np.unique(maps["bragg"].values[both]).tolist() == [800.0]
    np.testing.assert_allclose(
        maps["total"].values[both], maps["diffuse"].values[both] + 800.0, rtol=1e-12
    )
    info = read_info(context.path("map_total.nxs"))
    assert info.kind == "map"
    assert info.sample.grid == Grid((2, 2, 2))


def test_bragg_maps_without_bragg_intensities_are_refused(run: Context) -> None:
    with pytest.raises(UserError, match=r"steps that make bragg_merged\.nxs"):
        make_maps(changed(run, parts=["total"]))
    assert not run.path("map_total.nxs").exists()


def test_limits_make_a_small_map_that_fits_in_little_memory(run: Context) -> None:
    limits = [[-1, 1], [-1, 1], [0, 0]]
    make_maps(changed(run, limits=limits))
    assert load(run.path("map.nxs")).shape == (5, 5, 1)
    with pytest.raises(UserError, match="make the map"):
        make_maps(changed(run, memory="2 kB"))


def test_targets_and_exports(run: Context) -> None:
    context = changed(
        run,
        supercell=[2, 1, 2],
        fractional=[[0.5, 0.5, 0], [0, 0, 0.5]],
        export=["ccp4", "mtz", "csv"],
        missing=-1.0,
    )
    make_maps(context)
    names = {p.name for p in run.out.iterdir()} - {"merged.nxs", "masks.nxs"}
    stems = ("map", "map_supercell", "map_fraction_1", "map_fraction_2")
    expected = {f"{s}.{e}" for s in stems for e in ("nxs", "ccp4", "csv")}
    expected |= {"map.mtz", "map_supercell.mtz"}
    # voxels at half an index are at no multiple of the distance of the cells
    expected -= {f"map_fraction_{i}.ccp4" for i in (1, 2)}
    assert names == expected
    other = read_info(run.path("map_supercell.nxs")).sample
    assert other.space_group == "P 1"
    assert other.cell is not None
    np.testing.assert_allclose(
        np.array(other.cell[:3]) / context.cell[:3], [2, 1, 2], rtol=1e-9
    )
    mtz = gemmi.read_mtz_file(str(run.path("map.mtz")))
    assert mtz.nreflections == len(load(run.path("merged.nxs")))
    assert mtz.spacegroup.hm == "P 2 2 2"
    found = gemmi.read_ccp4_map(str(run.path("map.ccp4")))
    assert found.header_float(20) == -1.0  # the smallest value is the one of absent voxels


def test_the_asymmetric_unit_alone(run: Context) -> None:
    make_maps(changed(run))
    whole = load(run.path("map.nxs"))
    make_maps(changed(run, asymmetric_unit=True))
    part = load(run.path("map.nxs"))
    assert part.size < whole.size / 4


def test_the_pdf_is_made_of_the_variational_part(run: Context) -> None:
    context = changed(run, pdf=PdfOptions(padding=1.5), export=["ccp4", "mtz"])
    make_pdf(context)
    pdf = load(run.path("pdf.nxs"))
    assert pdf.dims == ("u", "v", "w")
    assert pdf.name == "3D-ΔPDF"
    assert 0 < pdf.coords["coverage"].value < 1
    assert pdf.coords["sigma"].value > 0
    assert str(pdf.unit) == str(sc.Unit(INTENSITY_UNIT) / sc.Unit("angstrom^3"))
    assert np.isfinite(pdf.values).all()
    assert run.path("pdf.ccp4").is_file()
    assert not run.path("pdf.mtz").exists()


def test_a_pdf_that_does_not_fit_is_refused(run: Context) -> None:
    with pytest.raises(UserError, match=r"3D-ΔPDF: it needs .* with the map"):
        make_pdf(
            changed(
                run, memory="8 GB", pdf=PdfOptions(padding=8), subdivide=(2, 2, 2), d_min=0.3
            )
        )


def test_the_absolute_unit_goes_with_everything(run: Context) -> None:
    merged = load(run.path("merged.nxs"))
    merged.unit = "one"
    merged.coords["intensity_unit"] = sc.scalar("electrons² per unit cell")
    merged.coords["sigma_k"] = sc.scalar(0.1)
    save(run.path("absolute.nxs"), merged, sample=run.sample(Grid((2, 2, 2))))
    context = changed(
        run, parts=["diffuse", "variational"], supercell=[2, 2, 2], export=["csv"]
    )
    make_maps(context, "absolute.nxs")
    for name in ("map.nxs", "map_variational.nxs", "map_supercell.nxs"):
        made = load(run.path(name))
        assert made.coords["intensity_unit"].value == "electrons² per unit cell"
        assert made.coords["sigma_k"].value == 0.1
    assert "intensity [electrons² per unit cell]" in run.path("map.csv").read_text("utf-8")
    make_pdf(context, "absolute.nxs")
    pdf = load(run.path("pdf.nxs"))
    assert pdf.coords["intensity_unit"].value == "electrons² per unit cell per Å³"


def test_results_are_exported_on_request(run: Context, tmp_path: Path) -> None:
    make_maps(changed(run))
    make_pdf(changed(run))
    assert export_file(run.path("map.nxs"), "ccp4") == run.path("map.ccp4")
    one = gemmi.read_mtz_file(str(export_file(run.path("merged.nxs"), "mtz")))
    two = gemmi.read_mtz_file(str(export_file(run.path("map.nxs"), "mtz", tmp_path / "b.mtz")))
    s = load(run.path("merged.nxs"))
    assert one.nreflections == len(s)
    # the map ends at d_min
    assert two.nreflections <= one.nreflections
    values = {
        tuple(h): v
        for h, v in zip(
            one.make_miller_array().tolist(), one.column_with_label("I").array, strict=True
        )
    }
    for h, v in zip(
        two.make_miller_array().tolist(), two.column_with_label("I").array, strict=True
    ):
        assert values[tuple(h)] == v
    export_file(run.path("merged.nxs"), "csv")
    lines = export_file(run.path("pdf.nxs"), "csv").read_text("utf-8").splitlines()
    names = next(line for line in lines if not line.startswith("#"))
    assert names.startswith("u [angstrom],v [angstrom],w [angstrom],3D-ΔPDF [")
    for name, kind, said in (
        ("merged.nxs", "ccp4", "holds a table"),
        ("pdf.nxs", "mtz", "not those of a grid"),
    ):
        with pytest.raises(UserError, match=said):
            export_file(run.path(name), kind)  # type: ignore[arg-type]


def test_pictures_of_planes_and_lines(run: Context) -> None:
    context = changed(
        run,
        parts=["diffuse", "variational"],
        slice=[
            {"plane": "hk0", "format": ["png", "svg", "pdf", "csv"]},
            {"plane": "h k 1/2", "part": "variational"},
            {"plane": "uv0", "part": "pdf", "name": "patterson"},
        ],
        line=[{"direction": [1, 0, 0], "origin": [0, 0, 0.5], "format": ["png", "csv"]}],
    )
    make_maps(context)
    make_pdf(context)
    made = draw_pictures(run.out, context.options.map)
    assert {p.name for p in made} == {
        "slice_hk0.png",
        "slice_hk0.svg",
        "slice_hk0.pdf",
        "slice_hk0.csv",
        "slice_h_k_1-2_variational.png",
        "slice_patterson.png",
        "line_1.png",
        "line_1.csv",
    }
    assert all(p.stat().st_size > 200 for p in made)
    head = run.path("slice_hk0.csv").read_text("utf-8").splitlines()
    assert "# plane hk0" in head
    row = next(line for line in head if not line.startswith("#") and line[0] != "h").split(",")
    dense = load(run.path("map.nxs"))
    at = [
        int(np.argmin(np.abs(dense.coords[x].values - float(v))))
        for x, v in zip("hkl", row[:3], strict=True)
    ]
    assert dense.values[tuple(at)] == pytest.approx(float(row[3]), rel=1e-8)


def test_a_picture_of_what_is_no_map(run: Context) -> None:
    shutil.copy(run.path("merged.nxs"), run.path("map.nxs"))
    with pytest.raises(UserError, match="no map with a unit cell"):
        draw_pictures(run.out, MapOptions.model_validate({"slice": [{"plane": "hk0"}]}))
