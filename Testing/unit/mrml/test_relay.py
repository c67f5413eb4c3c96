import threading

import pytest

from FiReworkRegistrationLib.mrml.relay import Relay


@pytest.fixture
def seen():
    return []


@pytest.fixture
def remember(seen):
    return lambda *arguments: seen.append((arguments, threading.current_thread()))


def onAnotherThread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_calls_at_once_on_its_own_thread(seen, remember):
    Relay(remember)(1, "a")
    assert seen == [((1, "a"), threading.current_thread())]


def test_holds_calls_of_other_threads_back(seen, remember):
    relay = Relay(remember)
    onAnotherThread(lambda: (relay(1), relay(2)))
    assert seen == []
    relay(3)
    assert seen == [((number,), threading.current_thread()) for number in (1, 2, 3)]


def test_deliver(seen, remember):
    relay = Relay(remember)
    onAnotherThread(lambda: relay(1))
    relay.deliver()
    relay.deliver()
    assert len(seen) == 1


def test_hands_them_to_post_where_there_is_one(seen, remember):
    posted = []
    relay = Relay(remember, posted.append)
    onAnotherThread(lambda: relay(1))
    assert seen == [] and len(posted) == 1
    posted[0]()
    assert seen == [((1,), threading.current_thread())]
