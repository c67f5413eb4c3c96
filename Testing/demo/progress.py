"""What the demo tells the console: a progress line, the table of iterations, memory used."""

import sys

from FiReworkRegistrationLib.engine.state_names import state_name


class ProgressLine:
    """``progress(fraction, message)`` as one line that rewrites itself; on a log, a line for each message."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self._last, self._width = None, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._width:
            self.stream.write("\n")

    def __call__(self, fraction: float, message: str = "") -> None:
        text = f"  {100 * min(max(fraction, 0), 1):3.0f} %  {message}"
        if self.stream.isatty():
            self.stream.write("\r" + text.ljust(self._width))
            self._width = max(self._width, len(text))
        elif message != self._last:
            self.stream.write(text + "\n")
        self._last = message
        self.stream.flush()


def iteration_table(figures) -> str:
    """The engine's iterations as text, one line each; 0 is the affine start."""
    lines = [
        "                                                 change, voxels",
        "        K  local NCC  global NCC   folded %      mean      95 %   seconds",
    ]
    lines += [
        f"{state_name(figures, it.index):>9}{it.local_ncc:11.4f}{it.global_ncc:12.4f}{it.percent_folded:11.4f}"
        f"{it.mean_change:10.4f}{it.p95_change:10.4f}{it.seconds:10.2f}"
        for it in figures
    ]
    return "\n".join(lines)


def peak_memory_gb() -> float | None:
    """Largest resident size of this process so far; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
