"""Turns: one after the other, but nobody waits for ever."""

from __future__ import annotations

import threading

from tracking.turns import Turns


def test_a_second_turn_waits_for_the_first():
    turns, entered, leave = Turns(), threading.Event(), threading.Event()
    order = []

    def first():
        with turns.turn(1):
            entered.set()
            leave.wait(10)
            order.append("first")

    def second():
        with turns.turn(10):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    assert threads[1].is_alive()
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]


def test_patience_runs_out_and_the_turn_is_taken_all_the_same():
    turns = Turns()
    with turns.turn(1):
        with turns.turn(0.01):
            pass
        # The impatient one has not given away what was not its own.
        with turns.turn(0.01):
            pass
    with turns.turn(0):
        pass
