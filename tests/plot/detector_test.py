"""A detector image and the masks over it."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from ewaldite.plot.detector import detector_figure
from ewaldite.plot.style import COLOURS, figure_bytes


def test_masks_are_coloured_counted_and_transparent_elsewhere() -> None:
    image = np.random.default_rng(0).poisson(20, (40, 60))
    image[5] = -1
    gap = image < 0
    hot = np.zeros(image.shape, dtype=bool)
    hot[7, 8] = True
    image[7, 8] = 10**6
    figure = detector_figure(image, {"gap": gap, "hot": hot}, beam=(12.0, 34.0), title="1")
    axes = figure.axes[0]
    shown, first, second = axes.images
    np.testing.assert_array_equal(np.ma.getmaskarray(shown.get_array()), gap)
    np.testing.assert_array_equal(first.get_array()[..., 3] > 0, gap)
    np.testing.assert_array_equal(second.get_array()[..., 3] > 0, hot)
    colour = first.get_array()[5, 0, :3] / 255
    np.testing.assert_allclose(colour, to_rgb(COLOURS[1]))
    # the scale of the image is that of its good pixels
    assert shown.norm.vmax < 50
    assert shown.norm.vmin == 0.0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "gap: 60 (2.5 %)", "hot: 1 (0.0 %)",
    ]  # fmt: skip
    (beam,) = axes.lines
    assert (beam.get_xdata()[0], beam.get_ydata()[0]) == (34.0, 12.0)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top, as in the file
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_an_image_alone() -> None:
    figure = detector_figure(np.zeros((3, 4)))
    assert len(figure.axes[0].images) == 1
    assert figure.legends == []


def test_a_large_image_is_drawn_in_its_place_and_counted_whole() -> None:
    image = np.zeros((2600, 1300))
    mask = np.zeros(image.shape, dtype=bool)
    mask[1000:1003] = True
    figure = detector_figure(image, {"line": mask})
    shown, overlay = figure.axes[0].images
    assert shown.get_array().shape == (1300, 650)
    assert overlay.get_array().shape == (1300, 650, 4)
    assert list(shown.get_extent()) == [-0.5, 1299.5, 2599.5, -0.5]
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == "line: 3,900 (0.1 %)"
