"""What the panel tells the user about a session: figures, verdict, Dice of structures, errors of landmarks."""

from .figures import showFigures
from .landmarks import readLandmarks, showLandmarks
from .overlap import readOverlap, showOverlap
from .stages import AFFINE, AFTER, BEFORE


class Judge:
    """Judges the iterations of a ``RegistrationSession`` that is prepared.

    Tables and charts are nodes of the scene, made when first needed and then updated in place.

    :param session: its figures, maps and registration are read, nothing in it is changed.
    :param scene: of the nodes.
    :param name: of new nodes, such as "Patient to Template".
    :param execute: how heavy work is run, ``execute(function)``; at once if None.
    :param translate: takes an English text to the user's language.
    """

    def __init__(self, session, scene, name="Registration", *, execute=None, translate=None):
        self._session, self._scene, self._name = session, scene, name
        self._translate = translate
        self._execute = execute or (lambda function: function())
        self._overlap = self._landmarks = None
        self._columns = {}
        self.figures = self.diceTable = self.landmarkTable = None

    def verdict(self, iteration=None):
        """Engine ``Verdict`` on an iteration; None is the best one. Cheap enough for a slider."""
        from ..engine.verdict import verdict_on

        iteration = self._session.bestIteration if iteration is None else iteration
        running = self._session.finishedIteration is None
        return verdict_on(self._session.registration, iteration, running, self._translate)

    def showFigures(self):
        """Table and charts of all iterations so far; ``FigureNodes``."""
        iterations = self._session.iterations
        largest = [self._session.largestDisplacement(iteration.index) for iteration in iterations]
        self.figures = showFigures(
            self._scene, iterations, largest, self._session.bestIteration, self._name, self.figures
        )
        return self.figures

    def setStructures(self, fixedNode, movingNode, fixedVolumeNode, resultTransform=None):
        """Segmentations or label maps to be compared; both None compares none.

        :param resultTransform: transform node of the session, under which the moving one may lie already.
        :raises RegistrationError: they cannot be compared; what was set before stays.
        """
        if fixedNode is None and movingNode is None:
            self._overlap = None
        else:
            self._overlap = readOverlap(fixedNode, movingNode, fixedVolumeNode, resultTransform=resultTransform)
        self._columns.pop("dice", None)

    def setLandmarks(self, fixedNode, movingNode, resultTransform=None):
        """Point lists to be compared; both None compares none. See :meth:`setStructures`."""
        if fixedNode is None and movingNode is None:
            self._landmarks = None
        else:
            self._landmarks = readLandmarks(fixedNode, movingNode, resultTransform=resultTransform)
        self._columns.pop("errors", None)

    def compare(self, iteration=None):
        """Tables of Dice and TRE as the nodes lay, after the affine, and after an iteration.

        :param iteration: None is the best one.
        :return: one sentence for each table, for the user; empty where nothing was given to compare.
        """
        if self._overlap is None and self._landmarks is None:
            return []
        iteration = self._session.bestIteration if iteration is None else iteration
        measured = self._execute(lambda: self._measured(iteration))
        # Events were handled meanwhile: after a closed scene nobody wants tables of the old one.
        if self._session.transformNode is not None and self._session.transformNode.GetScene() is None:
            return []
        self._columns = measured
        sentences = []
        if self._overlap is not None:
            columns = self._columns["dice"]
            self.diceTable = showOverlap(self._scene, columns, self._name, self.diceTable)
            sentences.append(self._diceSentence(columns))
        if self._landmarks is not None:
            columns = self._columns["errors"]
            self.landmarkTable = showLandmarks(
                self._scene, self._landmarks.labels, columns, self._name, self.landmarkTable
            )
            sentences.append(self._landmarkSentence(columns))
        return sentences

    def _measured(self, iteration):
        """On the thread of ``execute``: name of a figure to its columns."""
        found = {}
        final = self._session.mapAt(iteration)
        for key, judged, measure in (
            ("dice", self._overlap, lambda given, dmap: given.dice(dmap)),
            ("errors", self._landmarks, lambda given, dmap: given.errors(dmap)),
        ):
            if judged is None:
                continue
            # What does not depend on the iteration is measured once.
            known = self._columns.get(key) or {
                BEFORE: measure(judged, None), AFFINE: measure(judged, self._session.mapAt(0)),
            }  # fmt: skip
            found[key] = {BEFORE: known[BEFORE], AFFINE: known[AFFINE], AFTER: measure(judged, final)}
        return found

    def _diceSentence(self, columns):
        from ..engine.metrics import mean_dice

        _ = self._translate or str
        count = len(columns[AFTER])
        head = _("Dice of 1 structure") if count == 1 else _("Mean Dice of {count} structures").format(count=count)
        text = head + _(": {before:.2f} → {affine:.2f} (affine) → {after:.2f}.").format(
            before=mean_dice(columns[BEFORE]), affine=mean_dice(columns[AFFINE]), after=mean_dice(columns[AFTER])
        )
        return text + self._alone(self._overlap.alone)

    def _landmarkSentence(self, columns):
        _ = self._translate or str
        count = len(columns[AFTER])
        head = _("Error of 1 landmark") if count == 1 else _("Mean error of {count} landmarks").format(count=count)
        text = head + _(": {before:.1f} → {affine:.1f} (affine) → {after:.1f} mm.").format(
            before=columns[BEFORE].mean(), affine=columns[AFFINE].mean(), after=columns[AFTER].mean()
        )
        return text + self._alone(self._landmarks.alone)

    def _alone(self, names):
        from ..engine.overlap import listed

        _ = self._translate or str
        return " " + _("Not compared, as on one side only: {names}.").format(names=listed(names)) if names else ""
