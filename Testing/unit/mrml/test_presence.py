from types import SimpleNamespace

import pytest

from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.mrml.heavy_work import HeavyWork
from FiReworkRegistrationLib.mrml.presence import NodesRemoved, Watch, checkStillThere


@pytest.fixture
def pair(fixed, moving):
    return SimpleNamespace(fixedNode=fixed, movingNode=moving, fixedParentID=None)


def test_removal_ends_like_a_cancel_and_says_why_like_an_error():
    assert issubclass(NodesRemoved, Cancelled) and issubclass(NodesRemoved, RegistrationError)


def test_watch_sees_needed_nodes_go(scene, tools, fixed, moving):
    other = tools.addLinear("other", tools.rotation(5, 0))
    with Watch(scene, lambda: [fixed, moving]) as watch:
        scene.RemoveNode(other)
        assert not watch.gone
        scene.RemoveNode(moving)
        assert watch.gone


def test_watch_sees_the_scene_closed(scene, fixed):
    with Watch(scene, lambda: [fixed]) as watch:
        scene.Clear(0)
    assert watch.gone


def test_watch_leaves_no_observer(scene, fixed, moving):
    with Watch(scene, lambda: [fixed]) as watch:
        pass
    scene.RemoveNode(fixed)
    assert not watch.gone


def test_parent_of_the_fixed_volume_is_needed_too(scene, tools, pair, fixed):
    parent = tools.addLinear("of fixed", tools.rotation(5, 0))
    pair.fixedParentID = parent.GetID()
    checkStillThere(pair, [None], scene)
    scene.RemoveNode(parent)
    with pytest.raises(NodesRemoved, match="parent transform was removed"):
        checkStillThere(pair, [], scene)


class TestHeavyWork:
    @pytest.fixture
    def flag(self):
        return SimpleNamespace(value=False)

    @pytest.fixture
    def work(self, scene, pair, flag):
        return HeavyWork(
            None,
            lambda: flag.value,
            lambda: checkStillThere(pair, [], scene),
            lambda: [pair.fixedNode, pair.movingNode],
        )

    def test_runs_and_asks_the_flag(self, scene, work, flag):
        assert work.run(lambda: (work.running, work.stopped()), scene) == (True, False)
        flag.value = True
        assert work.stopped() and not work.running

    def test_asks_to_stop_and_refuses_the_result_when_a_node_went(self, scene, work, moving):
        asked = []

        def removes():
            scene.RemoveNode(moving)
            asked.append(work.stopped())

        with pytest.raises(NodesRemoved):
            work.run(removes, scene)
        assert asked == [True] and not work.running
        with pytest.raises(NodesRemoved):
            work.run(asked.clear, scene)
        assert asked

    def test_is_over_after_an_error(self, scene, work):
        def fails():
            raise MemoryError

        with pytest.raises(MemoryError):
            work.run(fails, scene)
        assert not work.running
