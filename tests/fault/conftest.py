# SPDX-License-Identifier: ISC
"""The sweeps use the rig of the end-to-end tests."""
import importlib.util
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "fault")]

_spec = importlib.util.spec_from_file_location("e2e_conftest", TESTS / "e2e" / "conftest.py")
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)
build, folder, shift_clock, po = _e2e.build, _e2e.folder, _e2e.shift_clock, _e2e.po
system_po, new_sink, sink = _e2e.system_po, _e2e.new_sink, _e2e.sink
