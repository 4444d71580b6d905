"""The pixel mask of NXmx."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ewaldite.errors import UserError
from ewaldite.io.images.pixel_mask import read_pixel_masks, split_bits


@settings(deadline=None)
@given(
    mask=arrays(
        st.sampled_from([np.uint32, np.int32, np.uint8, np.dtype(">u4")]),
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.integers(0, 127),
    )
)
def test_the_bits_make_up_the_field(mask: np.ndarray) -> None:
    masks = split_bits(mask)
    again = sum(
        (
            m.astype(np.int64) << int(name.split("bit ")[1].rstrip(")"))
            for name, m in masks.items()
        ),
        np.zeros(mask.shape, np.int64),
    )
    np.testing.assert_array_equal(again, mask)
    assert all(m.any() for m in masks.values())


def test_names_of_the_bits() -> None:
    # NeXus base class NXdetector, field pixel_mask.
    field = np.array([[0, 1, 2, 4, 8, 16, 32, 64, 256, 1 << 31]], dtype=np.uint32)
    assert list(split_bits(field)) == [
        "pixel_mask gap (bit 0)",
        "pixel_mask dead (bit 1)",
        "pixel_mask under-responding (bit 2)",
        "pixel_mask over-responding (bit 3)",
        "pixel_mask noisy (bit 4)",
        "pixel_mask undefined (bit 5)",
        "pixel_mask cluster of problematic pixels (bit 6)",
        "pixel_mask user-defined (bit 8)",
        "pixel_mask virtual pixel (bit 31)",
    ]


def test_bit_31_of_a_signed_mask() -> None:
    masks = split_bits(np.array([[0, -(2**31)]], dtype=np.int32))
    np.testing.assert_array_equal(masks["pixel_mask virtual pixel (bit 31)"], [[False, True]])


@pytest.mark.parametrize("name", ["pixel_mask", "detectorSpecific/pixel_mask"])
@pytest.mark.parametrize("lead", [(), (1,)])
def test_both_places(tmp_path: Path, name: str, lead: tuple[int, ...]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[f"det/{name}"] = np.full((*lead, 2, 3), 2, np.uint32)
        masks = read_pixel_masks(file["det"], (2, 3))
    assert {key: int(m.sum()) for key, m in masks.items()} == {"pixel_mask dead (bit 1)": 6}


def test_no_mask(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert read_pixel_masks(file.create_group("det"), (2, 3)) == {}
    assert read_pixel_masks(None, (2, 3)) == {}


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["det/pixel_mask"] = np.zeros((3, 2), np.uint32)
        with pytest.raises(UserError, match=r"shape \(3, 2\), the images are \(2, 3\)"):
            read_pixel_masks(file["det"], (2, 3))


def test_a_broken_link_is_not_overlooked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["det/pixel_mask"] = h5py.ExternalLink("nowhere.h5", "/mask")
        with pytest.raises(UserError, match="leads nowhere"):
            read_pixel_masks(file["det"], (2, 3))


def test_additional_masks_are_joined(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["det/pixel_mask"] = np.array([[1, 0, 2]], np.uint32)
        file["det/pixel_mask_1"] = np.array([[0, 1, 16]], np.uint32)
        file["det/pixel_mask_applied"] = True
        masks = read_pixel_masks(file["det"], (1, 3))
    assert {name: m.tolist() for name, m in masks.items()} == {
        "pixel_mask gap (bit 0)": [[True, True, False]],
        "pixel_mask dead (bit 1)": [[False, False, True]],
        "pixel_mask noisy (bit 4)": [[False, False, True]],
    }
