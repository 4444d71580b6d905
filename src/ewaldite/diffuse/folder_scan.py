"""What lies in a folder: its files, and the series of images among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.io.images import ImageSeries, open_images
from ewaldite.io.nexus import is_foreign_hdf5
from ewaldite.run.sizes import counted

DEPTH = 3
MOST_FILES = 200_000

_IMAGE = re.compile(
    r"\.(cbf|img|osc|mccd|mar\w+|marccd|sfrm|edf|tiff?|smv|gfrm|kcd|stl)(\.gz|\.bz2)?$", re.I
)
_HDF5 = re.compile(r"\.(h5|nxs|hdf5?|nexus)$", re.I)
_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")
_BACKGROUND = re.compile(r"(?:^|[^a-z])(bkgd?|background|bg|air|empty)(?:[^a-z]|$)", re.I)


@dataclass(frozen=True)
class FoundSeries:
    """A series of images.

    Attributes
    ----------
    path:
        Template with ``#`` for the digits of the frame number, or an HDF5 master file.
    first, last, count:
        Frame numbers and how many there are.
    shape:
        Pixels (slow, fast).
    background:
        Whether its name says that it was taken without the crystal.
    """

    path: Path
    first: int
    last: int
    count: int
    shape: tuple[int, int]
    background: bool

    @property
    def stem(self) -> str:
        """Beginning of the name in small letters, without the word for a background."""
        stem = self.path.name.split("#")[0]
        match = _BACKGROUND.search(stem)
        return (stem[: match.start(1)] if match else stem).rstrip("_-. ").lower()

    def line(self, folder: Path) -> str:
        """One line about it."""
        what = "background" if self.background else "images"
        size = f"{self.shape[1]} × {self.shape[0]} pixels"
        return (
            f"{what}: {self.path.relative_to(folder)}, {counted(self.count, 'frames')} "
            f"({self.first} to {self.last}), {size}"
        )


def files_below(folder: Path, depth: int = DEPTH, most: int = MOST_FILES) -> list[Path]:
    """Files of a folder and of those in it, sorted; results of a run and hidden ones left out.

    Parameters
    ----------
    folder:
        Where to look.
    depth:
        Levels of folders below it.
    most:
        Look no further once so many files were seen.

    Raises
    ------
    UserError
        If it is no folder, or cannot be read.
    """
    if not folder.is_dir():
        found = "it is a file" if folder.is_file() else "there is no such folder"
        raise UserError(f"look into {folder}", found, "Name the folder of an experiment.")
    files: list[Path] = []
    for path in _walk(folder, depth):
        files.append(path)
        if len(files) >= most:
            break
    return sorted(files)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"look into {folder}", error.strerror or str(error), "Give yourself the permission."
        ) from error
    if {"options.toml", "work"} <= {path.name for path in inside}:
        return  # results of a run
    visible = [path for path in inside if not path.name.startswith(".")]
    yield from (path for path in visible if path.is_file())
    if depth > 0:
        for path in visible:
            if path.is_dir():
                yield from _walk(path, depth - 1)


def image_series(files: Sequence[Path]) -> tuple[list[FoundSeries], list[str]]:
    """Series of images among files.

    Parameters
    ----------
    files:
        All files of a folder.

    Returns
    -------
    :
        The series, and what could not be used.
    """
    found: list[FoundSeries] = []
    problems: list[str] = []
    for path in [*_templates(files), *_masters(files)]:
        try:
            images = open_images(path.name, path.parent, missing="skip")
        except UserError as error:
            problems.append(str(error))
        else:
            found.append(_described(path, images))
            images.close()
    return found, problems


def _described(path: Path, images: ImageSeries) -> FoundSeries:
    frames = images.frames
    return FoundSeries(
        path,
        int(frames[0]),
        int(frames[-1]),
        len(images),
        images.shape,
        _BACKGROUND.search(path.name.split("#")[0]) is not None
        or _BACKGROUND.search(path.parent.name) is not None,
    )


def _templates(files: Sequence[Path]) -> list[Path]:
    """Templates of numbered image files, the digits being ``#``."""
    widths: dict[tuple[Path, str, str], int] = {}
    for path in files:
        ending = _IMAGE.search(path.name)
        numbered = _NUMBER.match(path.name[: ending.start()]) if ending else None
        if ending is None or numbered is None:
            continue
        prefix, digits, rest = numbered.groups()
        key = (path.parent, prefix, f"{rest}.{ending.group(1)}")
        widths[key] = min(len(digits), widths.get(key, len(digits)))
    return [folder / f"{pre}{'#' * n}{end}" for (folder, pre, end), n in widths.items()]


def _masters(files: Sequence[Path]) -> list[Path]:
    """HDF5 files that hold or link images and are no part of another one."""
    candidates = [path for path in files if _HDF5.search(path.name) and is_foreign_hdf5(path)]
    parts: set[Path] = set()
    series = {}
    for path in candidates:
        try:
            images = open_images(path.name, path.parent, missing="skip")
        except UserError:
            continue
        parts |= {part.resolve() for part in images.paths[1:]}
        images.close()
        series[path] = images
    return [path for path in series if path.resolve() not in parts]
