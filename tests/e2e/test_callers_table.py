# SPDX-License-Identifier: ISC
"""callers.txt names the test of each caller, and every test of callers stands there."""
import pathlib
import re

HERE = pathlib.Path(__file__).parent


def test_the_table_of_callers_is_true():
    rows = [line.split(" | ") for line in (HERE / "callers.txt").read_text().splitlines() if line[0] != "#"]
    assert all(len(row) == 3 for row in rows)
    named = {test for _, _, tests in rows for test in tests.split()}
    there = {test for file in HERE.glob("test_callers_*.py") if file.name != pathlib.Path(__file__).name
             for test in re.findall(r"^def (test_\w+)", file.read_text(), re.M)}
    assert named == there


def test_each_replayed_row_has_its_caller_in_the_table():
    import test_callers_replayed
    table = (HERE / "callers.txt").read_text()
    missing = [row[0] for row in test_callers_replayed.ROWS if re.match(r"\w+", row[0])[0] not in table]
    assert missing == ["echo | sendmail"]
