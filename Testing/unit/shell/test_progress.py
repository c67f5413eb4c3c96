import io

from FiReworkRegistrationLib.shell.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_file_gets_every_message_once():
    stream = io.StringIO()
    line = ProgressLine(stream)
    for fraction, message in ((0.1, "Reading"), (0.2, "Reading"), (0.3, "Aligning")):
        line.show(fraction, message)
    line.done("Ready")
    assert stream.getvalue().splitlines() == ["Reading", "Aligning", "Ready"]


def test_a_terminal_gets_one_line_that_is_drawn_over():
    stream = Terminal()
    line = ProgressLine(stream)
    line.show(0.5, "Half")
    line.show(7.0, "Too far")
    line.done("Ready")
    assert stream.getvalue().count("\n") == 1
    assert "[############............] Half" in stream.getvalue()
    assert stream.getvalue().endswith("Ready\n")
