"""The session from the first look at the panel to a scene that is closed in the middle of a registration."""

import slicer

from . import steps_judge, steps_register, steps_see, steps_use
from .checks import Checks
from .dialogs import Dialogs
from .hands import Hands
from .stage import Stage


def run_session(app, output, iterations=4, write=None, patience=120):
    """Play the session in an application with an empty scene.

    :param app: ``SlicerApplication`` or what stands in for it.
    :param output: ``Path`` of the folder for pictures and files.
    :param iterations: K of the registrations.
    :param write: takes each line of the report; the console if None.
    :param patience: seconds to wait for a file or an answer at most; a registration may take five times as long.
    :return: 0 if every check passed, else 1.
    """
    checks = Checks(write)
    slicer.mrmlScene.Clear(0)
    with checks.watching_exceptions(), Dialogs(checks, app.modal_window) as dialogs:
        app.dialogs = dialogs
        stage = Stage(app, output, iterations, checks, Hands(), dialogs, patience)
        before = steps_see.view_settings()
        for title, act in _steps(stage, before):
            with checks.step(title):
                act()
        if not stage.hands.real_mouse:
            checks.measured("buttons clicked by Qt instead of the mouse", 1, "(PythonQt takes no mouse events here)")
    return checks.summary()


def _steps(stage, views_before):
    yield "The panel opens", lambda: steps_register.open_panel(stage)
    if stage.panel is None:
        return
    yield "Volumes are loaded and chosen", lambda: steps_register.load_volumes(stage)
    yield "Register", lambda: steps_register.register(stage)
    if stage.result is not None:
        yield "The K slider is dragged", lambda: steps_register.drag(stage)
        yield "Compare modes", lambda: steps_see.compare(stage)
        yield "Opacity", lambda: steps_see.opacity(stage)
        yield "Jacobian, grid, linked slices", lambda: steps_see.overlays(stage)
        yield "Judge by landmarks and structures", lambda: steps_judge.compare(stage)
        if stage.app.has_other_modules:
            yield "Plot", lambda: steps_judge.plot(stage)
        yield "Refine further", lambda: steps_register.refine(stage)
        yield "Apply to", lambda: steps_use.apply(stage)
        yield "Save transform and inverse", lambda: steps_use.save(stage)
        yield "Polish", lambda: steps_register.polish(stage)
        yield "Leave and return", lambda: steps_see.leave_and_return(stage, views_before)
        if stage.app.has_other_modules:
            yield "Open in Transforms", lambda: steps_use.open_transforms(stage)
        yield "Scene saved and loaded", lambda: steps_use.scene_round_trip(stage)
    if stage.app.can_reload:
        yield "Module reloaded", lambda: steps_use.reload_module(stage)
    yield "Cancel", lambda: steps_register.cancel(stage)
    yield "Scene closed meanwhile", lambda: steps_register.close_scene_meanwhile(stage)
