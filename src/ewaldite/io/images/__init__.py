"""Readers of detector images."""

from __future__ import annotations

from ewaldite.io.images.cbf_writer import CbfHeader, write_minicbf
from ewaldite.io.images.eiger_metadata import EigerHeader
from ewaldite.io.images.eiger_writer import write_eiger
from ewaldite.io.images.opening import open_images
from ewaldite.io.images.series import FrameError, ImageMetadata, ImageSeries, no_data_markers

__all__ = [
    "CbfHeader",
    "EigerHeader",
    "FrameError",
    "ImageMetadata",
    "ImageSeries",
    "no_data_markers",
    "open_images",
    "write_eiger",
    "write_minicbf",
]
