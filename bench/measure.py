"""Interleaved rounds, ratios with their spread, and the figures that a report is made of."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec

Sense = Literal[">=", "<="]


class Options(msgspec.Struct, frozen=True):
    """quick: one tiny round, to see that everything runs; its figures mean nothing."""

    quick: bool = False
    rounds: int = 5

    def seconds(self, full: float) -> float:
        return 0.3 if self.quick else full

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full


class Figure(msgspec.Struct, frozen=True):
    """A number with its least and greatest value over the rounds; target None: told beside the others."""

    name: str
    value: float
    unit: str = "x"
    low: float | None = None
    high: float | None = None
    sense: Sense | None = None
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.sense == ">=" else self.value <= self.target


class Run(msgspec.Struct, frozen=True):
    """One variant for a moment: operations a second, and seconds that each took (sorted)."""

    rate: float
    latencies: list[float]
    extra: dict[str, float] = {}

    def at(self, share: float) -> float:
        """Quantile of the latencies in milliseconds."""
        return quantile(self.latencies, share) * 1000


Variant = Callable[[], Awaitable[Run]]
Rounds = Mapping[str, Sequence[Run]]


class NotRight(Exception):
    """What was written differs from what should be there: the run does not count."""


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def interleaved(
    variants: Mapping[str, Variant], rounds: int, after_round: Callable[[], Awaitable[None]]
) -> dict[str, list[Run]]:
    """Every variant once a round, in turn forwards and backwards (ABBA), so that drift hits them alike."""
    results: dict[str, list[Run]] = {name: [] for name in variants}
    for number in range(rounds):
        order = list(variants) if number % 2 == 0 else list(variants)[::-1]
        for name in order:
            results[name].append(await variants[name]())
        await after_round()
    return results


def ratio(
    name: str, upper: Sequence[float], lower: Sequence[float], target: float, sense: Sense = ">=", note: str = ""
) -> Figure:
    """Median of the ratios of each round."""
    ratios = [a / b for a, b in zip(upper, lower, strict=True)]
    return Figure(name, statistics.median(ratios), "x", min(ratios), max(ratios), sense, target, note)


def rates(runs: Sequence[Run]) -> list[float]:
    return [run.rate for run in runs]


def rate_figure(name: str, runs: Sequence[Run], note: str = "") -> Figure:
    found = rates(runs)
    return Figure(name, statistics.median(found), "/s", min(found), max(found), note=note)


def latency_figures(name: str, runs: Sequence[Run]) -> list[Figure]:
    """p50 and p99 in milliseconds, medians over the rounds."""
    figures = []
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        found = [run.at(share) for run in runs]
        figures.append(Figure(f"{name}_{label}", statistics.median(found), "ms", min(found), max(found)))
    return figures


def extra_figure(name: str, runs: Sequence[Run], key: str, unit: str) -> Figure:
    found = [run.extra[key] for run in runs]
    return Figure(name, statistics.median(found), unit, min(found), max(found))
