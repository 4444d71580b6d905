"""Files, limits, labels and the missing extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.plot.style import (
    figure_bytes,
    new_figure,
    resolution_axis,
    robust_limits,
    save_figure,
    unit_label,
)

HEADS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_formats_are_reproducible(fmt: str, tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        figure = new_figure(2, 2)
        figure.add_subplot().plot([1, 2], [3, 4])
        path = tmp_path / f"{name}.{fmt.upper()}"
        save_figure(path, figure)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith(HEADS[fmt])


def test_the_format_can_be_had_without_a_file() -> None:
    assert all(figure_bytes(new_figure(1, 1), fmt).startswith(HEADS[fmt]) for fmt in HEADS)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"suffix '\.gif'"):
        save_figure(tmp_path / "a.gif", new_figure(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ewaldite\[plot\]'"):
        new_figure(1, 1)


def test_pyplot_and_its_state_are_never_touched() -> None:
    script = (
        "import sys, ewaldite.plot.summary, ewaldite.plot.detector, ewaldite.plot.curves;"
        "assert 'matplotlib' not in sys.modules, 'imported too early';"
        "from ewaldite.plot.style import new_figure, figure_bytes;"
        "f = new_figure(1, 1); f.add_subplot(); figure_bytes(f);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@settings(deadline=None)
@given(values=hnp.arrays("float64", st.integers(0, 50)), symmetric=st.booleans())
def test_limits_are_always_usable(values: np.ndarray, symmetric: bool) -> None:
    with np.errstate(all="ignore"):
        low, high = robust_limits(np.clip(values, -1e200, 1e200), symmetric=symmetric)
    assert np.isfinite([low, high]).all()
    assert low < high
    if symmetric:
        assert low == -high


def test_limits_are_quantiles() -> None:
    values = np.append(np.linspace(0, 100, 1001), np.nan)
    assert robust_limits(values) == pytest.approx((1.0, 99.5))


@pytest.mark.parametrize(
    ("unit", "label"),
    [
        (sc.Unit("counts/mrad**2/s"), "counts/mrad²/s"),
        ("1/angstrom^3", "1/Å³"),
        ("mrad^2*s", "mrad²·s"),
        ("s^-1", "s⁻¹"),
        (sc.units.one, ""),
        (None, ""),
    ],
)
def test_units_in_typography(unit: sc.Unit | str | None, label: str) -> None:
    assert unit_label(unit) == label


def test_spacings_stand_over_their_s() -> None:
    axes = new_figure(4, 3).add_subplot()
    axes.set_xlim(0.05, 0.6)
    resolution_axis(axes)
    (top,) = axes.child_axes
    labels = [float(label.get_text()) for label in top.get_xticklabels()]
    np.testing.assert_allclose(1 / np.array(labels), top.get_xticks())
    assert labels[0] == 20.0
    assert {5.0, 3.0, 2.0} <= set(labels)
    assert all(0.05 <= s <= 0.6 for s in top.get_xticks())
