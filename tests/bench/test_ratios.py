#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The interval of a median, against tables of order statistics."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows"))
sys.dont_write_bytecode = True

from ratios import interval, median, pair_row  # noqa: E402


class Ratios(unittest.TestCase):
    def test_median_of_odd_and_even_counts(self):
        self.assertEqual(median([3, 1, 2]), 2)
        self.assertEqual(median([4, 1, 3, 2]), 2.5)

    def test_few_values_give_the_whole_range(self):
        self.assertEqual(interval([5, 1, 3, 2, 4]), (1, 5))

    def test_interval_is_that_of_the_tables(self):
        # n: which value from each end, for at least 95 % (binomial, p = 1/2).
        for count, rank in ((6, 1), (9, 2), (12, 3), (20, 6), (50, 18), (100, 40), (200, 86)):
            values = list(range(1, count + 1))
            self.assertEqual(interval(values), (rank, count + 1 - rank), count)

    def test_a_pair_without_reference_does_not_count(self):
        row = pair_row("ours", [(8, 10), (9, 10), (1, 0), (7, 10)], "theirs")
        self.assertEqual((row["rounds"], row["ratio"], row["goodput_gbps"]), (3, 0.8, 8))

    def test_a_reference_that_moved_nothing_is_an_error(self):
        self.assertRaises(ValueError, pair_row, "ours", [(1, 0)], "theirs")


if __name__ == "__main__":
    unittest.main()
