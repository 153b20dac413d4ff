"""What a test split can detect, before it is paid for."""

from __future__ import annotations

import math

POWER = 0.80
"""The probability with which a loss of that size is detected."""

ALPHA, BETA = 1.959963984540054, 0.8416212335729143
"""Standard normal quantiles of a two-sided test at 5 %, and of `POWER`."""


def items_to_detect(loss: float, differing: float) -> int:
    """Items of a paired test that detects a loss of accuracy (0 to 1) with 80 % probability.

    `differing` is the share of items on which only one of the two programs is right; it is at least the loss. R. J.
    Connor (1987), "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43.
    """
    differing = max(differing, loss)
    error = ALPHA * math.sqrt(differing) + BETA * math.sqrt(max(0.0, differing - loss**2))
    return math.ceil((error / loss) ** 2)


def detectable_loss(items: int, differing: float) -> float:
    """The smallest loss of accuracy (0 to 1) that so many items detect with 80 % probability; 1.0 where none is."""
    low, high = 0.0, 1.0
    if items_to_detect(high, differing) > items:
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if items_to_detect(middle, differing) <= items else (middle, high)
    return high


def items_to_be_sure(bearable: float, differing: float) -> int:
    """Items after which the whole interval lies above a bearable loss (0 to 1), with 80 % probability, where the
    student is as good as the teacher. J.-P. Liu and others (2002), "Tests for equivalence or non-inferiority for paired
    binary data", Statistics in Medicine 21."""
    return math.ceil((ALPHA + BETA) ** 2 * differing / bearable**2)
