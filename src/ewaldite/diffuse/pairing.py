"""Which images, background and geometry belong together."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ewaldite.diffuse.folder_scan import FoundSeries
from ewaldite.diffuse.geometry_scan import FoundGeometry


@dataclass(frozen=True)
class FoundSweep:
    """Parts of a sweep that were found.

    Attributes
    ----------
    name:
        Short name, fit for the configuration.
    images, geometry, background:
        The parts; None where nothing fits.
    others:
        Other geometries that fit as well.
    """

    name: str
    images: FoundSeries | None
    geometry: FoundGeometry | None
    background: FoundSeries | None
    others: tuple[FoundGeometry, ...] = ()

    @property
    def path(self) -> Path:
        """Where its images are, or its geometry."""
        part = self.images or self.geometry
        if part is None:
            raise ValueError("a sweep has images or a geometry")
        return part.path


def pair(
    series: Sequence[FoundSeries], geometries: Sequence[FoundGeometry]
) -> list[FoundSweep]:
    """Put images, geometries and backgrounds together.

    A geometry belongs to the images that its template names; else to images of its size in the
    same folder, or of the same name; else to the only images of its size that have none.

    Parameters
    ----------
    series:
        Images and backgrounds.
    geometries:
        Those to prefer first.

    Returns
    -------
    :
        Sweeps in the order of the images; then geometries whose images were not found.
    """
    images = [one for one in series if not one.background] or list(series)
    backgrounds = [one for one in series if one not in images]
    chosen: dict[int, list[FoundGeometry]] = {i: [] for i in range(len(images))}
    left: list[FoundGeometry] = []
    for geometry in geometries:
        fit = [_fitness(geometry, one) for one in images]
        best = max(fit, default=0)
        if best > 0:
            chosen[fit.index(best)].append(geometry)
        else:
            left.append(geometry)
    for geometry in list(left):
        bare = [i for i, own in chosen.items() if not own and _same_size(geometry, images[i])]
        if len(bare) == 1:
            chosen[bare[0]].append(geometry)
            left.remove(geometry)
    sweeps = []
    for i, one in enumerate(images):
        first = chosen[i][0] if chosen[i] else None
        background, others = _background(one, backgrounds), tuple(chosen[i][1:])
        sweeps.append(FoundSweep("", one, first, background, others))
    known = {g.path for s in sweeps for g in (s.geometry, *s.others) if g is not None}
    sweeps += [FoundSweep("", None, g, None) for g in left if g.path not in known]
    return _named(sweeps)


def _fitness(geometry: FoundGeometry, images: FoundSeries) -> int:
    """How surely they belong together; 0: nothing says so."""
    if not _same_size(geometry, images):
        return 0
    template = geometry.template
    if template is not None:
        same_name = re.sub("#+", "#", template.name) == re.sub("#+", "#", images.path.name)
        # Images are often moved after they were processed, so the name alone counts as well
        same = os.path.normpath(template.parent) == os.path.normpath(images.path.parent)
        return (4 if same else 3) if same_name else 0
    folder = geometry.path if geometry.path.is_dir() else geometry.path.parent
    if folder == images.path.parent:
        return 2
    return 1 if folder.name.lower() == images.stem else 0


def _same_size(geometry: FoundGeometry, images: FoundSeries) -> bool:
    return geometry.sweep.image_shape == images.shape


def _background(images: FoundSeries, backgrounds: Sequence[FoundSeries]) -> FoundSeries | None:
    """Background of the same size whose name begins alike; the only one belongs to all.

    Of several, those beside the images are looked at first.
    """
    fitting = [one for one in backgrounds if one.shape == images.shape]
    beside = [one for one in fitting if one.path.parent == images.path.parent]
    for some in (fitting, beside):
        if len(some) == 1:
            return some[0]
    for some in (beside, fitting):
        alike = [one for one in some if one.stem == images.stem]
        if len(alike) == 1:
            return alike[0]
    return None


def _named(sweeps: Sequence[FoundSweep]) -> list[FoundSweep]:
    """Give every sweep a name of its own: that of its images, else of their folder."""
    named: list[FoundSweep] = []
    used: set[str] = set()
    stems = [_stem(sweep) for sweep in sweeps]
    folders = _telling_folders([sweep.path.parent for sweep in sweeps])
    for number, (sweep, stem, folder) in enumerate(
        zip(sweeps, stems, folders, strict=True), start=1
    ):
        told = folder if stems.count(stem) > 1 and folder else stem
        name = re.sub(r"\W+", "_", told).strip("_")[:32] or f"sweep{number}"
        if name in used:
            name = f"{name}_{number}"
        used.add(name)
        named.append(
            FoundSweep(name, sweep.images, sweep.geometry, sweep.background, sweep.others)
        )
    return named


def _stem(sweep: FoundSweep) -> str:
    stem = sweep.images.stem if sweep.images is not None else ""
    return re.sub(r"(_master)?\.\w+$", "", stem or sweep.path.name)


def _telling_folders(folders: Sequence[Path]) -> list[str]:
    """Last part of the paths in which all of them differ; empty where there is none."""
    depth = min(len(folder.parts) for folder in folders) if folders else 0
    for back in range(1, depth + 1):
        parts = [folder.parts[-back] for folder in folders]
        if len(set(parts)) == len(parts):
            return parts
    return ["" for _ in folders]
