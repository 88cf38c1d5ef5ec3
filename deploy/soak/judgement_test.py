"""What the soak excuses and what it does not: run by deploy/test."""

import contextlib
import io
import random
import time
import unittest

import growth
from growth import Sample
from ledger import AFTERMATH, Ledger
from starvation import LONG, SHORT, Spans, Thread, Timers, total


class StallTests(unittest.TestCase):
    def look(self, *looks):
        """A thread after these looks, which are 0.1 s apart."""
        thread = Thread()
        for number, (state, sleeps, ran, waited) in enumerate(looks):
            thread.look(number / 10, state, sleeps, ran, waited)
        return thread

    def late(self, stall, *delays):
        timers, now = Timers(), 0
        for delay in delays:
            due = now + 0.1
            now = due + delay
            timers.look(now, due)
        return timers.since(stall) is not None

    def test_a_thread_that_waits_for_an_event_or_a_lock_is_not_held(self):
        self.assertIsNone(self.look(*[("S", 5, 1.0, 0.2)] * 100).since(SHORT))

    def test_a_thread_that_works_without_an_end_is_not_held(self):
        self.assertIsNone(self.look(*[("R", 5, number * 0.09, number * 0.01) for number in range(100)]).since(SHORT))

    def test_a_thread_that_is_stopped_or_waits_for_a_disk_is_held(self):
        for state in "TD":
            thread = self.look(*[("S", 5, 1.0, 0.2)] * 3, *[(state, 6, 1.0, 0.2)] * 10)
            self.assertEqual((thread.since(SHORT), thread.since(LONG)), (0.3, None))
            thread = self.look(*[("S", 5, 1.0, 0.2)] * 3, *[(state, 6, 1.0, 0.2)] * 12)
            self.assertEqual((thread.since(SHORT), thread.since(LONG)), (0.3, 0.3))

    def test_a_thread_that_gets_no_processor_is_held(self):
        self.assertEqual(self.look(*[("R", 5, 1.0, 0.2)] * 10).since(SHORT), 0)

    def test_a_thread_that_often_waits_for_a_processor_is_held(self):
        for share, expected in ((0.4, (False, False)), (0.6, (True, False)), (0.8, (True, True))):
            thread = self.look(*[("S", number, number * 0.01, number * 0.1 * share) for number in range(100)])
            self.assertEqual(tuple(thread.since(stall) is not None for stall in (SHORT, LONG)), expected)

    def test_timers_are_late_at_once_or_little_by_little(self):
        self.assertTrue(self.late(SHORT, 0, 0, 0.6))
        self.assertFalse(self.late(LONG, 0, 0, 0.6))
        self.assertFalse(self.late(SHORT, 0, 0, 0.4))
        self.assertTrue(self.late(SHORT, *[0.12] * 40))
        self.assertFalse(self.late(LONG, *[0.12] * 40))
        self.assertFalse(self.late(SHORT, *[0.12] * 40, *[0] * 20))

    def test_stalls_less_than_a_second_apart_are_one(self):
        spans = Spans()
        for since, until in ((1, 2), (4, 5), (3.5, 4.5), (5.5, 6), (10, 11)):
            spans.add(since, until)
        self.assertEqual(total(spans.spans), 4.5)
        self.assertEqual(total(spans.spans, since=10.5), 0.5)
        self.assertEqual(total([(1, 4), (2, 3), (3.5, 5)]), 4)

    def test_only_a_lasting_stall_has_consequences_after_some_seconds(self):
        for length, ago, expected in ((1, 2, True), (1, 5, False), (3, 5, True), (3, 13, False)):
            spans = Spans()
            spans.add(100, 100 + length)
            self.assertEqual(spans.explains(100 + length + ago, AFTERMATH), expected)
            self.assertTrue(spans.explains(99, AFTERMATH))


class LedgerTests(unittest.TestCase):
    def judge(self, ago, stall=LONG):
        """The faults and the excuses after something that a long stall explains if it came up to twelve seconds before."""
        ledger, now = Ledger(), time.monotonic()
        ledger.started = now - 100
        ledger.starvation.add(ledger.starvation.gateway, stall, now - ago, now - ago + 3)
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
        self.assertEqual(self.judge(5, SHORT), (1, 0))


class GrowthTests(unittest.TestCase):
    def measure(self, leak, minutes=5, rate=150, database=0.0):
        """Memory that fills up within two minutes, and is 10 MiB larger in every fourth second.

        `leak`: bytes a request. `database`: of how many MiB a minute there are five more in memory.
        """
        chance = random.Random(leak)
        return growth.measure([
            Sample(second, 80 + 8 * min(second, 120) / 120 + chance.random() * 2 + (second % 4 == 0) * 10
                   + leak * rate * second / (1 << 20) + database * second / 60 * 5, database * second / 60, rate * second)
            for second in range(minutes * 60)])

    def test_noise_is_no_leak(self):
        self.assertFalse(self.measure(0).is_leak(8))

    def test_a_database_that_grows_is_no_leak(self):
        self.assertFalse(self.measure(0, minutes=30, database=0.3).is_leak(8))

    def test_a_kibibyte_lost_by_each_request_is_a_leak(self):
        self.assertTrue(self.measure(1024).is_leak(8))
        self.assertTrue(self.measure(1024, database=0.05).is_leak(8))

    def test_it_says_how_small_a_leak_it_finds(self):
        least = self.measure(0).least_leak(8)
        self.assertTrue(self.measure(least * 1.3).is_leak(8))
        self.assertFalse(self.measure(least * 0.5).is_leak(8))

    def test_a_short_run_says_nothing(self):
        self.assertIsNone(growth.measure([Sample(second, 80, 0, second) for second in range(20)]))


if __name__ == "__main__":
    unittest.main()
