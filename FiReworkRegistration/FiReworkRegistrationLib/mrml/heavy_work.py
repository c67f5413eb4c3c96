"""Engine work, during which the application may handle events and the user change the scene."""

from .presence import Watch


class HeavyWork:
    """Runs functions of the engine and tells them to stop when there is no use in going on.

    :param execute: ``execute(function)`` returns the function's result; None calls it in place.
    :param cancelled: the user's flag, may be asked on the thread of ``execute``; or None.
    :param checkThere: raises when a needed node is not in the scene.
    :param neededNodes: called for these nodes.
    """

    def __init__(self, execute, cancelled, checkThere, neededNodes):
        self.running = False
        self._execute = execute or (lambda function: function())
        self._cancelled = cancelled
        self._checkThere = checkThere
        self._neededNodes = neededNodes
        self._watch = None

    def run(self, function, scene):
        """The result of ``function()``, if the needed nodes are there before and after; whatever it raises."""
        from ..engine.errors import Cancelled

        self._checkThere()
        self.running = True
        try:
            with Watch(scene, self._neededNodes) as self._watch:
                result = self._execute(function)
        except Cancelled:
            # It may have been told to stop because of removed nodes, which says more.
            self._checkThere()
            raise
        finally:
            self.running = False
        self._checkThere()
        return result

    def stopped(self):
        """Whether to stop; the engine asks it on whatever thread, so it only reads flags."""
        return bool((self._watch and self._watch.gone) or (self._cancelled and self._cancelled()))
