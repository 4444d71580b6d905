"""Where the files of a cut lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CutPaths:
    """Files of a cut.

    Attributes
    ----------
    out:
        Folder of the results.
    name:
        Of the cut.
    """

    out: Path
    name: str

    @property
    def result(self) -> Path:
        """S(Q, ω)."""
        return self.out / "cuts" / f"{self.name}.nxs"

    @property
    def picture(self) -> Path:
        """Picture of S(Q, ω)."""
        return self.out / "cuts" / f"{self.name}.png"

    @property
    def folder(self) -> Path:
        """Of what steps hand to one another."""
        return self.out / "work" / "cuts" / self.name

    @property
    def setup(self) -> Path:
        """Grid, pixels, steps and flux."""
        return self.folder / "exposure.npz"

    @property
    def events(self) -> Path:
        """Sums over events."""
        return self.folder / "events.npz"

    @property
    def coverage(self) -> Path:
        """Coverage with its errors."""
        return self.folder / "coverage.npz"

    @property
    def event_shards(self) -> Path:
        """Folder of sums over some of the events."""
        return self.folder / "events"

    @property
    def coverage_shards(self) -> Path:
        """Folder of parts of the coverage."""
        return self.folder / "coverage"

    @property
    def background(self) -> Path:
        """Turned background."""
        return self.folder / "background.npz"

    @property
    def background_shards(self) -> Path:
        """Folder of the background of some of the energies."""
        return self.folder / "background"

    @property
    def time_background(self) -> Path:
        """Background that is constant in time."""
        return self.folder / "time_background.npz"

    @property
    def time_background_shards(self) -> Path:
        """Folder of that of some of the groups."""
        return self.folder / "time_background"

    @property
    def drawn(self) -> bool:
        """Whether the picture is of the result that is there."""
        if not self.picture.is_file() or not self.result.is_file():
            return False
        return self.picture.stat().st_mtime_ns >= self.result.stat().st_mtime_ns
