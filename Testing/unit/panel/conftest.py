"""The test host in place of Slicer."""

import host

host.install()
