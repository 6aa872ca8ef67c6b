# SPDX-License-Identifier: BSD-3-Clause
"""Ratios: the median of paired measurements and how far it can be trusted."""
import math


def median(values):
    """The middle one, or the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def at_most(count, most):
    """The chance that so many fair coins show heads at most so often."""
    return sum(math.comb(count, k) for k in range(most + 1)) / 2 ** count


def interval(values, confidence=0.95):
    """
    The interval that holds the true median with this confidence, whatever the distribution is:
    the r-th smallest and the r-th largest value, r as large as the binomial distribution allows.
    Fewer than six values cannot give 95 %: then the smallest and the largest.
    """
    ordered = sorted(values)
    left_out = 0
    while 2 * at_most(len(ordered), left_out) <= 1 - confidence:
        left_out += 1
    first = max(left_out - 1, 0)
    return ordered[first], ordered[len(ordered) - 1 - first]


def pair_row(name, pairs, reference, **more):
    """A row of the result: pairs are (ours, reference) in Gb/s, each measured side by side."""
    usable = [(ours, theirs) for ours, theirs in pairs if theirs > 0]
    if not usable:
        raise ValueError(f"{reference} moved nothing")
    ratios = [ours / theirs for ours, theirs in usable]
    low, high = interval(ratios)
    return {
        "name": name,
        "goodput_gbps": round(median([ours for ours, _ in usable]), 3),
        "reference": reference,
        "reference_gbps": round(median([theirs for _, theirs in usable]), 3),
        "ratio": round(median(ratios), 4),
        "ratio_low": round(low, 4),
        "ratio_high": round(high, 4),
        "rounds": len(usable),
        **more,
    }
