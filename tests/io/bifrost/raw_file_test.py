from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.geometry.triplet import Triplet
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.spectroscopy.design import design_triplets
from spectroscopy.raw_files import LENGTH, PERIOD_NS, TANK, Raw, write

EVENTS = {
    (5, 0): [(551, 10_000_000, 3), (552, 20_000_000, 3), (1451, 5, 7)],
    (4, 2): [(5801, 71_000_000, 0)],
    (4, 1): [(3101, 1, 1)],
}
MOVING = ((0.0, 0.0), (1.0, 10.0), (2.0, 20.0))


def designed(channel: int, arc: int) -> Triplet:
    return next(t for t in design_triplets() if (t.channel, t.arc) == (channel, arc))


@pytest.mark.parametrize("layout", ["mcstas", "ess"])
def test_reads_both_structures(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, a3=MOVING, layout=layout))
    with open_bifrost(path) as raw:
        assert [t.name for t in raw.triplets] == [
            "channel_5_2_triplet",
            "channel_5_3_triplet",
            "channel_6_1_triplet",
        ]
        for triplet in raw.triplets:
            design = designed(triplet.channel, triplet.arc)
            np.testing.assert_array_equal(triplet.detector_number, design.detector_number)
            for name in ("position", "centre", "analyser"):
                np.testing.assert_allclose(
                    getattr(triplet, name), getattr(design, name), atol=1e-12
                )
        np.testing.assert_allclose(raw.a3().at([0.5, 1.5]), [5.0, 15.0])
        np.testing.assert_allclose(raw.a4().at([-1.0, 100.0]), 50.0)
        assert raw.primary_length == pytest.approx(LENGTH)
        assert raw.notes == []


def test_events_belong_to_their_pulses(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with open_bifrost(path) as raw:
        assert [source.size for source in raw.sources] == [1, 1, 3]
        last = raw.sources[2]
        for rows in (1, 2, 3, 100):
            slabs = list(last.slabs(rows))
            numbers = np.concatenate([slab.number for slab in slabs])
            np.testing.assert_array_equal(numbers, [551, 552, 1451])
            pulse = np.concatenate([slab.pulse_of_event() for slab in slabs])
            np.testing.assert_array_equal(pulse, [3, 3, 7])
            when = last.pulse_time[pulse]
            np.testing.assert_allclose(when, np.array([3, 3, 7]) * PERIOD_NS * 1e-9)


def test_angles_may_be_static_and_the_tank_axis_may_point_down(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, tank_axis=(0.0, -1.0, 0.0)))
    with open_bifrost(path) as raw:
        np.testing.assert_allclose(raw.a4().value, -50.0)
        assert "points down" in raw.notes[0]
    with h5py.File(path, "r+") as file:
        attributes = dict(file[TANK].attrs)
        del file[TANK]
        file[TANK] = np.deg2rad(50.0)
        for name, value in (attributes | {"units": "rad"}).items():
            file[TANK].attrs[name] = value
        file[TANK].attrs["vector"] = [0.0, 1.0, 0.0]
    with open_bifrost(path) as raw:
        np.testing.assert_allclose(raw.a4().value, 50.0)
        assert "not a log" in raw.notes[0]


def test_a3_may_be_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with h5py.File(path, "r+") as file:
        file.move("entry/parameters/a3", "entry/table")
    with open_bifrost(path) as raw:
        assert raw.a3("table").value[0] == 0.0
        with pytest.raises(UserError, match="there is no log of it"):
            raw.a3()
        with pytest.raises(UserError, match="it has no 'nowhere'"):
            raw.a3("nowhere")


def test_odd_numbers_are_used_and_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with h5py.File(path, "r+") as file:
        file["entry/instrument/channel_5_2_triplet/detector_number"][...] += 20_000
    with open_bifrost(path) as raw:
        assert raw.triplets[0].detector_number[0, 0] == 23_101
        assert "channel_5_2_triplet" in raw.notes[0]


def test_dead_triplets_are_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "raw.nxs", Raw({**EVENTS, (0, 0): []}))
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/channel_5_3_triplet/data"]
    with open_bifrost(path) as raw:
        assert [source.size for source in raw.sources] == [0, 1, 0, 3]
        assert "channel_5_3_triplet has no events group" in raw.notes
        assert (
            "no events in 2 of 4 triplets: channel_1_1_triplet, channel_5_3_triplet"
            in raw.notes
        )


def spoil(file: h5py.File, how: str) -> None:
    entry, instrument = file["entry"], file["entry/instrument"]
    triplet = instrument["channel_5_2_triplet"]
    if how == "no instrument":
        del entry["instrument"]
    elif how == "no detector":
        for name in ("channel_5_2_triplet", "channel_5_3_triplet", "channel_6_1_triplet"):
            del instrument[name]
    elif how == "no offsets":
        del triplet["data/event_time_offset"]
    elif how == "no index":
        del triplet["data/event_index"]
    elif how == "bad index":
        triplet["data/event_index"][0] = 1
    elif how == "no unit":
        del triplet["data/event_time_zero"].attrs["units"]
    elif how == "wrong unit":
        triplet["y_pixel_offset"].attrs["units"] = "s"
    elif how == "unknown unit":
        triplet["y_pixel_offset"].attrs["units"] = "foo"
    elif how == "wrong start":
        triplet["data/event_time_zero"].attrs["start"] = "once"
    elif how == "a3 decreases":
        entry["parameters/a3/value/time"][...] = [2, 1, 3]
    elif how == "a3 empty":
        del entry["parameters/a3/value/time"]
        entry["parameters/a3/value/time"] = np.zeros(0, dtype=np.int64)
        entry["parameters/a3/value/time"].attrs["units"] = "ns"
    elif how == "a3 lengths":
        del entry["parameters/a3/value/value"]
        entry["parameters/a3/value/value"] = [1.0]
        entry["parameters/a3/value/value"].attrs["units"] = "deg"
    elif how == "a3 without values":
        del entry["parameters/a3/value/value"]
    elif how == "a3 in meters":
        entry["parameters/a3/value/value"].attrs["units"] = "m"
    elif how == "tank missing":
        del file[TANK]
    elif how == "tank off the vertical":
        file[TANK].attrs["vector"] = [1.0, 0.0, 0.0]
    elif how == "no analyser":
        instrument["channel_5_2_monochromator"].attrs["NX_class"] = "NXcollection"
    elif how == "analyser moves":
        node = instrument["channel_5_2_monochromator/transformations/t0"]
        attributes, name = dict(node.attrs), node.name
        del file[name]
        moving = file.create_group(name)
        moving.attrs.update(attributes)
        moving["value"] = [1.0, 1.1]
        moving["value"].attrs["units"] = "m"
    elif how == "chain in a circle":
        node = instrument["channel_5_2_monochromator/transformations"]
        node["t0"].attrs["depends_on"] = f"{node.name}/r1"
    elif how == "no type":
        del instrument["channel_5_arm/transformations/r0"].attrs["transformation_type"]
    elif how == "flat numbers":
        numbers = triplet["detector_number"][()].ravel()
        del triplet["detector_number"]
        triplet["detector_number"] = numbers
    elif how == "other shape":
        del triplet["y_pixel_offset"]
        triplet["y_pixel_offset"] = np.zeros((2, 7))
        triplet["y_pixel_offset"].attrs["units"] = "m"
    elif how == "no source":
        del instrument["source"]
    elif how == "empty run":
        for name in ("channel_5_2_triplet", "channel_5_3_triplet", "channel_6_1_triplet"):
            data = instrument[name]["data"]
            for one in ("event_id", "event_time_offset"):
                attributes = dict(data[one].attrs)
                del data[one]
                data[one] = np.zeros(0, dtype=np.int32)
                data[one].attrs.update(attributes)
            data["event_index"][...] = 0
    else:
        raise AssertionError(how)


def read_all(path: Path) -> None:
    with open_bifrost(path) as raw:
        assert all([raw.triplets, raw.a3(), raw.a4(), raw.primary_length, raw.sources])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no instrument", "it has no 'instrument'"),
        ("no detector", "it has no detector"),
        ("no offsets", "it has no 'event_time_offset'"),
        ("no index", "no 'event_index'"),
        ("bad index", "event_index does not ascend"),
        ("no unit", "no attribute 'units'"),
        ("wrong unit", "it is in 's'"),
        ("unknown unit", "it is in 'foo'"),
        ("wrong start", "they count from 'once'"),
        ("a3 decreases", "its time decreases after entry 1 of 3"),
        ("a3 empty", "it has no entries"),
        ("a3 lengths", "3 times and 1 values"),
        ("a3 without values", "it has no 'value'"),
        ("a3 in meters", "it is in 'm'"),
        ("tank missing", "is not in the file"),
        ("tank off the vertical", "does not turn about the vertical"),
        ("no analyser", "names none, and there is no 'channel_5_2_monochromator'"),
        ("analyser moves", "it moves during the run"),
        ("chain in a circle", "closes on itself"),
        ("no type", "its type is ''"),
        ("flat numbers", "its detector_number has 1 dimensions"),
        ("other shape", "is not that of detector_number"),
        ("no source", "no NXmoderator or NXsource"),
        ("empty run", "no triplet has counted anything"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, how: str, words: str) -> None:
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, a3=MOVING))
    with h5py.File(path, "r+") as file:
        spoil(file, how)
    with pytest.raises(UserError, match=words) as caught:
        read_all(path)
    assert str(path) in str(caught.value)


def test_says_what_file_it_cannot_open(tmp_path: Path) -> None:
    whole = write(tmp_path / "raw.nxs", Raw(EVENTS))
    cut = tmp_path / "cut.nxs"
    cut.write_bytes(whole.read_bytes()[:-20_000])
    text = tmp_path / "text.nxs"
    text.write_text("hello")
    with h5py.File(tmp_path / "other.nxs", "w") as file:
        file["x"] = 1
    for path, words in (
        (tmp_path / "none.nxs", "no such file"),
        (tmp_path, "it is a folder"),
        (cut, "truncated or damaged"),
        (text, "not an HDF5 file"),
        (tmp_path / "other.nxs", "holds no NXentry"),
    ):
        with pytest.raises(UserError, match=words), open_bifrost(path):
            pass


def test_what_a_growing_file_has_is_taken(tmp_path: Path) -> None:
    """Datasets that are appended to one after the other differ in length."""
    path = write(tmp_path / "raw.nxs", Raw(EVENTS, chunked=True))
    with h5py.File(path, "r+") as file:
        data = file["entry/instrument/channel_6_1_triplet/data"]
        data["event_id"].resize((2,))
    with open_bifrost(path) as raw:
        last = raw.sources[2]
        assert last.size == 2
        (slab,) = last.slabs()
        np.testing.assert_array_equal(slab.pulse_of_event(), [3, 3])
