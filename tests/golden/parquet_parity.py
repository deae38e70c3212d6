"""Compares Parquet files in all forms that a writer may choose as bertd and as pandas read them, value by value.

    .deps/venv/bin/python tests/golden/parquet_parity.py [--driver build/tests/bench/data] [--files 200] [--seed 42]

The files are made at random: texts, types of the label, nulls, row groups, pages, encodings, compression. Prints what
differs and exits 1 then. data_parity.py compares whole data sets.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import pandas
import pyarrow as pa
import pyarrow.parquet as pq

CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
TEXT_ENCODINGS = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]
NUMBER_ENCODINGS = ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]
INTEGERS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]
ALPHABET = "abc  \n\t\0\"',éßжא中映\U0001f3ac\u2028"


def random_text(rng):
    length = rng.choice([0, 1, 5, 20, 20, 20, 200, rng.randrange(5000)])
    return "".join(rng.choices(ALPHABET, k=length))


def with_nulls(rng, values):
    share = rng.choice([0, 0, 0.1, 0.9])
    return [None if rng.random() < share else v for v in values]


def random_labels(rng, n):
    kind = rng.choice(["integer", "boolean", "string"])
    if kind == "integer":
        kind = rng.choice(INTEGERS)
        high = 2 ** (kind.bit_width - (0 if str(kind).startswith("u") else 1))
        low = 0 if str(kind).startswith("u") else -high
        small = rng.random() < 0.5
        return pa.array(with_nulls(rng, [rng.randrange(0, 7) if small else rng.randrange(low, high) for _ in range(n)]), kind)
    if kind == "boolean":
        return pa.array(with_nulls(rng, [rng.random() < 0.5 for _ in range(n)]), pa.bool_())
    return pa.array(with_nulls(rng, [rng.choice(["good", "bad", "ß"]) for _ in range(n)]), pa.string())


def random_table(rng):
    n = rng.choice([0, 1, 7, 300, 1500])
    pool = [random_text(rng) for _ in range(rng.choice([1, 10, n + 1]))]
    text = pa.array(with_nulls(rng, [rng.choice(pool) for _ in range(n)]), rng.choice([pa.string(), pa.large_string()]))
    label = random_labels(rng, n)
    fields = [pa.field("text", text.type, nullable=text.null_count > 0 or rng.random() < 0.5),
              pa.field("label", label.type, nullable=label.null_count > 0 or rng.random() < 0.5)]
    table = pa.table([text, label], schema=pa.schema(fields))
    if rng.random() < 0.2:
        table = table.append_column("other", pa.array([[i] for i in range(n)], pa.list_(pa.int64())))
    if rng.random() < 0.2:
        table = table.set_column(0, "text", table["text"].dictionary_encode())
    return table


def random_options(rng, table):
    options = {
        "compression": rng.choice(CODECS),
        "row_group_size": rng.choice([len(table) // 7 + 1, 100, 1000, 10000]),
        "data_page_size": rng.choice([1, 1000, 100000, 1 << 20]),
        "write_batch_size": rng.choice([1, 10, 1024]),
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "version": rng.choice(["1.0", "2.4", "2.6"]),
        "store_schema": rng.random() < 0.5,
        "write_page_checksum": rng.random() < 0.5,
        "write_page_index": rng.random() < 0.5,
        "use_dictionary": rng.random() < 0.5,
        "dictionary_pagesize_limit": rng.choice([1, 1000, 1 << 20]),
    }
    if not options["use_dictionary"]:
        label = table["label"].type
        # Arrow itself reads a dictionary type from no other encoding.
        plain = pa.types.is_dictionary(table["text"].type)
        options["column_encoding"] = {"text": "PLAIN" if plain else rng.choice(TEXT_ENCODINGS)}
        if pa.types.is_integer(label):
            options["column_encoding"]["label"] = rng.choice(NUMBER_ENCODINGS)
        elif pa.types.is_boolean(label):
            options["column_encoding"]["label"] = rng.choice(["PLAIN", "RLE"])
    return options


def text_of(value):
    """A value as bertd gives it: text, digits, true or false; None for what is missing."""
    if value is None or value is pandas.NA or value != value:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_pandas(path):
    frame = pandas.read_parquet(path, columns=["text", "label"], dtype_backend="numpy_nullable")
    return [[text_of(t), text_of(v)] for t, v in zip(frame["text"].astype(object), frame["label"].astype(object))]


def compare(driver, path):
    done = subprocess.run([driver, "table", str(path), "text", "label"], capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        return f"bertd refuses the file: {done.stderr.strip()}"
    rows = [json.loads(line) for line in done.stdout.split("\n") if line]
    expected = read_pandas(path)
    if len(rows) != len(expected):
        return f"{len(rows)} rows, pandas has {len(expected)}"
    for i, ((line, *got), wanted) in enumerate(zip(rows, expected)):
        if got != wanted or line != i + 1:
            return f"row {line}: {got!r}, pandas has {wanted!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default=os.path.join(os.environ.get("BUILD", "build"), "tests/bench/data"))
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    n_rows = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "random.parquet"
        for i in range(args.files):
            rng = random.Random(f"{args.seed} {i}")
            table = random_table(rng)
            options = random_options(rng, table)
            pq.write_table(table, path, **options)
            fault = compare(args.driver, path)
            n_rows += len(table)
            if fault:
                bad += 1
                print(f"file {i} of seed {args.seed}: {fault[:300]}\n    {table.schema.types} {options}")
    print(f"pandas {pandas.__version__}, pyarrow {pa.__version__}: {args.files} files, {n_rows} rows, {bad} files differ")
    return 1 if bad or not n_rows else 0


if __name__ == "__main__":
    sys.exit(main())
