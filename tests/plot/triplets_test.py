"""The detector of 45 triplets in a picture."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from matplotlib.colors import to_rgb

from ewaldite.plot.style import ABSENT, COLOURS
from ewaldite.plot.triplets import layout, triplets_figure


def pixels(channels: range = range(9)) -> sc.DataArray:
    """Every pixel counts its own number; tube 2 of channel 4, arc 1 takes no part."""
    shape = (len(channels), 5, 3, 100)
    channel, arc, tube, place = (x.ravel() for x in np.indices(shape))
    channel = channel + channels.start
    number = 2700 * arc + 900 * tube + 100 * channel + place + 1

    def array(values: object, unit: str | None = None) -> sc.Variable:
        return sc.array(dims=["pixel"], values=values, unit=unit)

    return sc.DataArray(
        array(number.astype(float), "counts"),
        coords={
            "arc": array(arc), "channel": array(channel), "tube": array(tube),
            "position_in_tube": array(place),
        },
        masks={"no_part": array((channel == 4) & (arc == 1) & (tube == 2))},
    )  # fmt: skip


def test_every_pixel_has_its_place() -> None:
    values, masked, there = layout(pixels())
    assert there.sum() == 13_500
    assert np.nansum(values) == 13_500 * 13_501 / 2
    # arc 1 is below arc 0, tubes are rows of it, channels blocks across
    assert values[4, 0] == 2701
    assert values[1, 106 + 7] == 900 + 100 + 7 + 1
    assert masked.sum() == 100
    assert np.all(masked[6, 4 * 106 : 4 * 106 + 100])


def test_what_takes_no_part_is_red_and_what_is_missing_grey() -> None:
    figure = triplets_figure(pixels(range(3, 9)), "events", "name")
    axes, bar = figure.axes
    missing, shown, red = (image.get_array() for image in axes.images)
    assert (~np.ma.getmaskarray(missing)).sum() == 3 * 1500
    assert (~np.ma.getmaskarray(shown)).sum() == 6 * 1500 - 100
    assert (~np.ma.getmaskarray(red)).sum() == 100
    assert axes.images[0].cmap(0)[:3] == pytest.approx(to_rgb(ABSENT))
    assert axes.images[2].cmap(0)[:3] == pytest.approx(to_rgb(COLOURS[1]))
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["100 of 9,000 pixels take no part", "not in the file"]
    assert bar.get_ylabel() == "events (counts)"
    assert [t.get_text() for t in axes.get_yticklabels()] == ["2.7", "3.2", "3.8", "4.4", "5.0"]


def test_no_legend_where_all_is_well() -> None:
    whole = pixels()
    figure = triplets_figure(sc.DataArray(whole.data, coords=dict(whole.coords)))
    assert not figure.legends
