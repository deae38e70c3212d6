"""Compares every CSV, JSONL and Parquet file of a folder as bertd and as pandas read it: rows, order, labels, samples, splits.

    .deps/venv/bin/python tests/golden/data_parity.py [--driver build/tests/bench/data] [FOLDER]

Prints one line a file and exits 1 where anything differs. FOLDER is ../shared/data unless given; its folders are read too.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pandas
import pyarrow.parquet
from sklearn.model_selection import train_test_split

SEED = 42
SHARE = 0.1
SUFFIXES = (".csv", ".jsonl", ".parquet")


@dataclasses.dataclass
class Table:
    path: pathlib.Path
    frame: pandas.DataFrame  # text and label as they stand in the file
    n_missing: int  # cells that pandas by itself takes for missing
    label_column: str = "label"
    class_names: list = None  # that the file declares


def run(driver, *args):
    done = subprocess.run([driver, *args], capture_output=True, text=True, encoding="utf-8")
    rows = [json.loads(line) for line in done.stdout.split("\n") if line]
    return done.returncode, rows, done.stderr


def n_missing(frame, columns=("text", "label")):
    return int(frame[list(columns)].isna().sum().sum())


def read_parquet(path):
    frame = pandas.read_parquet(path)
    column = "label" if "label" in frame else next(c for c in frame.columns if c != "text")
    declared = (pyarrow.parquet.read_schema(path).metadata or {}).get(b"huggingface")
    feature = json.loads(declared)["info"]["features"][column] if declared else {}
    frame = frame.rename(columns={column: "label"})
    return Table(path, frame, n_missing(frame), column, feature.get("names"))


def read_table(path):
    if path.suffix == ".parquet":
        return read_parquet(path)
    if path.suffix == ".csv":
        return Table(path, pandas.read_csv(path, dtype=str, keep_default_na=False), n_missing(pandas.read_csv(path)))
    frame = pandas.read_json(path, lines=True, dtype=False)
    return Table(path, frame, n_missing(frame))


def label_name(value):
    if value is None or isinstance(value, (list, dict, float)):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def compare_table(driver, table):
    """All rows as they stand in the file."""
    code, rows, errors = run(driver, "table", str(table.path), "text", table.label_column)
    frame = table.frame
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


def compare_part(driver, table, what, spec, parts, training_rows):
    spec = {"label_column": table.label_column, **spec}
    code, rows, errors = run(driver, "load", str(table.path.parent), json.dumps(spec))
    if code:
        return [f"{what}: bertd refuses: {errors.strip()[:300]}"]
    names, rows = rows[0], sorted(rows[1:], key=lambda row: row[1])
    if names != (table.class_names or [str(v) for v in sorted(set(training_rows["label"]))]):
        return [f"{what}: the labels are {names}"]
    faults = []
    for split, expected in parts.items():
        faults += compare_rows(f"{what} {split}", [r for r in rows if r[0] == split], expected, names)
    return faults


def compare_load(driver, table):
    """Labels, a sample and a split, through a whole dataset object."""
    file, frame = table.path.name, table.frame
    if table.class_names:
        frame = frame.assign(label=[table.class_names[i] for i in frame["label"]])
    n = max(len(frame) // 40, 1)
    sampled = {"file": file, "sample": n, "random_state": SEED}
    sample = frame.sample(n, random_state=SEED)
    train, validation = train_test_split(frame, test_size=SHARE, random_state=SEED)
    return (
        compare_part(driver, table, "whole", {"train": file, "test": sampled}, {"train": frame, "test": sample}, frame)
        + compare_part(driver, table, "sample", {"train": {**sampled, "rows": [1, n]}, "test": None},
                       {"train": sample.iloc[1:n]}, sample.iloc[1:n])
        + compare_part(driver, table, "split", {"train": file, "validation_split": SHARE},
                       {"train": train, "validation": validation}, frame))


def compare_refusal(driver, table):
    """Several labels a row are told as such."""
    code, _, errors = run(driver, "load", str(table.path.parent), json.dumps({"train": table.path.name}))
    words = "the label is a list; one label for each text is supported"
    return [] if code and words in errors else [f"label lists are not refused: {errors.strip()[:300]}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="../shared/data", type=pathlib.Path)
    parser.add_argument("--driver", default=os.path.join(os.environ.get("BUILD", "build"), "tests/bench/data"))
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is no folder; name one with CSV, JSONL or Parquet files")
    paths = sorted(p for p in args.folder.glob("**/*") if p.suffix in SUFFIXES)
    bad = 0
    for path in paths:
        table = read_table(path)
        lists = any(isinstance(v, list) for v in table.frame["label"])
        faults = compare_table(args.driver, table)
        faults += compare_refusal(args.driver, table) if lists else compare_load(args.driver, table)
        print(f"{'differs' if faults else 'equal':8} {path.name}: {len(table.frame)} rows"
              f"{', label lists: refused' if lists else ''}"
              f"{f', {len(table.class_names)} class names' if table.class_names else ''}"
              f"{f', {table.n_missing} cells NaN to pandas' if table.n_missing else ''}")
        for fault in faults[:5]:
            print(f"         {fault}")
        bad += bool(faults)
    print(f"pandas {pandas.__version__}: {len(paths)} files, {bad} differ")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
