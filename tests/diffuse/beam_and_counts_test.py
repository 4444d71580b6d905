"""Monitors, limits of counts and dead time, from files to observations."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc
from numpy.typing import NDArray

import ewaldite
from diffuse.tiny import FRAMES, experiment, write_tiny
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.workflow import run
from ewaldite.io.images import open_images
from ewaldite.io.images.cbf_writer import write_minicbf
from ewaldite.io.nexus import read_info
from ewaldite.simulate.series import cbf_header

# Beam of the frames, in photons/s as a header has it
BEAM = np.array([1.0, 0.5, 0.8, 0.25, 1.0, 0.6]) * 4e11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("beam")
    write_tiny(made)
    return made


def images_of(folder: Path) -> list[NDArray[np.int32]]:
    series = open_images("images/a_????.cbf", folder)
    return [series.read(i).astype(np.int32) for i in range(len(series))]


def rewrite(
    folder: Path, name: str, change: Callable[[NDArray[np.int32], int], Any], **header: Any
) -> None:
    """Write other images, ``images/NAME_####.cbf``, made from those that there are."""
    made = experiment()
    for i, image in enumerate(images_of(folder)):
        given = cbf_header(made, made.start + i * made.width, made.width, made.exposure)
        items = {key: value[i] if np.ndim(value) else value for key, value in header.items()}
        path = folder / "images" / f"{name}_{i + 1:04d}.cbf"
        write_minicbf(path, np.asarray(change(image, i), np.int32), replace(given, **items))


def reduced(
    folder: Path, out: str, sweep: dict[str, Any], **sections: dict[str, Any]
) -> Context:
    given = read_config(folder / "tiny.toml").model_dump(mode="json")
    given["output"]["directory"] = out
    given["sweep"][0] |= sweep
    for name, options in sections.items():
        given[name] |= options
    log = logging.getLogger("beam_test")
    context = Context(DiffuseOptions.model_validate(given), folder, log=log)
    run(context, ["combine"])
    return context


def table(context: Context) -> sc.DataArray:
    return ewaldite.load(context.path("observations.nxs"))


def total(observations: sc.DataArray, name: str) -> float:
    return float(observations.coords[name].values.sum())


def summary(context: Context, name: str) -> float:
    wedges = json.loads((context.work / "filter.json").read_text())
    return sum(wedge[name] for wedge in wedges)


def exposure_of_background(context: Context) -> float:
    background = context.entries[0].background
    assert background is not None
    return background.of_range(0.0, 90.0).exposure


# --- the monitor


def test_a_monitor_scales_exposures_and_backgrounds(folder: Path) -> None:
    plain = reduced(folder, "plain", {})
    beam = [2.0, 1.0, 3.0, 2.0, 1.0, 3.0]
    same = {"monitor": 7.0, "background_monitor": 7.0}
    np.testing.assert_allclose(
        table(reduced(folder, "same", same)).coords["background"].values,
        table(plain).coords["background"].values,
    )
    found = reduced(folder, "numbers", {"monitor": beam, "background_monitor": 4.0})
    # The mean is 2: the background was taken with twice the beam
    expected = plain.entries[0].exposure * np.array(beam) / 2.0
    np.testing.assert_allclose(found.entries[0].exposure, expected)
    np.testing.assert_array_equal(found.entries[0].time, plain.entries[0].time)
    assert exposure_of_background(found) == pytest.approx(10.0 * 2.0)
    one, other = table(plain), table(found)
    assert total(other, "counts") == total(one, "counts")
    # Wedges of two frames: (2, 1), (3, 2), (1, 3) over 2, and twice the beam below
    for wedge, share in enumerate((1.5, 2.5, 2.0)):
        a, b = (t[t.coords["wedge"] == sc.scalar(wedge, dtype="int32")] for t in (one, other))
        assert total(b, "exposure") == pytest.approx(total(a, "exposure") * share / 2, rel=0.1)
        ratio = total(b, "background") / total(a, "background")
        assert ratio == pytest.approx(share / 4, rel=0.1)
    sources = read_info(found.path("observations.nxs")).provenance.tables
    assert sources["beam monitor of a"] == "option monitor"


def test_thinned_images_with_their_flux_show_the_same_intensity(folder: Path) -> None:
    """A frame with half the beam is a Poisson frame with half the mean."""
    rng = np.random.default_rng(3)
    share = BEAM / BEAM.max()

    def thinned(image: NDArray[np.int32], i: int) -> NDArray[np.int64]:
        return np.where(image > 0, rng.binomial(np.maximum(image, 0), share[i]), image)

    rewrite(folder, "t", thinned, flux=BEAM, transmission=0.5)
    made = experiment()
    background = open_images("images/a_background_????.cbf", folder).read(0).astype(np.int32)
    header = cbf_header(made, made.start, 6.0, 10.0)
    # Ten seconds with the full beam; the attenuator that it names is before the monitor
    path = folder / "images" / "t_background_0001.cbf"
    write_minicbf(path, background, replace(header, flux=BEAM.max(), transmission=1.0))
    names = {"images": "images/t_####.cbf", "background": "images/t_background_####.cbf"}
    none = {"filter": {"method": "none"}}
    whole = table(reduced(folder, "whole", {}, **none))
    context = reduced(folder, "thinned", names, **none)
    found = table(context)
    # Transmissions of headers do not count beside it; those of options do
    assert exposure_of_background(context) == pytest.approx(10.0 * BEAM.max() / BEAM.mean())
    given = {**names, "background_transmission": 0.25}
    half = reduced(folder, "given", given, **none)
    assert exposure_of_background(half) == pytest.approx(2.5 * BEAM.max() / BEAM.mean())
    blind = table(reduced(folder, "blind", {**names, "monitor": "none"}, **none))

    def intensity(given: sc.DataArray, scale: float = 1.0) -> tuple[float, float]:
        net = total(given, "counts") - total(given, "background")
        exposure = total(given, "exposure") * scale
        variance = total(given, "counts") + total(given, "background_variance")
        return net / exposure, np.sqrt(variance) / exposure

    # Exposures are in seconds of the mean beam
    scale = BEAM.max() / BEAM.mean()
    expected, error = intensity(whole)
    value, spread = intensity(found, 1 / scale)
    assert abs(value - expected) < 4 * np.hypot(error, spread)
    assert spread < 0.01 * expected
    # Without it neither the signal nor its background is right
    assert abs(intensity(blind)[0] - expected) > 20 * error

    # Observation by observation
    def keyed(given: sc.DataArray) -> dict[tuple[float, ...], int]:
        columns = np.stack([given.coords[x].values for x in ("h", "k", "l", "wedge")], axis=1)
        return {tuple(row): i for i, row in enumerate(columns.tolist())}

    one, other = keyed(whole), keyed(found)
    assert one.keys() == other.keys()
    a, b = list(one.values()), [other[key] for key in one]
    counts = whole.coords["counts"].values[a] > 50
    difference = (found.values[b] / scale**-1 - whole.values[a])[counts]
    # Thinned from the same photons: what is left of them correlates the two
    variance = (found.variances[b] * scale**2 + whole.variances[a])[counts]
    assert np.mean(difference**2 / variance) < 1.1
    assert counts.sum() > 100


# --- the smallest valid count


def test_the_minimum_holds_in_every_frame(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = images_of(folder)
    plain = reduced(folder, "plain", {})
    # A logger of its own: the command line lets that of the program not propagate
    with caplog.at_level("INFO", logger="beam_test"):
        found = reduced(folder, "minimum", {}, mask={"minimum": 2})
    assert any("below the minimum: " in message for message in caplog.messages)
    assert any("makes intensities too high" in message for message in caplog.messages)
    good = plain.good(0) & (plain.entries[0].background.of_range(0, 90).good)  # type: ignore[union-attr]
    always = np.all([frame < 2 for frame in frames], axis=0)
    masks = ewaldite.load(found.path("masks.nxs"))["a"]
    np.testing.assert_array_equal(
        masks["always below the minimum"].values & good, always & good
    )
    left = good & ~always
    # The background's pixels have to be valid too
    background = open_images("images/a_background_????.cbf", folder).read(0)
    left &= background >= 2
    values = np.stack([frame[left] for frame in frames])
    assert summary(found, "pixels below the minimum") == (values < 2).sum() > 200
    assert summary(found, "pixels counted") == (values >= 2).sum() > 1000
    assert summary(found, "counts") == values[values >= 2].sum()
    # A pixel that is below in the first frame counts in the others
    first = left & (frames[0] < 2)
    assert any((frame[first] >= 2).any() for frame in frames[1:])


def test_limits_of_the_geometry_file_hold_too(folder: Path, tmp_path: Path) -> None:
    text = (folder / "xds" / "XDS.INP").read_text()
    assert "MINIMUM_VALID_PIXEL_VALUE= 0" in text
    text = text.replace("MINIMUM_VALID_PIXEL_VALUE= 0", "MINIMUM_VALID_PIXEL_VALUE= 1")
    other = tmp_path / "xds"
    other.mkdir()
    (other / "XDS.INP").write_text(text)
    for name in ("INTEGRATE.LP", "XPARM.XDS"):
        (other / name).write_bytes((folder / "xds" / name).read_bytes())
    found = reduced(folder, "trusted", {"geometry": str(other)})
    assert found.entries[0].floor == 1
    assert summary(found, "pixels below the minimum") > 100


# --- dead time


TAU = 2e-4


def paralysed(image: NDArray[np.int32], rng: np.random.Generator, time: float) -> Any:
    """Counts of a paralysable detector, photon by photon, in an exposure (s)."""
    photons = np.maximum(image, 0).ravel()
    pixel = np.repeat(np.arange(photons.size), photons)
    when = rng.uniform(0.0, time, pixel.size)
    order = np.lexsort((when, pixel))
    pixel, when = pixel[order], when[order]
    alone = np.r_[True, (pixel[1:] != pixel[:-1]) | (np.diff(when) > TAU)]
    counted = np.bincount(pixel[alone], minlength=photons.size).reshape(image.shape)
    return np.where(image < 0, image, counted)


@pytest.fixture(scope="module")
def bright(folder: Path) -> tuple[Path, str]:
    """Images sixty times as bright without peaks, and what a slow detector makes of them."""
    rng = np.random.default_rng(11)

    def brighter(image: NDArray[np.int32], i: int) -> Any:
        return np.where(image < 0, image, rng.poisson(60.0 * np.clip(image, 0, 12)))

    rewrite(folder, "b", brighter)
    made = experiment()
    for i in range(FRAMES):
        image = open_images("images/b_????.cbf", folder).read(i).astype(np.int32)
        header = cbf_header(made, made.start + i * made.width, made.width, made.exposure)
        slow = np.asarray(paralysed(image, rng, made.exposure), np.int32)
        write_minicbf(folder / "images" / f"s_{i + 1:04d}.cbf", slow, header)
    return folder, "s"


def test_lost_photons_are_given_back_and_counts_stay(bright: tuple[Path, str]) -> None:
    folder, slow = bright
    none: dict[str, Any] = {"filter": {"method": "none"}}
    names = {"images": f"images/{slow}_####.cbf"}
    model = {"count_rate": "paralysable", "dead_time": f"{TAU} s"}
    true = table(reduced(folder, "true", {"images": "images/b_####.cbf"}, **none))
    plain = table(reduced(folder, "slow", names, **none))
    context = reduced(folder, "restored", names, corrections=model, **none)
    found = table(context)

    def net(given: sc.DataArray) -> float:
        """Mean intensity, weighted with the exposure that it would have had."""
        weight = true.coords["exposure"].values
        return float((given.values * weight).sum() / weight.sum())

    np.testing.assert_array_equal(found.coords["h"].values, true.coords["h"].values)
    np.testing.assert_array_equal(found.coords["counts"].values, plain.coords["counts"].values)
    loss = 1 - net(plain) / net(true)
    assert loss > 0.04
    assert abs(net(found) / net(true) - 1) < 0.05 * loss
    assert summary(context, "counts lost to dead time") > 0
    # Voxel by voxel, within their errors
    lost = 1 - total(plain, "counts") / total(true, "counts")
    assert lost > 0.04
    seen = true.variances > 0
    z2, off = (
        ((given.values - true.values) ** 2)[seen] / (given.variances + true.variances)[seen]
        for given in (found, plain)
    )
    # From the same photons: what is left of them correlates the two
    assert z2.mean() < 1.0
    assert off.mean() > 3 * z2.mean()
    sources = read_info(context.path("observations.nxs")).provenance.tables
    assert sources["dead time of a"] == f"{TAU:g} s, paralysable"


def test_too_bright_pixels_are_overloaded(bright: tuple[Path, str]) -> None:
    folder, _ = bright
    names = {"images": "images/b_####.cbf"}
    model = {"count_rate": "non_paralysable", "dead_time": "2 ms"}
    context = reduced(folder, "overloaded", names, corrections=model, filter={"method": "none"})
    good = context.good(0) & context.entries[0].background.of_range(0, 90).good  # type: ignore[union-attr]
    series = open_images("images/b_????.cbf", folder)
    # Half of the photons are lost at 250 counts a second
    over = sum(int((series.read(i)[good] > 125).sum()) for i in range(FRAMES))
    assert summary(context, "pixels overloaded") == over > 0
    assert summary(context, "voxels overloaded") > 0
