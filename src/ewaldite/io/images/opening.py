"""Open a series of images, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.io.images.file_series import FileSeries
from ewaldite.io.images.hdf5_series import Hdf5Series
from ewaldite.io.images.selection import Missing, select_frames
from ewaldite.io.images.series import ImageSeries
from ewaldite.io.images.template import (
    NumberedFiles,
    files_of_glob,
    files_of_list,
    files_of_template,
    is_template,
)

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def open_images(
    spec: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    base: Path,
    frames: tuple[int, int] | None = None,
    exclude: Sequence[int] = (),
    missing: Missing = "error",
) -> ImageSeries:
    """Open a series of images without reading any but the first header.

    Parameters
    ----------
    spec:
        A template (``####``, ``????``, ``%05d``), a list of files, one file, a shell pattern
        with ``*``, or an NXmx or Eiger master file.
    base:
        Folder to which relative paths refer.
    frames:
        Inclusive (first, last) frame number; None for all.
    exclude:
        Frame numbers to leave out.
    missing:
        ``"error"`` or ``"skip"``: what to do with gaps in the numbering. Of files that are
        listed one by one only those that do not exist are gaps.

    Raises
    ------
    UserError
        If nothing matches, a frame is missing, or the first header cannot be read.
    """
    if not isinstance(spec, str | os.PathLike):
        return _open_list([base / Path(item) for item in spec], frames, exclude, missing)
    text = os.fspath(spec)
    path = base / text
    if path.is_file() and _is_hdf5(path):
        return Hdf5Series(path, frames, exclude, missing)
    if path.is_file():
        numbered = files_of_list([path])
    elif is_template(text):
        numbered = files_of_template(text, base)
    elif any(c in text for c in "*?["):
        numbered = files_of_glob(text, base)
    else:
        raise UserError(
            f"read the images {path}",
            "the path is a folder" if path.is_dir() else "the file does not exist",
            "Name a template such as 'images/a_####.cbf', a master file, or a list of files.",
        )
    return _open_files(numbered, frames, exclude, missing)


def _open_list(
    files: Sequence[Path],
    frames: tuple[int, int] | None,
    exclude: Sequence[int],
    missing: Missing,
) -> ImageSeries:
    if not files:
        raise UserError("read the images", "the list of files is empty", "List the images.")
    if len(files) == 1 and files[0].is_file() and _is_hdf5(files[0]):
        return Hdf5Series(files[0], frames, exclude, missing)
    numbered = files_of_list(files)
    present = {n: path for n, path in numbered.paths.items() if path.is_file()}
    low, high = frames or (min(numbered.paths), max(numbered.paths))
    unwanted = set(exclude)
    lost = [
        path
        for n, path in numbered.paths.items()
        if n not in present and low <= n <= high and n not in unwanted
    ]
    if lost and (missing == "error" or not present):
        raise UserError(
            "read the listed images",
            f"{lost[0]} does not exist ({len(lost)} of {len(files)} files missing)",
            'Correct the list, restore the file, or choose missing = "skip".',
        )
    # Gaps between listed numbers were left by the user, so they are no reason to stop.
    gaps = [n for n in range(low, high + 1) if n not in numbered.paths]
    return _open_files(NumberedFiles(present, None), (low, high), [*exclude, *gaps], missing)


def _open_files(
    numbered: NumberedFiles,
    frames: tuple[int, int] | None,
    exclude: Sequence[int],
    missing: Missing,
) -> ImageSeries:
    selection = select_frames(numbered.paths, frames, exclude, missing, numbered.name)
    return FileSeries(numbered.paths, selection)


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(HDF5_MAGIC)) == HDF5_MAGIC
