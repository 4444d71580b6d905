"""What all steps of a run will hold in memory, told and judged before the first one starts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget
from ewaldite.run.plan import Need, Plan, find_plan
from ewaldite.run.sizes import format_bytes


@dataclass(frozen=True)
class StepNeed:
    """Memory that a step is predicted to need.

    Attributes
    ----------
    step:
        Its name.
    need:
        Predicted memory.
    shards:
        Pieces that workers share; a step that does not work on shards has one.
    max_bands:
        Most bands that a shard can be cut into.
    band_cost:
        Work that each further band adds, as part of that of a whole shard.
    remedy:
        What the user can do where it does not fit, besides giving more memory: a sentence
        without its full stop, as "Choose a larger [map] d_min".
    """

    step: str
    need: Need
    shards: int = 1
    max_bands: int = 1
    band_cost: float = 0.1
    remedy: str = ""


@dataclass(frozen=True)
class StepPlan:
    """How a step will be done.

    Attributes
    ----------
    needed:
        What it needs.
    plan:
        Workers, bands and predicted peak.
    """

    needed: StepNeed
    plan: Plan

    def __str__(self) -> str:
        return self.line(9)

    def line(self, width: int) -> str:
        """Say it, with so much room for the name of the step."""
        peak = format_bytes(self.plan.predicted_peak)
        fits = "" if self.plan.fits else ", which does not fit"
        return f"{self.needed.step:<{width}} {peak:>7}, {self.plan.layout}{fits}"


@dataclass(frozen=True)
class Forecast:
    """Plans of the steps that will be done, in their order.

    Attributes
    ----------
    steps:
        The plans.
    budget:
        What they were made under.
    """

    steps: tuple[StepPlan, ...]
    budget: Budget

    @property
    def peak(self) -> int:
        """Largest predicted peak of resident memory, bytes; 0 without steps."""
        return max((step.plan.predicted_peak for step in self.steps), default=0)

    def __getitem__(self, step: str) -> Plan:
        """Plan of a step."""
        return next(found.plan for found in self.steps if found.needed.step == step)

    def lines(self) -> list[str]:
        """Say the plan: a line for every step, and one for all."""
        if not self.steps:
            return []
        peak = format_bytes(self.peak)
        width = max(9, *(len(step.needed.step) for step in self.steps))
        return [
            *(step.line(width) for step in self.steps),
            f"predicted peak {peak} of a budget of {self.budget}",
        ]

    def announce(self, log: logging.Logger) -> None:
        """Say the plan, then refuse what does not fit, as :meth:`check` does."""
        for line in self.lines():
            log.info("plan: %s", line)
        self.check()

    def check(self) -> None:
        """Refuse what does not fit, before any work is done.

        Raises
        ------
        UserError
            It names the step that needs most, how much, and what to do.
        """
        over = [step for step in self.steps if not step.plan.fits]
        if not over:
            return
        worst = max(over, key=lambda step: step.plan.predicted_peak)
        enough = format_bytes(worst.plan.predicted_peak)
        other = worst.needed.remedy
        other = f", or {other[0].lower()}{other[1:]}" if other else ""
        raise UserError(
            f"work within {self.budget}",
            f"the step '{worst.needed.step}' needs {enough}",
            f"Set {self.budget.option} to '{enough}' or more{other}.",
        )


def forecast(needs: Sequence[StepNeed], budget: Budget, *, processors: int) -> Forecast:
    """Plan all steps under a budget.

    Each step is planned on its own (:func:`~ewaldite.run.plan.find_plan`): one runs at a time.

    Parameters
    ----------
    needs:
        Of the steps that will be done, in their order.
    budget:
        What may be used.
    processors:
        Workers that are asked for.

    Returns
    -------
    :
        The plans, whether they fit or not; see :meth:`Forecast.check`.
    """
    plans = [
        find_plan(
            needed.need,
            budget,
            processors=processors,
            shards=max(needed.shards, 1),
            max_bands=needed.max_bands,
            band_cost=needed.band_cost,
        )
        for needed in needs
    ]
    made = tuple(StepPlan(n, p) for n, p in zip(needs, plans, strict=True))
    return Forecast(made, budget)
