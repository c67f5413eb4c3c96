"""Progress of engine and bridge is English; the panel says it in the user's language."""

import re
from pathlib import Path

import pytest

from FiReworkRegistrationLib.panel import messages

LIBRARY = Path(messages.__file__).parents[1]


@pytest.fixture
def dutch(monkeypatch):
    words = {"Iteration {} of {}": "Iteratie {} van {}", "Ready": "Klaar"}
    monkeypatch.setattr(messages, "_", lambda text: words.get(text, text))


@pytest.mark.parametrize(
    "english, translation",
    [("Iteration 3 of 8", "Iteratie 3 van 8"), ("Ready", "Klaar"), ("Writing nodes", "Writing nodes")],
)
def test_progress_is_translated(dutch, english, translation):
    assert messages.translatedProgress(english) == translation


def test_unknown_progress_stays():
    assert messages.translatedProgress("Thinking {hard} 50 %") == "Thinking {hard} 50 %"


def test_every_message_of_the_library_is_known():
    said = set()
    for file in [*LIBRARY.glob("engine/*.py"), *LIBRARY.glob("mrml/*.py"), *LIBRARY.parent.glob("*.py")]:
        calls = re.findall(
            r'(?:tell|_report|showProgress|progress)\([^"\n]*, f?"([^"]+)"', file.read_text(encoding="utf-8")
        )
        said |= {re.sub(r"\{[^}]*\}", "{}", text) for text in calls}
    assert len(said) > 11
    assert said <= messages._progressTemplates().keys()
