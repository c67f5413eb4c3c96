"""Lists of the panel that are made when they are first needed: quality, model, device and settings."""

from functools import cache

from slicer.i18n import tr as _

from ..mrml.language import say
from .choices import CONTRASTS, NORMALIZATIONS, PRECISIONS, RESOLUTIONS


class _NamedChoice:
    """A list that is filled when it is first shown, bound to a parameter that holds a name.

    Subclasses say which ``_parameter`` that is, ``_fill`` the list and ``_names``, and ``_describe`` an entry.
    """

    _parameter = ""
    _default = 0

    def __init__(self, comboBox):
        self._comboBox, self._parameters, self._names = comboBox, None, []
        comboBox.connect("currentIndexChanged(int)", self._onChosen)

    def update(self, parameters):
        """Show what the parameter node says; ``_default`` if that is nothing."""
        self._parameters = None
        if not self._names:
            self._fill()
        chosen = getattr(parameters, self._parameter) if parameters else ""
        if chosen and chosen not in self._names:
            # Of a scene from elsewhere: the user must see why it cannot be used, and be able to choose another.
            self._names.append(chosen)
            self._comboBox.addItem(_("{name} (not found)").format(name=chosen))
        index = self._names.index(chosen) if chosen in self._names else self._default
        self._comboBox.currentIndex = index
        self._parameters = parameters
        self._describe(index)

    def _onChosen(self, index):
        if self._parameters and 0 <= index < len(self._names):
            setattr(self._parameters, self._parameter, self._names[index])
            self._describe(index)


class QualityChoice(_NamedChoice):
    """Presets by title; choosing one also sets the number of iterations."""

    _parameter = "quality"

    def _fill(self):
        from ..engine.presets import DEFAULT_PRESET, PRESETS

        self._presets = list(PRESETS.values())
        self._names = list(PRESETS)
        self._default = self._names.index(DEFAULT_PRESET)
        for preset in self._presets:
            self._comboBox.addItem(say(preset.title))

    def _onChosen(self, index):
        if self._parameters and 0 <= index < len(self._presets):
            self._parameters.iterations = self._presets[index].iterations
        super()._onChosen(index)

    def _describe(self, index):
        self._comboBox.toolTip = say(self._presets[index].description) if index < len(self._presets) else ""


class ModelChoice(_NamedChoice):
    """Trained models by title, each with its description as tooltip; "" is the default model."""

    _parameter = "model"

    def _fill(self):
        from ..engine.errors import RegistrationError
        from ..engine.models import list_models

        try:
            self._cards = list_models()
        except RegistrationError:
            # A broken card must not keep the panel from opening; Register says what is wrong.
            self._cards = []
        self._names = [card.name for card in self._cards]
        self._comboBox.clear()
        for card in self._cards:
            self._comboBox.addItem(card.title)

    def _describe(self, index):
        self._comboBox.toolTip = ""
        if 0 <= index < len(self._cards):
            card = self._cards[index]
            self._comboBox.toolTip = _("{description} Working resolution {spacing} mm. {license}").format(
                description=card.description, spacing=f"{card.spacing:g}", license=card.license
            )


class SettingChoice(_NamedChoice):
    """A few fixed names, each with what the user reads.

    :param texts: name to text, already translated.
    """

    def __init__(self, comboBox, parameter, texts):
        super().__init__(comboBox)
        self._parameter, self._texts = parameter, texts

    def _fill(self):
        self._names = list(self._texts)
        for text in self._texts.values():
            self._comboBox.addItem(text)

    def _describe(self, index):
        """The tooltip says what the setting is for."""


class DeviceChoice:
    """Automatic, CUDA devices by name and memory, CPU. Devices are listed once torch is loaded: not before."""

    def __init__(self, comboBox):
        self._comboBox, self._parameters, self._names = comboBox, None, []
        comboBox.connect("currentIndexChanged(int)", self._onChosen)

    def update(self, parameters):
        self._parameters = None
        devices = [("auto", _("Automatic (GPU if there is one)")), *_devicesSoFar(), ("cpu", _("CPU"))]
        chosen = parameters.device if parameters else "auto"
        if chosen not in [name for name, label in devices]:
            devices.append((chosen, _("{device} (not found yet)").format(device=chosen)))
        if [name for name, label in devices] != self._names:
            self._comboBox.clear()
            for _name, label in devices:
                self._comboBox.addItem(label)
            self._names = [name for name, label in devices]
        self._comboBox.currentIndex = self._names.index(chosen)
        self._parameters = parameters

    def _onChosen(self, index):
        if self._parameters and 0 <= index < len(self._names):
            self._parameters.device = self._names[index]


def choices(ui):
    """All of them."""
    resolutions = {name: _("{size} mm").format(size=name) for name in RESOLUTIONS if name}
    intensities = (_("percentiles 0.5 to 99.5"), _("minimum to maximum"))
    contrasts = (_("automatic"), _("the same, do not match"), _("different, match gray values"))
    precisions = {name: _("automatic") if name == "auto" else name for name in PRECISIONS}
    return [
        QualityChoice(ui.qualityComboBox),
        ModelChoice(ui.modelComboBox),
        DeviceChoice(ui.deviceComboBox),
        SettingChoice(ui.spacingComboBox, "resolution", {"": _("model default"), **resolutions}),
        SettingChoice(ui.normalizationComboBox, "normalization", dict(zip(NORMALIZATIONS, intensities))),
        SettingChoice(ui.contrastComboBox, "contrast", dict(zip(CONTRASTS, contrasts))),
        SettingChoice(ui.precisionComboBox, "precision", precisions),
    ]


def _devicesSoFar():
    """(name, label) of each GPU, none before the first registration: importing torch for this takes seconds."""
    import sys

    return _cudaDevices() if "torch" in sys.modules else []


@cache
def _cudaDevices():
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        device = f"cuda:{index}"
        label = _("{name}, {memory} GB ({device})").format(name=properties.name, memory=f"{memory:.0f}", device=device)
        found.append((device, label))
    return found
