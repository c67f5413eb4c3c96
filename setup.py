"""Which packages a wheel holds; everything else is in pyproject.toml.

Slicer wants the weights among the module's resources, an installed wheel inside a package:
``FiReworkRegistrationLib.models_data`` is Resources/Models under another name, and cannot be
listed beside packages that are found, except here. The panel stays out: it needs Slicer.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(
            "FiReworkRegistration", include=["FiReworkRegistrationLib*"], exclude=["FiReworkRegistrationLib.panel*"]
        ),
        "FiReworkRegistrationLib.models_data",
    ]
)
