"""How many workers run at once, and into how many bands a shard is cut, under a budget."""

from __future__ import annotations

from dataclasses import dataclass

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget
from ewaldite.run.sizes import format_bytes


@dataclass(frozen=True)
class Need:
    """Memory that a reduction is predicted to need, bytes.

    A worker sums a shard band by band, and then finishes the shard.

    Attributes
    ----------
    base:
        Held once: the program itself, tables of the whole run, the growing sum.
    worker:
        Held by each worker while it sums, however many bands there are, as a decoded frame and
        the sums of the shard.
    shard:
        Held beside it while it sums a whole shard at once; a band needs its part of it.
    finish:
        Held by each worker while it finishes a shard, instead.
    kept:
        The part of ``shard`` that is held until the shard is finished; likewise by band.
    result:
        Of a finished shard. Up to ``workers + 1`` wait or are in the making at any moment (see
        :func:`ewaldite.run.reduce_shards.run_shards`).
    """

    base: int
    worker: int
    shard: int = 0
    finish: int = 0
    kept: int = 0
    result: int = 0

    def peak(self, workers: int, bands: int = 1) -> int:
        """Predict base + workers · max(worker + shard/bands, finish + kept/bands) + results."""
        summing = self.worker - (-self.shard // bands)
        finishing = self.finish - (-self.kept // bands)
        return self.base + workers * max(summing, finishing) + (workers + 1) * self.result


@dataclass(frozen=True)
class Plan:
    """What runs at once.

    Attributes
    ----------
    workers:
        Number of workers, at least 1.
    bands:
        Pieces that each shard is cut into, at least 1.
    predicted_peak:
        Predicted peak of resident memory, bytes.
    budget:
        What it was planned under.
    asked:
        Number of workers that memory alone kept from being more.
    """

    workers: int
    bands: int
    predicted_peak: int
    budget: Budget
    asked: int

    @property
    def fits(self) -> bool:
        """Whether the predicted peak is within the budget."""
        return self.predicted_peak <= self.budget.bytes

    def __str__(self) -> str:
        """One sentence for the log."""
        peak = format_bytes(self.predicted_peak)
        return f"{self.layout}, predicted peak {peak} of a budget of {self.budget}"

    @property
    def layout(self) -> str:
        """Workers and bands in words."""
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        if self.workers < self.asked:
            workers += f" (memory allows no more of {self.asked})"
        cut = f", shards cut into {self.bands} bands" if self.bands > 1 else ""
        return f"{workers}{cut}"


def plan_workers(
    need: Need,
    budget: Budget,
    *,
    processors: int,
    shards: int,
    max_bands: int = 1,
    band_cost: float = 0.1,
) -> Plan:
    """Choose workers and bands that fit and are likely to end first.

    A worker works on the bands of its shard one after the other, and every band costs another
    pass over the shard's input: ``workers / (1 + band_cost · (bands - 1))`` is to be largest,
    each number of workers with the fewest bands with which they fit.

    Parameters
    ----------
    need:
        Predicted memory.
    budget:
        What may be used.
    processors:
        Workers that are asked for.
    shards:
        Number of shards; more workers than shards are of no use.
    max_bands:
        Most pieces that a shard can be cut into.
    band_cost:
        Work that each further band adds, as part of that of a whole shard.

    Raises
    ------
    UserError
        If the smallest piece does not fit; it names the memory that would be enough.
    """
    found = find_plan(
        need,
        budget,
        processors=processors,
        shards=shards,
        max_bands=max_bands,
        band_cost=band_cost,
    )
    if not found.fits:
        enough = format_bytes(found.predicted_peak)
        piece = "one shard" if max_bands == 1 else f"one of {max_bands} bands of a shard"
        raise UserError(
            f"work within {budget}",
            f"one worker on {piece} needs {enough}",
            f"Set {budget.option} to '{enough}' or more, or use a machine with more memory.",
        )
    return found


def find_plan(
    need: Need,
    budget: Budget,
    *,
    processors: int,
    shards: int,
    max_bands: int = 1,
    band_cost: float = 0.1,
) -> Plan:
    """Like :func:`plan_workers`, but where nothing fits the plan of the smallest piece.

    Returns
    -------
    :
        The plan; its ``fits`` says whether it is within the budget.
    """
    if min(processors, shards, max_bands) < 1:
        raise ValueError(f"{processors=}, {shards=}, {max_bands=} must all be at least 1")
    asked = min(processors, shards)
    best: tuple[float, int, int] | None = None
    for workers in range(1, asked + 1):
        bands = _fewest_bands(need, budget.bytes, workers, max_bands)
        if bands is None:
            break
        pace = workers / (1.0 + band_cost * (bands - 1))
        if best is None or pace > best[0]:
            best = (pace, workers, bands)
    _, workers, bands = best or (0.0, 1, max_bands)
    return Plan(workers, bands, need.peak(workers, bands), budget, asked)


def _fewest_bands(need: Need, size: int, workers: int, most: int) -> int | None:
    """Fewest bands with which workers fit, by bisection: the peak falls with the bands."""
    if need.peak(workers, most) > size:
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if need.peak(workers, middle) <= size:
            high = middle
        else:
            low = middle + 1
    return low
