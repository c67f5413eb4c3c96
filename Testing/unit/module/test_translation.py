"""Every text that a user reads can be found by Slicer's tools and comes in the user's language."""

import ast
import io
import re
import tokenize
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import slicer

from FiReworkRegistrationLib.engine import texts
from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.texts import tr
from FiReworkRegistrationLib.mrml.language import say
from host.language import context_of

MODULE = Path(texts.__file__).parents[2]
LIBRARY = MODULE / "FiReworkRegistrationLib"
#: What the panel loads; the command line, training and experiments speak English.
FILES = [MODULE / "FiReworkRegistration.py"] + [
    path for room in ("engine", "mrml", "panel") for path in sorted((LIBRARY / room).rglob("*.py"))
]
#: Of the command line only.
ENGLISH_ONLY = {"files.py", "transform_files.py", "metrics.py"}
ERRORS = {"RegistrationError", "NodesRemoved", "DependencyError", "InstallationDeclined", "Busy"}


def names(paths):
    return [str(path.relative_to(MODULE)) for path in paths]


def calls_of_underscore(source):
    """The tokens between the parentheses of every ``_( )``."""
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
    ]
    for index, token in enumerate(tokens[:-1]):
        if token.string == "_" and tokens[index + 1].string == "(" and tokens[index - 1].string not in ("def", "."):
            inside = []
            for other in tokens[index + 2 :]:
                if other.string == ")":
                    break
                inside.append(other)
            yield token.start[0], inside


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_slicers_tool_finds_every_text(path):
    """It knows ``_("…")`` with literals in one kind of quotes, and nothing after them but the parenthesis."""
    for line, inside in calls_of_underscore(path.read_text(encoding="utf-8")):
        assert inside and all(token.type == tokenize.STRING for token in inside), f"line {line}: not a literal"
        assert all(token.string[0] == '"' for token in inside), f"line {line}: other quotes, or a prefix"
        assert not any(re.search(r'"\s*\)', token.string[:-1]) for token in inside), f"line {line}"


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_no_error_speaks_english_only(path):
    if path.name in ENGLISH_ONLY:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS and node.args:
            english = [n for n in ast.walk(node.args[0]) if isinstance(n, ast.JoinedStr)]
            plain = isinstance(node.args[0], ast.Constant)
            assert not plain and not english, f"line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_no_progress_speaks_english_only(path):
    said = re.findall(r'(?:tell|_report|showProgress|progress)\([^"\n]*, (_?\(?)f?"', path.read_text(encoding="utf-8"))
    # The step of the polish is named by the bridge.
    allowed = 1 if path.name == "registration.py" else 0
    assert len([opening for opening in said if opening != "_("]) <= allowed


def test_a_text_is_listed_under_the_file_that_it_stands_in():
    text = tr("Nothing in '{name}'")
    assert text.context == context_of(__file__) or text.context.endswith("test_translation")
    source = Path(texts.__file__).with_name("inputs.py")
    assert context_of(source) == "engine.inputs"


def dutch(context, text):
    words = {
        "{role} '{name}' is empty": "{role} '{name}' is leeg", "Fixed volume": "Vast volume",
        "Iteration {index} of {count}": "Iteratie {index} van {count}", "Broken {name}": "Kapot {naam}",
    }  # fmt: skip
    assert context.endswith("test_translation")
    return words.get(text, text)


@pytest.mark.parametrize(
    "text, english, translation",
    [
        (tr("Fixed volume"), "Fixed volume", "Vast volume"),
        (tr("Iteration {index} of {count}").format(index=3, count=8), "Iteration 3 of 8", "Iteratie 3 van 8"),
        (tr("{role} '{name}' is empty").format(role=tr("Fixed volume"), name="MR {1}"),
         "Fixed volume 'MR {1}' is empty", "Vast volume 'MR {1}' is leeg"),
        (tr("Fixed volume").lower(), "fixed volume", "vast volume"),
        (tr("Broken {name}").format(name="A"), "Broken A", "Broken A"),
        (tr("Unknown here"), "Unknown here", "Unknown here"),
        ("Thinking {hard} 50 %", "Thinking {hard} 50 %", "Thinking {hard} 50 %"),
    ],
)  # fmt: skip
def test_texts_are_english_until_they_are_said(app, monkeypatch, text, english, translation):
    assert text == english
    monkeypatch.setattr(slicer.app, "_dictionary", dutch)
    assert say(text) == translation
    assert type(say(text)) is str
    assert say(RegistrationError(text)) == translation
    assert str(RegistrationError(text)) == english


def marked(context, text):
    """A language in which every text wears brackets, so that what is not translated can be seen."""
    # Categories are Slicer's own.
    return text if context == "qSlicerAbstractCoreModule" else f"«{text}»"


def from_the_form():
    """Texts of the .ui file, which Qt translates while it loads the file."""
    root = ElementTree.parse(MODULE / "Resources" / "UI" / "FiReworkRegistration.ui").getroot()
    return {element.text for element in root.iter("string") if element.text}


def texts_of(ui):
    """Widget name to what a user reads in it, or in its tooltip."""
    import qt

    found = {}
    for name, widget in vars(ui).items():
        for what in ("text", "toolTip"):
            value = getattr(widget, what, "") if what in dir_of(widget) else ""
            if isinstance(value, str) and value:
                found[f"{name}.{what}"] = value
        if isinstance(widget, qt.QComboBox):
            for index in range(widget.count):
                found[f"{name}[{index}]"] = widget.itemText(index)
    return found


def dir_of(widget):
    return widget._host_api.properties


#: Nothing to translate: names of number formats, and cards of models, which are data.
NO_WORDS = r"fp32|bf16|fp16|[\d.]+%?|FiRework-VM.*|FiRework.*"


@pytest.fixture
def abroad(app, monkeypatch):
    from FiReworkRegistrationLib.panel.advanced_section import _cudaDevices

    monkeypatch.setattr(slicer.app, "_dictionary", marked)
    # Other tests have made GPUs up.
    _cudaDevices.cache_clear()


def foreign(panel):
    """What is still English in the panel."""
    known = from_the_form()
    return {
        name: text
        for name, text in texts_of(panel.ui).items()
        if text not in known and not text.startswith("«") and not re.fullmatch(NO_WORDS, text)
    }


def test_the_panel_speaks_the_users_language(abroad, ready, engine, meanwhile):
    assert foreign(ready) == {}
    engine.step = 0.03
    seen = []
    meanwhile(lambda: ready.runner.running and ready.ui.iterationSlider.value == 2, lambda: seen.append(foreign(ready)))
    ready.ui.registerButton.click()
    assert seen == [{}]
    ready.ui.polishButton.click()
    assert foreign(ready) == {}
    nodes = [ready.ui.outputTransformSelector, ready.ui.outputVolumeSelector, ready.ui.outputJacobianSelector]
    assert all(selector.currentNode().GetName().startswith("«") for selector in nodes)


def test_tables_and_curves_speak_the_users_language(abroad, registered):
    table = registered.ui.figuresTable.mrmlTableNode()
    columns = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    assert all(table.GetColumnTitle(name).startswith("«") for name in columns)
    assert table.GetCellText(0, 0) == "0 («affine start»)"
    charts = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    assert charts and all("«" in chart.GetTitle() and "«" in chart.GetXAxisTitle() for chart in charts)
    assert all("«" in node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLPlotSeriesNode"))


@pytest.mark.parametrize("step", ["align", "refine", "finish"])
def test_errors_come_in_the_users_language(abroad, ready, engine, app, step):
    engine.errors[step] = RegistrationError(tr("Volume '{name}' is empty").format(name="A"))
    ready.ui.registerButton.click()
    assert app.errors == ["«Volume 'A' is empty»"]


def test_a_failed_polish_is_told_in_the_users_language(abroad, ready, engine):
    engine.errors["polish"] = RegistrationError(tr("Volume '{name}' is empty").format(name="A"))
    ready.logic.getParameterNode().quality = "best"
    ready.ui.registerButton.click()
    assert "«The polish failed («Volume 'A' is empty»)" in ready.ui.verdictLabel.text


def test_refused_inputs_are_refused_in_the_users_language(abroad, registered, volume, app):
    ui = registered.ui
    labels = volume("Empty", "vtkMRMLLabelMapVolumeNode")
    slicer.util.arrayFromVolume(labels)[:] = 0
    ui.fixedMaskSelector.setCurrentNode(labels)
    ui.registerButton.click()
    assert app.errors[0].startswith("««Fixed mask» 'Empty'") and app.errors[0].endswith("»")
