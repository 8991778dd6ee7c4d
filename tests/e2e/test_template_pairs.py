# SPDX-License-Identifier: ISC
"""po-template against Django itself: random templates over random contexts."""
import importlib.util
import os
import pathlib
import random
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parent.parent / "tools" / "template_fuzz_pairs.py"
PAIRS = int(os.environ.get("PO_TEST_PAIRS", "500"))


def test_po_renders_what_django_renders(build):
    if importlib.util.find_spec("django") is None:
        pytest.skip("python3-django is not installed: there is nothing to compare with")
    seed = random.SystemRandom().randrange(1 << 31)
    done = subprocess.run([sys.executable, str(TOOL), "--po", str(build / "po-template"), "--pairs", str(PAIRS),
                           "--seed", str(seed)], capture_output=True, text=True, timeout=3600, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    rendered = int(done.stdout.rsplit(" render, ", 1)[0].rsplit(" ", 1)[1])
    assert rendered > PAIRS // 3, done.stdout  # else errors alone were compared
