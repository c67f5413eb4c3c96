"""What every step works with: application, panel, checks, hands and the folder of pictures."""

import time

import slicer

#: Points of a brain in RAS mm, at which transforms are compared.
POINTS = ((0, 0, 0), (30, 10, -10), (-25, -35, 15), (5, 40, 20))

SECTIONS = "inputs", "outputs", "judge", "use", "advanced"


class Stage:
    """What the steps share.

    :param app: ``SlicerApplication`` or what stands in for it.
    :param output: ``Path`` of a folder, made if missing.
    :param patience: seconds to wait for something that a user would wait for.
    """

    def __init__(self, app, output, iterations, checks, hands, dialogs, patience):
        self.patience = patience
        self.app, self.output, self.iterations = app, output, iterations
        self.checks, self.hands, self.dialogs = checks, hands, dialogs
        self.panel = self.fixed = self.moving = None
        self._pictures = 0
        output.mkdir(parents=True, exist_ok=True)
        for old in output.glob("[0-9][0-9]-*.png"):
            old.unlink()

    @property
    def ui(self):
        return self.panel.ui

    @property
    def result(self):
        """The transform node that the panel shows as its output, or None."""
        return self.ui.outputTransformSelector.currentNode()

    def picture(self, name):
        """The application as it looks now, numbered in the order of the session."""
        self._pictures += 1
        path = self.output / f"{self._pictures:02d}-{name}.png"
        began = time.monotonic()
        self.app.picture(path)
        self.checks.check(path.exists() and path.stat().st_size > 5000, f"picture {path.name}")
        return time.monotonic() - began

    def unfold(self, section):
        """Open one section of the panel and fold the others, so that a picture shows it."""
        for name in SECTIONS:
            button = getattr(self.ui, f"{name}CollapsibleButton", None)
            if button is not None:
                button.collapsed = name != section
        slicer.app.processEvents()

    def is_running(self):
        """While it works, the progress bar is shown and the Register button is Cancel."""
        return not self.ui.progressBar.isHidden() or "ancel" in self.ui.registerButton.text

    def slider_text(self):
        return self.ui.iterationLabel.text


def mapped(transform):
    """Where a transform node takes ``POINTS``, list of RAS tuples; None for a node without a transform."""
    inner = transform.GetTransformFromParent() if transform is not None else None
    return None if inner is None else [tuple(inner.TransformPoint(point)) for point in POINTS]


def distance(first, second):
    """Largest distance in mm between corresponding points of two lists."""
    return max(sum((a - b) ** 2 for a, b in zip(p, q)) ** 0.5 for p, q in zip(first, second))


def count(kind):
    """Nodes of a class in the scene."""
    return slicer.mrmlScene.GetNumberOfNodesByClass(kind)
