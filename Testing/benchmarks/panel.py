"""Seconds and memory of the panel at the size of a clinical scan, in the test host: what a user waits for.

    .venv/bin/python Testing/benchmarks/panel.py

The bundled pair resampled to 1 mm (160x192x160), registered on a grid of that size, three slice views on the screen.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "FiReworkRegistration"), str(ROOT / "Testing" / "demo")]
SAMPLES = "ICBM152_T1_2mm", "Colin27_T1_2mm"


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spacing", default="1", help="working resolution and voxel size, mm (1)")
    parser.add_argument("--iterations", type=int, default=3, metavar="K")
    parser.add_argument("--quality", default="plain", help="preset: plain, fast, balanced or best (plain)")
    options = parser.parse_args(arguments)
    import host

    host.install()
    host.new_scene()
    from in_app.host_application import HostApplication

    app = HostApplication(ROOT)
    app.dialogs = _Silent()
    panel = app.open_panel()
    for name in SAMPLES:
        finer(app.load_volume(ROOT / "Resources" / "SampleData" / f"{name}.nii.gz"), float(options.spacing))
    parameters = panel.logic.getParameterNode()
    parameters.quality, parameters.resolution = options.quality, options.spacing
    parameters.iterations = options.iterations
    for figure, value, unit in measure(panel):
        print(f"{figure:<58} {value:8.3f} {unit}", flush=True)
    app.leave_panel()
    panel.cleanup()
    return 0


def measure(panel):
    """(what, value, unit) of one registration and of dragging the slider over its iterations."""
    import slicer

    from in_app.hands import Hands
    from in_app.timers import Heartbeat, wait_until
    from progress import peak_memory_gb

    ui, hands = panel.ui, Hands()
    slicer.app.processEvents()
    with Heartbeat() as beat:
        began = time.monotonic()
        hands.click(ui.registerButton)
        assert wait_until(lambda: not panel.runner.running, 3600)
        took = time.monotonic() - began
    session = panel.runner.session
    assert session is not None, ui.statusLabel.text
    field = session.registration.iterations[-1].field
    yield "voxels of the field, millions", field[0, 0].numel() / 1e6, "(" + "x".join(map(str, field.shape[2:])) + ")"
    yield "Register to result", took, "s"
    yield "longest stall of the event loop while registering", beat.longest, "s"
    yield f"memory of the fields of {len(session.iterations)} states", session.registration.stored_bytes / 1e6, "MB"
    yield "largest error of a stored field", max(session.storedError(i.index) for i in session.iterations), "mm"
    steps, releases, stalls, processor = [], [], [], []
    for target in (0, ui.iterationSlider.maximum, 1, ui.iterationSlider.maximum - 1):
        if target == ui.iterationSlider.value:
            continue
        with Heartbeat() as beat:
            ui.iterationSlider.setSliderDown(True)
            with drawn() as is_drawn:
                began = time.monotonic()
                ui.iterationSlider.setSliderPosition(target)
                assert wait_until(is_drawn, 60)
                steps.append(time.monotonic() - began)
            began, used = time.monotonic(), time.process_time()
            ui.iterationSlider.setSliderDown(False)
            assert wait_until(lambda: session.finishedIteration == session.shownIteration == target, 60)  # noqa: B023
            releases.append(time.monotonic() - began)
            processor.append(time.process_time() - used)
            wait_until(lambda: False, 0.3)
        stalls.append(beat.longest)
    yield "step of the slider to all views drawn, median", sorted(steps)[len(steps) // 2], "s"
    yield "step of the slider to all views drawn, longest", max(steps), "s"
    yield "release to all outputs updated, median", sorted(releases)[len(releases) // 2], "s"
    yield "release to all outputs updated, longest", max(releases), "s"
    # Does not depend on what else the machine does.
    yield "release to all outputs updated, CPU time, median", sorted(processor)[len(processor) // 2], "s"
    yield "longest stall of the event loop while dragging", max(stalls), "s"
    yield "peak memory of the process", peak_memory_gb() or float("nan"), "GB"


@contextmanager
def drawn():
    """Yields a function that says whether every slice view on the screen was drawn since."""
    import slicer

    from host.objects import unwrap

    manager = slicer.app.layoutManager()
    views = [unwrap(manager.sliceWidget(name).sliceView()) for name in manager.sliceViewNames()]
    before = {view: view.renders for view in views if view.isVisible()}
    yield lambda: all(view.renders > count for view, count in before.items())


def finer(node, spacing):
    """Resample a volume node in place to cubic voxels of ``spacing`` mm, same field of view."""
    import numpy as np
    import slicer
    from scipy.ndimage import zoom

    factors = np.array(node.GetSpacing()) / spacing
    if np.allclose(factors, 1):
        return
    array = slicer.util.arrayFromVolume(node)
    # Of voxel corners, not centers: the outer faces stay where they are.
    fine = zoom(array.astype(np.float32), factors[::-1], order=1, mode="nearest", grid_mode=True)
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    node.GetIJKToRASMatrix(matrix)
    before = slicer.util.arrayFromVTKMatrix(matrix)
    after = before @ np.diag([*(1 / factors), 1.0])
    after[:3, 3] = (before @ np.array([*(-0.5 + 0.5 / factors), 1.0]))[:3]
    slicer.util.updateVolumeFromArray(node, fine.astype(array.dtype))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(after))


class _Silent:
    """Nothing here opens a dialog; a message would be an error."""

    def read(self, text):
        raise AssertionError(text)


if __name__ == "__main__":
    sys.exit(main())
