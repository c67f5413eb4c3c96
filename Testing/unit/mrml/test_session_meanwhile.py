"""What the user does to the scene while a session computes on another thread."""

import threading

import numpy as np
import pytest
from test_live_session import expectedAt, heldBy, refined

from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.mrml.session import RegistrationSession
from FiReworkRegistrationLib.panel.worker import Worker


class TestChangesOfTheSceneMeanwhile:
    """Events come while the worker computes: what the user does then must end the work, not break it."""

    @pytest.fixture
    def events(self):
        return []

    @pytest.fixture
    def worker(self, events):
        def pump():
            while events:
                events.pop(0)()

        worker = Worker(pump, interval=0.002)
        yield worker
        assert worker.stop()

    @pytest.fixture
    def threaded(self, tinyModel, fixed, moving, worker):
        return RegistrationSession(
            fixed, moving, device="cpu", affine="none", execute=worker.run, post=worker.post, precision="fp32"
        )

    def slowly(self, session, events, event):
        """Let ``event`` happen during iteration 3, which waits for it."""
        happened = threading.Event()
        network = session.registration._refiner.network
        original = network.forward

        def forward(*inputs):
            if len(session.iterations) == 3:
                events.append(lambda: (event(), happened.set()))
                assert happened.wait(5)
            return original(*inputs)

        network.forward = forward
        try:
            for iteration in session.refine(5):
                session.show(iteration.index)
        finally:
            network.forward = original

    def test_same_result_as_in_place(self, threaded, session):
        threaded.prepare()
        refined(threaded, 3)
        refined(session, 3)
        np.testing.assert_array_equal(threaded.mapAt(3).displacement, session.mapAt(3).displacement)
        assert threaded.finish(3).volume is not None

    def test_the_engine_works_on_the_worker_and_progress_comes_on_the_main_thread(
        self, tinyModel, fixed, moving, worker
    ):
        threads, told = set(), []

        def execute(function):
            return worker.run(lambda: threads.add(threading.current_thread()) or function())

        session = RegistrationSession(
            fixed, moving, device="cpu", affine="none", execute=execute,
            progress=lambda fraction, message: told.append((fraction, message, threading.current_thread())),
        )  # fmt: skip
        session.prepare()
        refined(session, 2)
        session.finish()
        assert len(threads) == 1 and threading.current_thread() not in threads
        assert {thread for _, _, thread in told} == {threading.current_thread()}
        fractions = [fraction for fraction, _, _ in told]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0
        assert "Resampling to the working grid" in {message for _, message, _ in told}

    @pytest.mark.parametrize("what", ["scene", "fixed", "moving", "transform"])
    def test_removal_ends_with_cancelled_and_nothing_left(self, scene, threaded, events, fixed, moving, what):
        threaded.prepare()

        def remove():
            if what == "scene":
                scene.Clear(0)
            else:
                scene.RemoveNode({"fixed": fixed, "moving": moving}.get(what) or threaded.transformNode)

        with pytest.raises(Cancelled, match="removed from the scene"):
            self.slowly(threaded, events, remove)
        assert scene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == 0
        left = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
        assert left == {"scene": 0, "transform": 2}.get(what, 1)

    def test_closing_the_scene_stops_the_alignment(self, scene, tinyModel, fixed, moving, worker, events):
        class Endless:
            def __init__(self, *volumes, cancelled, **settings):
                events.append(lambda: scene.Clear(0))
                for _ in range(500):
                    if cancelled():
                        raise Cancelled("stopped")
                    threading.Event().wait(0.01)
                raise AssertionError("nobody said stop")

        session = RegistrationSession(fixed, moving, execute=worker.run, registrationClass=Endless)
        with pytest.raises(Cancelled):
            session.prepare()

    def test_the_slider_may_be_dragged_while_refining(self, threaded, events):
        threaded.prepare()
        self.slowly(threaded, events, lambda: threaded.show(1))
        assert threaded.shownIteration == 5
        np.testing.assert_allclose(heldBy(threaded.transformNode), expectedAt(threaded, 5), atol=1e-4)

    def test_nothing_else_heavy_can_start_and_the_run_goes_on(self, threaded, events):
        threaded.prepare()

        def click():
            with pytest.raises(RegistrationError, match="still running"):
                threaded.finish(1)
            with pytest.raises(RegistrationError, match="still running"):
                list(threaded.refine(9))

        self.slowly(threaded, events, click)
        assert [figure.index for figure in threaded.iterations] == [0, 1, 2, 3, 4, 5]
        assert threaded.shownIteration == 5

    def test_an_output_volume_removed_after_finish_is_left_out(self, scene, threaded):
        threaded.prepare()
        refined(threaded)
        outputs = threaded.finish(3)
        scene.RemoveNode(outputs.jacobian)
        again = threaded.finish(2)
        assert again.jacobian is None and again.volume is outputs.volume
        scene.RemoveNode(again.transform)
        with pytest.raises(Cancelled, match="removed"):
            threaded.show(1)
