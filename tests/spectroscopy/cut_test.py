from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.toml_file import toml_text
from ewaldite.spectroscopy.cut import Cut, coefficients, make_cut, unit_of

FIELDS = {
    "name": "qh_e",
    "axes": ["h", "energy_transfer"],
    "bins": {"h": [-3, 3, 0.05], "energy_transfer": [-1, 3, 0.05]},
    "integrate": {"k": [-0.1, 0.1], "l": [-1.1, -0.9]},
}


def test_a_cut_survives_json_toml_and_the_way_to_a_worker() -> None:
    import tomllib

    cut = make_cut(**FIELDS)
    assert Cut.model_validate_json(cut.model_dump_json()) == cut
    assert Cut(**tomllib.loads(toml_text(cut.model_dump(mode="json")))) == cut
    assert pickle.loads(pickle.dumps(cut)) == cut
    assert cut.shape == (120, 80)
    assert cut.edges("h")[[0, 60, 120]].tolist() == [-3, 0, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h", (1, 0, 0, 0, 0)),
        ("0.5h+0.5k", (0.5, 0.5, 0, 0, 0)),
        ("-h + 2*k - .5 l", (-1, 2, -0.5, 0, 0)),
        ("l-0.2energy_transfer", (0, 0, 1, -0.2, 0)),
        ("Q", (0, 0, 0, 0, 1)),
        ("h+h", (2, 0, 0, 0, 0)),
    ],
)
def test_sums_of_quantities(text: str, expected: tuple[float, ...]) -> None:
    assert coefficients(text) == expected


@pytest.mark.parametrize("text", ["", "x", "h k", "h+", "2", "h-h", "energy", "hh", "1e400h"])
def test_what_is_no_sum(text: str) -> None:
    assert coefficients(text) is None


@given(st.lists(st.integers(-9, 9), min_size=5, max_size=5).filter(any))
def test_any_sum_is_read_back(numbers: list[int]) -> None:
    names = ("h", "k", "l", "energy_transfer", "Q")
    text = "".join(f"{n:+d}{q}" for n, q in zip(numbers, names, strict=True) if n)
    assert coefficients(text) == tuple(numbers)


def test_units() -> None:
    units = [unit_of(a) for a in ("h", "h-k", "energy_transfer", "2energy_transfer", "Q")]
    assert units == ["dimensionless", "dimensionless", "meV", "meV", "1/angstrom"]
    assert unit_of("h+energy_transfer") == "dimensionless"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bins": {"h": [-3, 3, 0.05]}}, "must name its axes"),
        ({"bins": {"h": [-3, 3, 0.07], "energy_transfer": [-1, 3, 0.05]}}, "no whole number"),
        (
            {"bins": {"h": [3, -3, 0.05], "energy_transfer": [-1, 3, 0.05]}},
            "from 3 to -3: the last edge must be above the first",
        ),
        (
            {"integrate": {"k": [0.1, -0.1]}},
            "from 0.1 to -0.1: its upper limit must be above its lower one",
        ),
        ({"integrate": {"energy": [0, 1]}}, "did you mean 'energy_transfer'"),
        (
            {"axes": ["h", "-2h"], "bins": {"h": [0, 1, 0.1], "-2h": [0, 1, 0.1]}},
            "depend on one another: h, -2h",
        ),
        ({"integrate": {"h": [-0.1, 0.1]}}, "an axis and integrated"),
        ({"integrate": {"q": [-0.1, 0.1]}}, "no sum of"),
        ({"axes": ["h", "h"]}, "twice"),
        ({"name": "a/b"}, "pattern"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        make_cut(**{**FIELDS, **change})


def test_wider_bins_keep_the_ends() -> None:
    cut = make_cut(**FIELDS).widened("h", 4)
    assert cut.shape == (30, 80)
    np.testing.assert_allclose(cut.edges("h"), np.linspace(-3, 3, 31))
