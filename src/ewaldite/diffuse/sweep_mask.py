"""The pixel mask of a sweep, from all that says something about its pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.mask import (
    is_pilatus,
    no_count,
    outside_panels,
    region_mask,
    regions_of,
    resolution_mask,
    virtual_pixels,
)
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.errors import UserError
from ewaldite.io.mask_file import read_mask_file
from ewaldite.kernels.clipped import NO_COUNT
from ewaldite.model.pixel_mask import PixelMask

_NUMBER = re.compile(r" \d+$")
# A pixel is held for dead below the minimum by so many frames, evenly spread
_FRAMES = 8


def sweep_mask(entry: SweepInput, options: DiffuseOptions, base: Path) -> PixelMask:
    """Mask the pixels of a sweep that take no part.

    Parameters
    ----------
    entry:
        The sweep.
    options:
        The whole configuration.
    base:
        Folder to which paths refer.

    Returns
    -------
    :
        Named masks; dims (slow, fast).

    Raises
    ------
    UserError
        If nothing is left, or a file or region cannot be used.
    """
    shape, sweep, section = entry.sweep.image_shape, entry.sweep, options.mask
    mask = PixelMask(shape)
    for name, excluded in entry.images.masks().items():
        mask = mask.with_reason(name, excluded)
    mask = mask.with_reason("no count in the first frame", entry.samples.first == NO_COUNT)
    if entry.floor > 0:
        mask = mask.with_reason("always below the minimum", _always_below(entry))
    mask = mask.with_reason("outside panels", outside_panels(sweep.wedges[0].panels, shape))
    for region in (*(sweep.untrusted if section.untrusted else ()), *regions_of(section)):
        # Regions of one kind are counted together
        mask = mask.with_reason(_NUMBER.sub("s", region.name), region_mask(region, shape))
    if section.virtual_pixels is True or (
        section.virtual_pixels == "auto" and _detector_is_pilatus(entry)
    ):
        mask = mask.with_reason("virtual pixels", virtual_pixels(shape))
    if section.file is not None:
        mask = mask.with_reason("mask file", read_mask_file(base / section.file, shape))
    rings = (
        *section.resolution_rings,
        *(sweep.excluded_resolution if section.untrusted else ()),
    )
    if rings or options.map.d_min is not None or options.map.d_max is not None:
        s = entry.features(sweep.wedges[0]).resolution()
        limited = resolution_mask(s, options.map.d_min, options.map.d_max, rings)
        for name, excluded in limited.items():
            mask = mask.with_reason(name, excluded)
    if not mask.good.any():
        worst = max(mask.counts().items(), key=lambda item: item[1])
        raise UserError(
            f"reduce the sweep '{entry.options.name}'",
            f"every pixel is masked; most of them by '{worst[0]}' ({worst[1]} pixels)",
            "Check [mask] and [map] d_min, d_max.",
        )
    return mask


def _always_below(entry: SweepInput) -> NDArray[np.bool_]:
    """Pixels that stay below the smallest valid count in all frames that are looked at.

    The others take part wherever their count is valid.
    """
    count = len(entry.images)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _FRAMES)).astype(int))
    below = np.ones(entry.sweep.image_shape, dtype=bool)
    for position in chosen:
        below &= no_count(entry.sample(int(position)), minimum=entry.floor)
    return below


def _detector_is_pilatus(entry: SweepInput) -> bool:
    name = entry.images.metadata.detector or ""
    return is_pilatus(entry.sweep.image_shape) and "pilatus" in name.lower()
