"""Compares every CSV and JSONL file of a folder as bertd and as pandas read it: rows, order, labels, samples, splits.

    .deps/venv/bin/python tests/golden/data_parity.py [--driver build/tests/bench/data] [FOLDER]

Prints one line a file and exits 1 where anything differs. FOLDER is ../shared/data unless given.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import pandas
from sklearn.model_selection import train_test_split

SEED = 42
SHARE = 0.1


def run(driver, *args):
    done = subprocess.run([driver, *args], capture_output=True, text=True, encoding="utf-8")
    rows = [json.loads(line) for line in done.stdout.split("\n") if line]
    return done.returncode, rows, done.stderr


def read_frame(path):
    """The frame with its texts as they stand; and with the missing values that pandas itself finds."""
    if path.suffix == ".csv":
        return pandas.read_csv(path, dtype=str, keep_default_na=False), pandas.read_csv(path)
    frame = pandas.read_json(path, lines=True, dtype=False)
    return frame, frame


def label_name(value):
    if value is None or isinstance(value, (list, dict, float)):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def names_of(frame):
    values = sorted(set(frame["label"]))
    return [str(v) for v in values]


def compare_table(driver, path, frame):
    code, rows, errors = run(driver, "table", str(path), "text", "label")
    if code:
        return [f"bertd refuses the file: {errors.strip()}"]
    faults = [] if len(rows) == len(frame) else [f"{len(rows)} rows, pandas has {len(frame)}"]
    for i, ((line, text, label), (ptext, plabel)) in enumerate(zip(rows, zip(frame["text"], frame["label"]))):
        if text != ptext or label != label_name(plabel):
            faults.append(f"row {i} on line {line}: {text!r} {label!r}, pandas has {ptext!r} {plabel!r}")
    return faults


def compare_rows(what, rows, expected, names):
    if len(rows) != len(expected):
        return [f"{what}: {len(rows)} rows, expected {len(expected)}"]
    for i, (row, (text, label)) in enumerate(zip(rows, zip(expected["text"], expected["label"]))):
        if row[1] != i or row[3] != text or names[row[4]] != str(label):
            return [f"{what}: row {i} is {row[3]!r} {names[row[4]]!r}, expected {text!r} {label!r}"]
    return []


def compare_load(driver, path, frame):
    """Labels, a sample and a split, through a whole dataset object."""
    n = max(len(frame) // 40, 1)
    sample = frame.sample(n, random_state=SEED)
    train, validation = train_test_split(frame, test_size=SHARE, random_state=SEED)
    faults = []
    for what, spec, parts in [
        ("whole", {"train": path.name, "test": {"file": path.name, "sample": n, "random_state": SEED}},
         {"train": frame, "test": sample}),
        ("sample", {"train": {"file": path.name, "sample": n, "random_state": SEED, "rows": [1, n]}, "test": None},
         {"train": sample.iloc[1:n]}),
        ("split", {"train": path.name, "validation_split": SHARE}, {"train": train, "validation": validation}),
    ]:
        code, rows, errors = run(driver, "load", str(path.parent), json.dumps(spec))
        if code:
            faults.append(f"{what}: bertd refuses: {errors.strip()[:300]}")
            continue
        names, rows = rows[0], sorted(rows[1:], key=lambda row: row[1])
        if names != names_of(frame if what != "sample" else parts["train"]):
            faults.append(f"{what}: the labels are {names}")
            continue
        for split, expected in parts.items():
            faults += compare_rows(f"{what} {split}", [r for r in rows if r[0] == split], expected, names)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="../shared/data", type=pathlib.Path)
    parser.add_argument("--driver", default=os.path.join(os.environ.get("BUILD", "build"), "tests/bench/data"))
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is no folder; name one with CSV or JSONL files")
    paths = sorted(p for p in args.folder.iterdir() if p.suffix in (".csv", ".jsonl"))
    bad = 0
    for path in paths:
        frame, inferred = read_frame(path)
        faults = compare_table(args.driver, path, frame)
        lists = any(isinstance(v, list) for v in frame["label"])
        if not lists:
            faults += compare_load(args.driver, path, frame)
        missing = int(inferred[["text", "label"]].isna().sum().sum())
        print(f"{'differs' if faults else 'equal':8} {path.name}: {len(frame)} rows"
              f"{', label lists: rows only' if lists else ''}{f', {missing} cells NaN to pandas' if missing else ''}")
        for fault in faults[:5]:
            print(f"         {fault}")
        bad += bool(faults)
    print(f"pandas {pandas.__version__}: {len(paths)} files, {bad} differ")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
