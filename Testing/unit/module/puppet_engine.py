"""An engine whose registrations cost nothing: iteration k moves everything by k mm to the right."""

import threading
import time
from types import SimpleNamespace

import numpy as np

#: Local NCC of each iteration: the third is the best.
NCC = (0.50, 0.70, 0.80, 0.85, 0.84, 0.83, 0.82, 0.81, 0.80, 0.79, 0.78)


class PuppetEngine:
    """Makes the registrations, remembers them, and misbehaves on request.

    :param step: seconds that an iteration takes.
    :param align: seconds that the preparation takes.
    :param errors: name of a step ("align", "refine", "finish") to the exception that it raises, once.
    """

    def __init__(self):
        self.step, self.align, self.errors, self.made, self.threads = 0.0, 0.0, {}, [], set()

    def __call__(self, *arguments, **settings):
        self.made.append(PuppetRegistration(self, *arguments, **settings))
        return self.made[-1]

    @property
    def last(self):
        return self.made[-1]

    def work(self, step, seconds, cancelled):
        """What takes a while on the worker thread."""
        from FiReworkRegistrationLib.engine.errors import Cancelled

        self.threads.add(threading.current_thread().name)
        if step in self.errors:
            raise self.errors.pop(step)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.005)
        if cancelled and cancelled():
            raise Cancelled("stopped")


class PuppetRegistration:
    """Stands in for the engine's ``Registration``."""

    card = SimpleNamespace(name="puppet")
    spacing = 2.0
    agreement, least_agreement, coverage, matched = 0.9, 0.5, 1.0, ""
    stretch, ct, unused_mask = 1.0, "", ""
    affine = np.eye(4)

    def __init__(self, engine, fixed, moving, *, progress=None, cancelled=None, **settings):
        import torch

        self.engine, self.fixed, self.moving, self.settings = engine, fixed, moving, settings
        progress(0.5, "Aligning")
        engine.work("align", engine.align, cancelled)
        self.grid, self.mask = fixed.grid, torch.ones(1, 1, *fixed.array.shape)
        self.iterations = [self._iteration(0)]

    @staticmethod
    def _iteration(index):
        from FiReworkRegistrationLib.engine.refiner import Iteration

        return Iteration(index, {index: index}, NCC[index], NCC[index], 0.0, 0.2, 0.3, 0.01, index / 2)

    def refine(self, iterations, progress=None, cancelled=None):
        while self.iterations[-1].index < iterations:
            self.engine.work("refine", self.engine.step, cancelled)
            self.iterations.append(self._iteration(len(self.iterations)))
            yield self.iterations[-1]

    def polish(self, levels, progress=None, cancelled=None):
        from dataclasses import replace

        progress(0.5, "Polishing")
        self.engine.work("polish", self.engine.step, cancelled)
        self.iterations.append(replace(self._iteration(len(self.iterations)), polished=True))
        return self.iterations[-1]

    def map(self, iteration=None):
        from FiReworkRegistrationLib.engine.maps import DisplacementMap

        displacement = np.zeros((*self.grid.shape, 3), np.float32)
        displacement[..., 0] = iteration
        return DisplacementMap(self.grid, displacement)

    def map_writers(self, after=None):
        def write(field, out):
            out[...] = (field, 0, 0)

        return SimpleNamespace(of=lambda field: SimpleNamespace(lattice=self.grid, write=write))

    def restore(self, iteration, cancelled=None):
        self.engine.work("finish", self.engine.step, cancelled)

    def stored_error(self, iteration):
        return 0.0
