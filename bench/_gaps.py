"""Gaps in streams around failures, and what is told of them."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, field

_MARGIN = 20_000_000
"""Nanoseconds before the failure that belong to it."""
_BACK = 50
"""The last packets of a stream, which arrive if the failure was repaired."""


@dataclass
class Sample:
    """One failure. gap: milliseconds; lost: packets; repaired: before the link was back."""

    gap: float
    lost: int
    repaired: bool


@dataclass
class Series:
    """All failures of one kind."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def gaps(self) -> list[float]:
        """Sorted."""
        return sorted(sample.gap for sample in self.samples)

    def share(self) -> float:
        """Of failures that were repaired."""
        return sum(sample.repaired for sample in self.samples) / len(self.samples) if self.samples else math.nan


def judge(sent: dict[int, int], came: dict[int, int], moment: int) -> Sample:
    """What became of a stream. Times in nanoseconds; moment: of the failure."""
    last = max(sent)
    from_ = moment - _MARGIN
    arrivals = sorted(stamp for stamp in came.values() if stamp >= from_)
    repaired = all(number in came for number in range(last - _BACK, last))
    times = [min(arrivals, default=moment), *arrivals] + ([] if repaired else [sent[last]])
    gap = max((b - a for a, b in itertools.pairwise(times)), default=0)
    return Sample(gap / 1e6, sum(number not in came for number, at in sent.items() if at >= from_), repaired)


def quantile(values: list[float], share: float) -> float:
    """Of sorted values, the nearest rank."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def summary(total: dict[str, Series]) -> dict[str, object]:
    """The four figures that are asked for."""
    gaps = sorted(total["alive"].gaps + total["stopped"].gaps)
    return {
        "median_gap_ms": round(statistics.median(gaps), 2),
        "p99_gap_ms": round(quantile(gaps, 0.99), 2),
        "repaired_share": round(total["stopped"].share(), 4),
        "median_gap_ms_without_repair": round(statistics.median(total["alive_without_repair"].gaps), 2),
    }


def totals(total: dict[str, Series]) -> dict[str, object]:
    """The figures of each run, by its name."""
    found: dict[str, object] = {}
    for name, series in total.items():
        found[f"median_gap_ms_{name}"] = round(statistics.median(series.gaps), 2)
        found[f"max_gap_ms_{name}"] = round(series.gaps[-1], 2)
        found[f"lost_{name}"] = sum(sample.lost for sample in series.samples)
        found[f"repaired_share_{name}"] = round(series.share(), 4)
    return found


def silent_summary(total: dict[str, Series], interval: int) -> dict[str, object]:
    """The same of silent failures."""
    stopped = Series([s for name, series in total.items() if name.endswith("stopped") for s in series.samples])
    gaps = sorted(gap for name, series in total.items() if name.startswith("silent") for gap in series.gaps)
    worst = max(sample.lost for name, s in total.items() if name.startswith("silent") for sample in s.samples)
    return {
        "median_gap_ms": round(statistics.median(gaps), 2),
        "p99_gap_ms": round(quantile(gaps, 0.99), 2),
        "repaired_share": round(stopped.share(), 4),
        "worst_lost": worst,
        "bfd_interval_ms": interval,
    }


def line(spec: str, name: str, series: Series) -> str:
    """For people."""
    gaps, lost = series.gaps, sorted(sample.lost for sample in series.samples)
    return (
        f"{spec:42} {name:24} {len(gaps):3} links  gap {statistics.median(gaps):8.2f} ms, worst {gaps[-1]:8.2f}  "
        f"lost {statistics.median(lost):6g}, worst {lost[-1]:5}  repaired {series.share():.2f}"
    )
