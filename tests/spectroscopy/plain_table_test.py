"""Events as tube, x and t, against the same events of a raw file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.errors import UserError
from ewaldite.geometry.triplet import place_of_number
from ewaldite.spectroscopy.convert import convert_file
from ewaldite.spectroscopy.design import TUBE_LENGTH
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from spectroscopy.raw_files import Raw, write

OPTIONS: dict[str, Any] = {
    "primary": {"emission_time": "1.72 ms", "earliest_at_sample": "143 ms"},
    "sample": {"cell": [5, 5, 5, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
}
RNG = np.random.default_rng(3)
NUMBERS = np.sort(RNG.choice(13_500, 40, replace=False)) + 1
OFFSETS = RNG.integers(0, 71_428_571, 40)


def tube_and_x(number: int) -> tuple[int, float]:
    arc, channel, tube, pixel = (int(n) for n in place_of_number(number))
    length = TUBE_LENGTH[channel % 3][arc]
    return 27 * arc + 9 * tube + channel, length * ((pixel + 0.5) / 100 - 0.5)


def write_table(path: Path, *, ending: str = "", header: str = "tube,x,t") -> Path:
    rows = []
    for number, offset in zip(NUMBERS, OFFSETS, strict=True):
        tube, x = tube_and_x(int(number))
        rows.append(f"{tube},{x:.12f},{offset * 1e-9:.9f}{ending}")
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def convert(path: Path, options: dict[str, Any], **run: Any) -> sc.DataArray:
    target = path.with_suffix(".out.nxs")
    convert_file(
        SpectroscopyOptions.model_validate(options),
        RunFileOptions(file=path.name, **run),
        target,
        base=path.parent,
    )
    return ewaldite.load(target)


def raw_of_all(folder: Path) -> Path:
    events: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for number, offset in zip(NUMBERS, OFFSETS, strict=True):
        arc, channel, _, _ = (int(n) for n in place_of_number(number))
        events.setdefault((channel, arc), []).append((int(number), int(offset), 3))
    return write(folder / "raw.nxs", Raw(events, a3=((0.0, 20.0),), monitor=None))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {
            "calibration": {
                "tube": [
                    {
                        "arc": int(place_of_number(NUMBERS[0])[0]) + 1,
                        "channel": int(place_of_number(NUMBERS[0])[1]) + 1,
                        "tube": int(place_of_number(NUMBERS[0])[2]) + 1,
                        "gain": 1.02,
                        "offset": "2 mm",
                    }
                ]
            },
            "mask": {"tube_ends": 10, "dead": [int(NUMBERS[5])]},
        },
    ],
)
def test_agrees_with_a_raw_file(tmp_path: Path, more: dict[str, Any]) -> None:
    options = {**OPTIONS, **more}
    raw = convert(raw_of_all(tmp_path), options)
    plain = convert(write_table(tmp_path / "events.csv"), options, a3="20 deg", a4="50 deg")
    assert plain.coords["detector_number"].values.tolist() == NUMBERS.tolist()
    order = np.argsort(raw.coords["detector_number"].values)
    for name in ("energy_transfer", "A4", "hkl", "time_at_sample", "secondary_path", "Q_lab"):
        np.testing.assert_allclose(
            plain.coords[name].values, raw.coords[name].values[order], rtol=1e-7, atol=1e-8
        )
    assert set(plain.masks) == set(raw.masks)
    for name in plain.masks:
        np.testing.assert_array_equal(plain.masks[name].values, raw.masks[name].values[order])


def test_times_may_count_from_the_pulse_itself(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv")
    folded = convert(path, OPTIONS)
    header, *lines = path.read_text().splitlines()
    later = []
    for line in lines:
        tube, x, t = line.split(",")
        later.append(f"{tube} {x} {float(t) + 2 / 14:.15f}")
    (tmp_path / "b.dat").write_text("\n".join([header.replace(",", " "), *later]))
    whole = convert(tmp_path / "b.dat", OPTIONS)
    np.testing.assert_allclose(
        whole.coords["time_at_sample"].values,
        folded.coords["time_at_sample"].values,
        atol=1e-12,
    )


def test_angles_may_be_columns(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", header="tube,x,t,a3,a4", ending=",10.0,50.0")
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace(",10.0,50.0", ",30.0,-20.0")
    path.write_text("\n".join(lines) + "\n\n")
    table = convert(path, OPTIONS)
    expected = np.full(40, 10.0)
    expected[3] = 30.0
    np.testing.assert_allclose(table.coords["a3"].values, expected)
    np.testing.assert_allclose(table.coords["a4"].values[[2, 3]], [50.0, -20.0])
    one = convert(write_table(tmp_path / "b.csv"), OPTIONS, a3="30 deg", a4="-20 deg")
    np.testing.assert_allclose(
        table.coords["hkl"].values[3], one.coords["hkl"].values[3], atol=1e-12
    )
    assert table.coords["detector_number"].values.tolist() == NUMBERS.tolist()


def test_the_instrument_may_be_that_of_a_file(tmp_path: Path) -> None:
    design = convert(write_table(tmp_path / "a.csv"), OPTIONS)
    raw_of_all(tmp_path)
    named = convert(tmp_path / "a.csv", OPTIONS, geometry="raw.nxs")
    np.testing.assert_allclose(
        named.coords["energy_transfer"].values, design.coords["energy_transfer"].values
    )
    arc, channel, _, _ = (int(n) for n in place_of_number(NUMBERS[0]))
    others = {(channel, arc): [(int(NUMBERS[0]), 5, 3)]}
    write(tmp_path / "part.nxs", Raw(others))
    with pytest.raises(UserError, match="and the instrument does not"):
        convert(tmp_path / "a.csv", OPTIONS, geometry="part.nxs")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tube,x,t\n", "there are none"),
        ("a,b\n1,2\n", "its first line is 'a b'"),
        ("tube,x,t,q\n1,0,0,0\n", "its first line is"),
        ("tube,x,t\n1,0.0,0.1\n1,oops,0.1\n", "line 3 is '1,oops,0.1'"),
        ("tube,x,t\n1,0.0\n", "line 2 is '1,0.0'"),
        ("tube,x,t\n1,nan,0.1\n", "line 2 is"),
        ("tube,x,t\n135,0.0,0.1\n", "a tube is 135"),
        ("tube,x,t\n1.5,0.0,0.1\n", r"a tube is 1\.5"),
        ("tube,x,t\n1,14.0,0.1\n", "an x is above 1 m"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        convert(tmp_path / "a.csv", OPTIONS)
    assert not (tmp_path / "a.out.nxs").exists()


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        convert(tmp_path / "a.csv", OPTIONS)
