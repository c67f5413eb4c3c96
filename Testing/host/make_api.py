"""Cut ``slicer_api.json`` out of a full listing of Slicer's Python-visible API.

Usage: python Testing/host/make_api.py FULL_LISTING.json

The full listing was taken in the real application. A class is kept as what it adds to
(``add``) and lacks of (``lack``) its base here, so that the cut stays readable in a diff.
"""

import json
import sys
from pathlib import Path

KEPT = {
    "qt.QWidget": None,
    "qt.QFrame": "qt.QWidget",
    "qt.QLabel": "qt.QFrame",
    "qt.QPushButton": "qt.QWidget",
    "qt.QToolButton": "qt.QWidget",
    "qt.QCheckBox": "qt.QWidget",
    "qt.QRadioButton": "qt.QWidget",
    "qt.QComboBox": "qt.QWidget",
    "qt.QSlider": "qt.QWidget",
    "qt.QSpinBox": "qt.QWidget",
    "qt.QDoubleSpinBox": "qt.QSpinBox",
    "qt.QLineEdit": "qt.QWidget",
    "qt.QProgressBar": "qt.QWidget",
    "qt.QGroupBox": "qt.QWidget",
    "qt.QDialog": "qt.QWidget",
    "qt.QFileDialog": "qt.QDialog",
    "qt.QTabWidget": "qt.QWidget",
    "qt.QVBoxLayout": None,
    "qt.QHBoxLayout": "qt.QVBoxLayout",
    "qt.QFormLayout": "qt.QVBoxLayout",
    "qt.QGridLayout": "qt.QVBoxLayout",
    "qt.QTimer": None,
    "ctk.ctkCollapsibleButton": "qt.QPushButton",
    "ctk.ctkCollapsibleGroupBox": "qt.QGroupBox",
    "ctk.ctkSliderWidget": "qt.QWidget",
    "slicer.qMRMLWidget": "qt.QWidget",
    "slicer.qMRMLNodeComboBox": "slicer.qMRMLWidget",
    "slicer.qMRMLSliceWidget": "slicer.qMRMLWidget",
    "slicer.qMRMLTableView": "qt.QFrame",
    "layoutManager": None,
    "slicer.app": None,
}
NAMES = (
    "slicer.packaging", "slicer.parameterNodeWrapper", "slicer.util", "ScriptedLoadableModuleWidget",
    "ScriptedLoadableModuleLogic", "ScriptedLoadableModuleTest", "ScriptedLoadableModule",
)  # fmt: skip


def entries(listing):
    """One class as a flat set: "p name: type", "s signal(args)", "l slot(args)", "m name"."""
    found = {f"p {name}: {kind}" for name, kind in listing["properties"].items()}
    found |= {f"s {signal}" for signal in listing["signals"]}
    found |= {f"l {slot}" for slot in listing["slots"] if not slot.startswith("_")}
    return found | {f"m {name}" for name in listing["methods"] if not name.startswith("_")}


def cut(full):
    classes = {}
    for name, base in KEPT.items():
        own = entries(full["classes"][name])
        inherited = entries(full["classes"][base]) if base else set()
        classes[name] = {"base": base, "add": sorted(own - inherited), "lack": sorted(inherited - own)}
    names = {key: [n for n in full["names"][key] if not n.startswith("_")] for key in NAMES}
    return {"application": full["application"], "classes": classes, "names": names}


if __name__ == "__main__":
    full = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    target = Path(__file__).with_name("slicer_api.json")
    target.write_text(json.dumps(cut(full), indent=0) + "\n", encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes")
