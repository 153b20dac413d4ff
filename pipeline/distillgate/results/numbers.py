"""Every number a person reads is written here, so that it reads the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable

NONE = "-"
"""Stands for a number that there is none of."""

NO_CHANGE = "="
"""Stands for a difference of nothing."""


def percent(share: float, decimals: int = 1) -> str:
    """A share from 0 to 1: `97.5 %`."""
    return NONE if math.isnan(share) else f"{100 * share:.{decimals}f} %"


def seconds(value: float) -> str:
    """A duration: `420 µs`, `42 ms`, `1.52 s`, `1.7 min`, `12 min`, `2.5 h`."""
    if math.isnan(value):
        return NONE
    if value < 0.9995e-3:
        return f"{value * 1e6:.0f} µs"
    if value < 0.9995:
        return f"{value * 1e3:.0f} ms"
    if value < 99.5:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.0f} s"
    if value < 5970:
        return f"{value / 60:.1f} min" if value < 597 else f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def milliseconds(value: float) -> str:
    """A duration with two decimals, for what is compared closely: `1.83 ms`."""
    return NONE if math.isnan(value) else f"{value * 1e3:,.2f} ms"


def dollars(value: float) -> str:
    """US dollars: `$2.25`, `$0.27`, with four decimals below ten cents: `$0.0041`, and `<$0.0001` below those.

    A loss has its sign in front: `-$0.27`.
    """
    if math.isnan(value):
        return NONE
    if value < 0:
        return f"-{dollars(-value)}"
    if 0 < value < 0.00005:
        return "<$0.0001"
    return f"${value:,.2f}" if value == 0 or value >= 0.095 else f"${value:.4f}"


def amount(text: str) -> float:
    """US dollars that a person gives, for argparse.

    Raises:
        ValueError: it is no number above 0.
    """
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(f"{text} must be above 0, in US dollars")
    return value


def megabytes(size: float) -> str:
    """Bytes, in millions: `4.9 MB`, and with two decimals below one: `0.07 MB`."""
    return f"{size / 1e6:.1f} MB" if size >= 0.995e6 else f"{size / 1e6:.2f} MB"


def ratio(value: float) -> str:
    """A factor: `8.3×`, `0.21×`."""
    if math.isnan(value):
        return NONE
    return f"{value:.1f}×" if value >= 0.995 else f"{value:.2f}×"


def points(difference: float) -> str:
    """A signed difference of two shares, in percentage points: `+1.3 pp`."""
    return NONE if math.isnan(difference) else f"{100 * difference:+z.1f} pp"


def signed(difference: float, render: Callable[[float], str]) -> str:
    """A difference as `render` writes its size, with its sign: `+0.12 s`; `=` where there is none."""
    if math.isnan(difference):
        return NONE
    size = render(abs(difference))
    return NO_CHANGE if difference == 0 else f"{'+' if difference > 0 else '-'}{size}"


def decimal(value: float, decimals: int = 2) -> str:
    """A plain score: `0.82`."""
    return NONE if math.isnan(value) else f"{value:.{decimals}f}"


def count(number: float) -> str:
    """How many there are of something: `240`, `12,345`; nothing where they never end."""
    return f"{number:,.0f}" if math.isfinite(number) else NONE


def magnitude(number: float) -> str:
    """A count where there is little room: `950`, `12 k`, `1.2 M`."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def probability(value: float) -> str:
    """A p-value, with two digits that count: `0.0021`, `0.38`, `1`, and `<0.0001` below that."""
    if math.isnan(value):
        return NONE
    return f"{value:.2g}" if value >= 0.0001 else "<0.0001"


def span(limits: tuple[float, float], render: Callable[[float], str] = percent) -> str:
    """An interval, each end as `render` writes it: `84.1 % to 92.6 %`."""
    return NONE if any(map(math.isnan, limits)) else f"{render(limits[0])} to {render(limits[1])}"


def share(value: float) -> str:
    """A bound on a share, as short as it is exact: `90 %`, `92.5 %`."""
    return f"{100 * value:.6g} %"


def times(value: float) -> str:
    """A bound on a ratio, as short as it is exact: `5×`, `0.25×`."""
    return f"{value:.6g}×"
