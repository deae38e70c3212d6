"""Writes data.json: what numpy, pandas and scikit-learn do with rows, for test_data.c.

Run with the reference environment:  .deps/venv/bin/python tests/golden/make_data.py
The versions that made the committed file stand in it under "versions".
"""

import io
import json
import os

import numpy
import pandas
import sklearn
from sklearn.model_selection import train_test_split

SAMPLES = [(1, 1, 0), (2, 2, 1), (10, 10, 42), (33, 7, 3), (256, 16, 2**32 - 1), (257, 16, 7),
           (625, 15, 42), (1000, 20, 123456789), (25000, 12, 42), (70000, 12, 2**31)]
SPLITS = [(2, 0.5, 0), (10, 0.1, 42), (11, 0.1, 42), (30, 0.29, 1), (100, 0.07, 2024), (625, 0.2, 42)]

# Own examples: each pair is the file and whether its columns are read as they stand.
CSV = [
    b"text,label\nplain,a\n",
    b"text,label\r\nwindows,a\r\nlines,b\r\n",
    b"text,label\rold mac,a\r lines,b\r",
    b"text,label\nno end,a",
    b"text,label\nopen end,",
    b'\xef\xbb\xbf"text","label"\n"mark","a"\n',
    b"\n \t\n\ntext,label\n\n  \t \na,b\n   \nc,d\n\t",
    b'text,label\n"two\nlines",a\n"three\r\nand\rmore",b\n',
    b'text,label\n"say ""yes""",a\n"""",b\n"",c\n',
    b'text,label\nin"side,a\n"ab"cd"e,b\n"x" "y",c\n',
    b'text,label\n  lead,a\n  "quoted",b\ntrail  ,c\n',
    b'text,label\n"comma, inside",a\n,b\n"",c\n',
    b"text\none\n\n  \n\"\"\n\" \"\ntwo\n",
    "text,label\nüber,ä\n語,b\n🎉🎉,c\n\u2028,d\n".encode(),
    b"id,text,label\n1,a,x\n2,b,y\n",
    b"text,label\na,1\n",
    b"text,label\nNA,x\nnull,y\nnan,None\n",
    b'text,label\r\n"a\r\n\r\nb",1\r\n\r\n"c",2\r\n',
    b"text,label\n\x0b,a\n\x0c,b\n\x1a,c\n\x7f,d\n",
    b'"a","b"\r"1","2"\r\r\r"3","4"',
    b'text,label\n""",",a\n",""",b\n',
]
# Label columns: whether pandas calls them integers, and the integers.
LABELS = [["0", "1"], [" 1", "2 "], ["+1", "-1"], ["007", "7"], ["1", "x"], ["1.0", "2"], ["1", "NA"], ["1e3", "2"],
          ["true", "false"], ["- 1", "2"], ["0x1", "2"], ["1_000", "2"]]


def csv_case(data):
    frame = pandas.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    return {"bytes": data.hex(), "columns": list(frame.columns), "rows": frame.values.tolist()}


def label_case(values):
    column = pandas.read_csv(io.StringIO("label,x\n" + "".join(v + ",x\n" for v in values)))["label"]
    # With a missing value the column is float64; without it, it would have been integers.
    kept = column.dropna()
    numbers = pandas.api.types.is_numeric_dtype(column) and not pandas.api.types.is_bool_dtype(column)
    numbers = numbers and bool((kept == kept.astype("int64")).all()) and all("." not in v and "e" not in v for v in values)
    return {"values": values, "numbers": [int(v) for v in kept] if numbers else None}


def sample_case(n, k, seed):
    rows = pandas.DataFrame({"row": numpy.arange(n)}).sample(n=k, random_state=seed)["row"]
    return {"n": n, "k": k, "seed": seed, "rows": rows.tolist()}


def split_case(n, share, seed):
    train, test = train_test_split(numpy.arange(n), test_size=share, random_state=seed)
    return {"n": n, "share": share, "seed": seed, "test": test.tolist(), "train": train.tolist()}


def main():
    out = {
        "versions": {"numpy": numpy.__version__, "pandas": pandas.__version__, "scikit-learn": sklearn.__version__},
        "samples": [sample_case(*case) for case in SAMPLES],
        "splits": [split_case(*case) for case in SPLITS],
        "csv": [csv_case(data) for data in CSV],
        "labels": [label_case(values) for values in LABELS],
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data.json")
    with open(path, "w", encoding="ascii") as f:
        f.write("{\n")
        for i, (key, value) in enumerate(out.items()):
            lines = value if isinstance(value, list) else [value]
            text = ",\n  ".join(json.dumps(v) for v in lines)
            text = f"[\n  {text}\n ]" if isinstance(value, list) else text
            f.write(f' "{key}": {text}' + (",\n" if i + 1 < len(out) else "\n"))
        f.write("}\n")


if __name__ == "__main__":
    main()
