"""Who hears of a model call: the innermost listener of the thread that made it."""

import contextvars
import threading

import pytest
from distillgate.calls import Call, report, scope


def call(name):
    return Call(name, prompt_tokens=10, completion_tokens=3, seconds=0.5, in_flight=1)


def in_a_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join(5)


def test_calls_are_collected_in_order():
    with scope() as calls:
        for name in ("b", "a", "c"):
            report(call(name))
    assert [heard.model for heard in calls] == ["b", "a", "c"]


def test_a_call_that_nobody_listens_for_is_no_error():
    report(call("unheard"))


def test_listening_ends_with_the_block():
    with scope() as calls:
        pass
    report(call("late"))
    assert calls == []


def test_an_inner_listener_takes_the_calls_until_its_block_ends():
    with scope() as outer:
        report(call("before"))
        with scope() as inner:
            report(call("within"))
        report(call("after"))
    assert ([heard.model for heard in outer], [heard.model for heard in inner]) == (["before", "after"], ["within"])


def test_the_outer_listener_hears_again_after_an_error_within():
    with scope() as outer:
        with pytest.raises(ZeroDivisionError), scope():
            raise ZeroDivisionError
        report(call("after"))
    assert outer == [call("after")]


def test_a_call_of_another_thread_is_not_heard():
    with scope() as calls:
        in_a_thread(lambda: report(call("elsewhere")))
    assert calls == []


def test_a_thread_that_listens_takes_nothing_from_this_one():
    listens, heard, elsewhere = threading.Event(), threading.Event(), []

    def other():
        with scope() as calls:
            listens.set()
            heard.wait(5)
        elsewhere.extend(calls)

    thread = threading.Thread(target=other)
    with scope() as here:
        thread.start()
        listens.wait(5)
        report(call("here"))
        heard.set()
        thread.join(5)
    assert (here, elsewhere) == ([call("here")], [])


def test_work_handed_to_a_thread_with_its_context_is_heard():
    with scope() as calls:
        context = contextvars.copy_context()
        in_a_thread(lambda: context.run(report, call("handed over")))
    assert calls == [call("handed over")]
