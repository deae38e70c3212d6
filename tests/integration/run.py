#!/usr/bin/env python3
"""Runs the stories in this folder against build/bertd: run.py [NAME ...]."""

import pathlib
import sys
import unittest

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here))
names = [n.removesuffix(".py") for n in sys.argv[1:]] or sorted(p.stem for p in here.glob("test_*.py"))
result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(names))
failed = len(result.failures) + len(result.errors)
print(f"integration: {result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
sys.exit(failed > 0 or result.testsRun == 0)
