"""A GPU that is missing, fails, or has too little memory, and a computer that has."""

import gc
import weakref

import pytest
from test_panel_register import at_iteration, outputs


def test_a_device_that_is_missing_is_said_in_words(open_panel, volume, app):
    volume("Template"), volume("Patient")
    panel = open_panel()  # over the real engine
    panel.logic.getParameterNode().device = "cuda:7"
    panel.ui.registerButton.click()
    assert len(app.errors) == 1
    assert "choose 'auto' or 'cpu'" in app.errors[0]
    assert outputs(panel) == [None] * 3


@pytest.fixture
def gpu(monkeypatch):
    """The automatic choice of the device finds a GPU."""
    import torch

    from FiReworkRegistrationLib.engine import device

    monkeypatch.setattr(device, "choose_device", lambda name: torch.device("cuda" if name == "auto" else name))


def test_a_gpu_without_memory_is_no_end(ready, engine, gpu):
    class OutOfMemoryError(RuntimeError):
        pass

    engine.errors["refine"] = OutOfMemoryError("CUDA out of memory")
    ready.ui.registerButton.click()
    assert None not in outputs(ready)
    assert engine.last.settings["spacing"] > 0
    assert "ran out of memory: registered on a grid of" in ready.ui.verdictLabel.text


def test_without_memory_twice_the_spacing_is_tried_up_to_8_mm(ready, gpu):
    attempts = [
        [settings.get("spacing") for _meant, _notice, settings in ready.runner._attempts({"spacing": mm})]
        for mm in (4.0, 5.0)
    ]
    assert [spacings[1] for spacings in attempts] == [8.0, 5.0]


def test_a_gpu_that_does_not_work_gives_way_to_the_cpu(ready, engine, gpu):
    engine.errors["refine"] = RuntimeError("CUDA error: no kernel image is available for execution on the device")
    ready.ui.registerButton.click()
    assert None not in outputs(ready)
    assert engine.last.settings["device"] == "cpu" and engine.last.settings["spacing"] is None
    assert "The GPU could not be used (CUDA error: no kernel" in ready.ui.verdictLabel.text


def test_a_gpu_that_was_asked_for_does_not_give_way(ready, engine, gpu, app, choose):
    ready._parameterNode.device = "cuda:0"
    engine.errors["refine"] = RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED")
    ready.ui.registerButton.click()
    assert outputs(ready) == [None] * 3
    assert "CUDNN_STATUS" in app.errors[0]


def test_a_computer_without_memory_has_no_gpu_to_blame(ready, engine, app, monkeypatch):
    import torch

    from FiReworkRegistrationLib.engine import device

    monkeypatch.setattr(device, "choose_device", lambda name: torch.device("cpu"))
    engine.errors["refine"] = MemoryError()
    ready.ui.registerButton.click()
    assert "not enough memory" in app.errors[0] and "coarser" in app.errors[0]
    assert len(engine.made) == 1


@pytest.mark.parametrize("next_step", ["polishButton", "refineButton"])
def test_a_polish_without_memory_keeps_the_iterations(ready, engine, choose, next_step):
    choose(ready.ui.qualityComboBox, "Best")
    ready.ui.maximumIterationsSpinBox.value = 3
    engine.errors["polish"] = MemoryError("not enough")
    ready.ui.registerButton.click()
    assert ready.ui.iterationSlider.maximum == 3
    assert "not enough memory for the polish" in ready.ui.verdictLabel.text
    getattr(ready.ui, next_step).click()
    assert "not enough memory" not in ready.ui.verdictLabel.text


def test_a_cancel_that_keeps_does_not_begin_again_when_the_gpu_fails_at_the_end(ready, engine, gpu, meanwhile, app):
    ready._parameterNode.keepOnCancel = True
    engine.step = 0.05
    engine.errors["finish"] = RuntimeError("CUDA error: unspecified launch failure")
    meanwhile(at_iteration(ready, 2), ready.ui.registerButton.click)
    ready.ui.registerButton.click()
    assert len(engine.made) == 1
    assert "launch failure" in app.errors[0]


def test_what_failed_is_let_go_before_the_next_attempt(ready, engine, gpu, monkeypatch):
    """Its networks, images and fields lie on the GPU, which has too little memory as it is."""
    from FiReworkRegistrationLib.mrml.session import RegistrationSession

    class OutOfMemoryError(RuntimeError):
        pass

    def begin(self, *given, **more):
        made.append(weakref.ref(self))
        initialize(self, *given, **more)

    made, gone, initialize = [], [], RegistrationSession.__init__
    monkeypatch.setattr(RegistrationSession, "__init__", begin)
    monkeypatch.setattr(ready.sections.runner, "_freeMemory", lambda: gc.collect() and gone.append(made[0]() is None))
    engine.errors["refine"] = OutOfMemoryError("CUDA out of memory")
    ready.ui.registerButton.click()
    assert len(made) == 2 and gone == [True]
