"""Cost of scaling, as ratios to mdx2, in one run.

    python benchmarks/diffuse_scaling.py --repeats 5
    python benchmarks/diffuse_scaling.py --millions 30 --terms abcd

Simulates observations of three crystals under smooth scale factors and scales them in processes
of their own on one thread. Prints CPU seconds from the table of observations to the result
(mapping into the asymmetric unit, sorting, refinement, rejection, residuals), after imports and
with compiled kernels; and the peak of resident memory, also less what was resident before
scaling: libraries and what simulation left. The table is given in parts that are simulated when
they are asked for, as the steps of a run give what they read; CPU seconds leave that out, peak
memory counts it.

mdx2 1.0.5 took 3.3 s for b, 17.9 s and 946 MB for a, b, c, d (1,000,000 observations of 120,000
voxels, one core); give --reference with your own figures where it is installed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 1200
REFERENCE = {"b": 3.3, "abcd": 17.9}
MEGABYTES = 946.0
BLOCK = 1_000_000
# What the steps of a run read at a time
PART = 65_536


def observations(n: int, voxels: int, block: int) -> Any:
    """One part of the table: Poisson counts, some 60 an observation."""
    from ewaldite.diffuse.observations import Observations
    from ewaldite.model.grid import Grid

    world, rng = np.random.default_rng(1), np.random.default_rng([2, block])
    side = int(np.ceil((2 * voxels) ** (1 / 3))) + 1
    place = world.permutation(side**3 // 2)[:voxels]
    index = np.stack(
        [place // side**2 + 1, place // side % side - side // 2, place % side - side // 2], -1
    )
    radius = np.linalg.norm(index, axis=1)
    length = 0.8 * radius / radius.max()
    true = 1.5 * np.exp(-(((length - 0.3) / 0.15) ** 2)) + 0.5
    true *= np.exp(0.5 * world.normal(size=voxels))
    voxel, sweep = rng.integers(0, voxels, n), rng.integers(0, 3, n).astype(np.int32)
    ix, iy = rng.uniform(0, 2462, n), rng.uniform(0, 2526, n)
    iz = rng.uniform(-0.5, FRAMES - 0.5, n)
    turn, x, y = 2 * np.pi * iz / FRAMES, ix / 1231 - 1, iy / 1263 - 1
    s = length[voxel]
    b = np.array([1.0, 0.6, 1.8])[sweep] * np.exp(-0.08 * turn * (1 + sweep))
    b *= 1 + 0.1 * np.sin(2 * turn + sweep)
    a = np.exp(0.12 * x * np.cos(turn + sweep) + 0.1 * y * np.sin(turn + sweep))
    c = (0.3 * np.exp(-(((s - 0.25) / 0.06) ** 2)) + 0.1) * (1 + 0.5 * np.cos(turn + 2 * sweep))
    panel = (np.floor(ix / 494).clip(0, 4) + 5 * np.floor(iy / 212).clip(0, 11)).astype(
        np.int32
    )
    d = np.exp(0.04 * world.normal(size=60))[panel]
    exposure = 40 * rng.gamma(8, 1 / 8, n)
    background = 0.3 * exposure
    lab = np.zeros((n, 3))
    lab[:, 0] = s
    return Observations(
        grid=Grid((1, 1, 1)),
        index=index[voxel].astype(np.int64),
        counts=rng.poisson(exposure * a * d * (b * true[voxel] + c) + background).astype(float),
        pixels=np.full(n, 20.0),
        exposure=exposure,
        background=background,
        background_variance=np.zeros(n),
        fraction=np.ones(n),
        s=lab,
        ix=ix,
        iy=iy,
        iz=iz,
        panel=panel,
        wedge=np.zeros(n, np.int32),
        sweep=sweep,
    )


def parts(millions: int, voxels: int) -> Iterator[Any]:
    """The table in parts: of a million, whose world is costly to make, where there are many."""
    size = BLOCK if millions > 1 else PART
    for block, start in enumerate(range(0, millions * BLOCK, size)):
        yield observations(min(size, millions * BLOCK - start), voxels, block)


def job(millions: int, terms: str) -> dict[str, float]:
    """Scale once; figures."""
    import resource
    import time

    from ewaldite.crystal.symmetry import space_group
    from ewaldite.diffuse.scaling.options import ScaleOptions
    from ewaldite.diffuse.scaling.scale import scale

    options = ScaleOptions.model_validate({"terms": tuple(terms)})
    simulated = 0.0

    def run(table: Any) -> Any:
        return scale(
            table,
            space_group("P 1"),
            degrees_per_frame=0.1,
            options=options,
            rng=np.random.default_rng(0),
        )

    def clocked() -> Iterator[Any]:
        nonlocal simulated
        source = parts(millions, 120_000 * millions)
        while True:
            start = time.process_time()
            block = next(source, None)
            simulated += time.process_time() - start
            if block is None:
                return
            yield block

    run(observations(20_000, 2_400, 0))  # loads or compiles the kernels
    table = clocked()
    before = resident()
    start = time.process_time()
    result = run(table)
    seconds = time.process_time() - start - simulated
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    points = sum(p.values.size for found in result.model.terms.values() for p in found)
    return {
        "cpu": seconds,
        "extra": peak - before,
        "peak": peak,
        "points": float(points),
        "iterations": float(len(result.history)),
        "chi2": result.chi2,
    }


def resident() -> float:
    """Resident memory now, MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
    return float(line.split()[1]) / 1024


def measured(millions: int, terms: str) -> dict[str, float]:
    """Run one job in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--job", "--millions", str(millions), "--terms", terms],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):8.2f}  ({min(values):.2f} – {max(values):.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--millions", type=int, default=1)
    parser.add_argument("--terms", default="b,abcd", help="jobs, separated by commas")
    parser.add_argument("--reference", nargs=3, type=float, help="s for b, s for abcd, MB")
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(job(arguments.millions, arguments.terms)))
        return
    reference, megabytes = dict(REFERENCE), MEGABYTES
    if arguments.reference:
        reference["b"], reference["abcd"], megabytes = arguments.reference
    machine = platform.processor() or platform.machine()
    print(f"{arguments.millions},000,000 observations, {arguments.repeats} repeats, {machine}")
    for terms in arguments.terms.split(","):
        rows = [measured(arguments.millions, terms) for _ in range(arguments.repeats)]
        print(f"{terms}: {rows[0]['points']:.0f} control points")
        print(f"  CPU s                  {spread([r['cpu'] for r in rows])}")
        print(f"  MB more than at start   {spread([r['extra'] for r in rows])}")
        print(f"  MB in all              {spread([r['peak'] for r in rows])}")
        print(f"  iterations, chi2       {rows[0]['iterations']:.0f}, {rows[0]['chi2']:.3f}")
        if arguments.millions == 1 and terms in reference:
            ratios = [reference[terms] / r["cpu"] for r in rows]
            print(f"  reference / CPU        {spread(ratios)}")
        if arguments.millions == 1 and terms == "abcd":
            print(f"  reference / MB         {spread([megabytes / r['extra'] for r in rows])}")


if __name__ == "__main__":
    main()
