"""What the soak excuses and what it does not: run by deploy/test."""

import contextlib
import io
import random
import time
import unittest

import growth
from growth import Sample
from ledger import AFTERMATH, Ledger
from starvation import Lost, Spans, Thread


class StallTests(unittest.TestCase):
    def look(self, *looks):
        """Since when a thread is held at the last of these looks, which are 0.1 s apart."""
        thread = Thread(0)
        for number, (state, sleeps, ran, waited) in enumerate(looks):
            since = thread.look(number / 10, state, sleeps, ran, waited)
        return since

    def test_a_thread_that_waits_for_an_event_or_a_lock_is_not_held(self):
        self.assertIsNone(self.look(*[("S", 5, 1.0, 0.2)] * 100))

    def test_a_thread_that_works_without_an_end_is_not_held(self):
        self.assertIsNone(self.look(*[("R", 5, number * 0.09, number * 0.01) for number in range(100)]))

    def test_a_thread_that_is_stopped_or_waits_for_a_disk_is_held(self):
        for state in "TD":
            self.assertEqual(self.look(*[("S", 5, 1.0, 0.2)] * 3, *[(state, 6, 1.0, 0.2)] * 10), 0.3)

    def test_a_thread_that_gets_no_processor_is_held(self):
        self.assertIsNotNone(self.look(*[("R", 5, 1.0, 0.2)] * 10))

    def test_a_thread_that_waits_for_a_processor_half_of_the_time_is_held(self):
        self.assertIsNone(self.look(*[("S", number, number * 0.01, number * 0.04) for number in range(100)]))
        self.assertIsNotNone(self.look(*[("S", number, number * 0.01, number * 0.06) for number in range(100)]))

    def test_what_was_lost_long_ago_does_not_count(self):
        lost = Lost()
        lost.is_much(0, 0.0)
        self.assertIsNotNone(lost.is_much(1, 1.5))
        self.assertIsNotNone(lost.is_much(2, 1.5))
        self.assertIsNone(lost.is_much(4, 1.5))

    def test_spans_are_counted_once(self):
        spans = Spans()
        for since, until in ((1, 2), (3, 4), (2.5, 5), (10, 11)):
            spans.add(since, until)
        self.assertEqual(spans.total(), 4.5)
        self.assertEqual(spans.total(since=10.5), 0.5)
        self.assertEqual(spans.total(before=1, after=1), 9)
        self.assertTrue(spans.overlap(4, 6))
        self.assertFalse(spans.overlap(6, 9))


class LedgerTests(unittest.TestCase):
    def judge(self, stall):
        """The faults and the excuses after something that a stall explains if it came up to twelve seconds before."""
        ledger, now = Ledger(), time.monotonic()
        ledger.started = now - 100
        ledger.starvation.add(ledger.starvation.gateway, now - stall, now - stall + 0.5)
        with contextlib.redirect_stdout(io.StringIO()):
            ledger.suspect("not served", "status 502", AFTERMATH)
            ledger.judge()
            self.assertFalse(ledger.faults or ledger.excused)
            ledger.judge(is_over=True)
        return ledger.faults.total(), ledger.excused.total()

    def test_a_stall_shortly_before_excuses(self):
        self.assertEqual(self.judge(5), (0, 1))

    def test_no_other_stall_excuses(self):
        self.assertEqual(self.judge(30), (1, 0))


class GrowthTests(unittest.TestCase):
    def measure(self, leak, minutes=5, rate=150):
        """Memory that fills up within two minutes, and is 10 MiB larger in every fourth second; `leak`: bytes a request."""
        chance = random.Random(leak)
        return growth.measure([
            Sample(second, 80 + 8 * min(second, 120) / 120 + chance.random() * 2 + (second % 4 == 0) * 10
                   + leak * rate * second / (1 << 20), rate * second) for second in range(minutes * 60)])

    def test_noise_is_no_leak(self):
        self.assertFalse(self.measure(0).is_leak(8))

    def test_a_kibibyte_lost_by_each_request_is_a_leak(self):
        self.assertTrue(self.measure(1024).is_leak(8))

    def test_it_says_how_small_a_leak_it_finds(self):
        least = self.measure(0).least_leak(8)
        self.assertTrue(self.measure(least * 1.3).is_leak(8))
        self.assertFalse(self.measure(least * 0.5).is_leak(8))

    def test_a_short_run_says_nothing(self):
        self.assertIsNone(growth.measure([Sample(second, 80, second) for second in range(20)]))


if __name__ == "__main__":
    unittest.main()
