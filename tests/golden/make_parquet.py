"""Writes the small Parquet files of tests/data/parquet, whose values stand in tests/unit/test_parquet.c, and
parquet.json: what pandas reads from the files of ../shared/data/parquet, for test_parquet.c beside this.

    python tests/golden/make_parquet.py        needs pyarrow 26.0.1 and pandas 3.1.1

All texts of the small files are our own. Each file shows one thing; the names say which.
"""

import datetime
import decimal
import hashlib
import json
import pathlib

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

FOLDER = pathlib.Path("tests/data/parquet")
SHARED = pathlib.Path("../shared/data/parquet")
TEXTS = ["A warm and funny film.", "", None, "Dull; I left early.", "Größe, 映画, \U0001f3ac", "with\0NUL",
         "A warm and funny film.", "line\nbreak", "\"quoted\", and a comma", "The end."]
LABELS = [1, 0, 0, 0, 1, None, 1, 1, 0, 1]


def features(label):
    return {"huggingface": json.dumps({"info": {"features": {
        "text": {"dtype": "string", "_type": "Value"}, "label": label}}})}


def write(name, table, **options):
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False, "store_schema": False} | options
    pq.write_table(table, FOLDER / name, **options)


def reviews(text=pa.string(), metadata=None):
    schema = pa.schema([("text", text), ("label", pa.int64())], metadata=metadata)
    return pa.table({"text": TEXTS, "label": LABELS}, schema=schema)


def write_forms():
    """The same ten rows in every form that a writer may choose."""
    names = {"names": ["negative", "positive"], "_type": "ClassLabel"}
    numbered = {"num_classes": 2, "names": {"1": "positive", "0": "negative"}, "_type": "ClassLabel"}
    write("plain.parquet", reviews())
    write("hub.parquet", reviews(metadata=features(names)), compression="snappy", use_dictionary=True,
          row_group_size=4, store_schema=True, write_statistics=True)
    write("large_zstd.parquet", reviews(pa.large_string(), features(numbered)), compression="zstd", store_schema=True)
    write("pages_v2.parquet", reviews(), compression="gzip", data_page_version="2.0", data_page_size=1,
          write_batch_size=3, column_encoding={"text": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"})
    write("delta_length_brotli.parquet", reviews(), compression="brotli",
          column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY", "label": "BYTE_STREAM_SPLIT"})
    write("dictionary_lz4.parquet", reviews(), compression="lz4", use_dictionary=True, data_page_size=1,
          write_batch_size=2)
    frame = pandas.DataFrame({"text": pandas.Categorical(TEXTS), "label": pandas.array(LABELS, dtype="Int64")})
    frame.to_parquet(FOLDER / "categories.parquet", compression="snappy")


def write_types():
    columns = {
        "bool": pa.array([True, False, None]),
        "int8": pa.array([-128, 127, None], pa.int8()),
        "uint8": pa.array([0, 255, None], pa.uint8()),
        "int16": pa.array([-32768, 32767, None], pa.int16()),
        "uint16": pa.array([0, 65535, None], pa.uint16()),
        "int32": pa.array([-2**31, 2**31 - 1, None], pa.int32()),
        "uint32": pa.array([0, 2**32 - 1, None], pa.uint32()),
        "int64": pa.array([-2**63, 2**63 - 1, None], pa.int64()),
        "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "half": pa.array([0.0, 1.5, None], pa.float16()),
        "float": pa.array([0.0, 1.5, None], pa.float32()),
        "double": pa.array([0.0, 1.5, None], pa.float64()),
        "null": pa.nulls(3),
    }
    write("types.parquet", pa.table(columns))
    other = {
        "list": pa.array([["a"]]),
        "struct": pa.array([{"a": 1}]),
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        "binary": pa.array([b"a"]),
        "fixed": pa.array([b"ab"], pa.binary(2)),
        "decimal": pa.array([decimal.Decimal("1.5")]),
        "date": pa.array([datetime.date(2024, 1, 1)]),
        "time": pa.array([datetime.time(1, 2)]),
        "timestamp": pa.array([datetime.datetime(2024, 1, 1)]),
        "text": pa.array(["read"]),
    }
    write("unread.parquet", pa.table(other))


def write_odd():
    write("empty.parquet", reviews().slice(0, 0))
    required = pa.schema([pa.field("text", pa.string(), nullable=False), pa.field("label", pa.bool_(), nullable=False)])
    write("required.parquet", pa.table({"text": ["a", "b"], "label": [True, False]}, schema=required))
    write("twice.parquet", pa.table([pa.array(["a"]), pa.array(["b"]), pa.array([1])], names=["text", "text", "label"]))
    latin = pa.array([b"good", b"also good", "schön".encode("latin-1"), b"good"])
    latin = pa.Array.from_buffers(pa.string(), len(latin), latin.buffers())
    write("latin1.parquet", pa.table({"text": latin, "label": pa.array([0, 1, 0, 1])}))


class Keys(pe.KmsClient):
    """Keys that nobody has to keep: what they wrap, they leave as it is."""

    def wrap_key(self, key_bytes, master_key_identifier):
        return key_bytes.hex().encode()

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return bytes.fromhex(wrapped_key.decode())


def write_encrypted():
    """The column text encrypted; a footer that everybody can read, and one that nobody can."""
    factory = pe.CryptoFactory(lambda config: Keys())
    for name, plain in [("encrypted_column.parquet", True), ("encrypted.parquet", False)]:
        properties = factory.file_encryption_properties(
            pe.KmsConnectionConfig(), pe.EncryptionConfiguration("footer", column_keys={"text": ["text"]}, plaintext_footer=plain))
        write(name, pa.table({"text": ["a", "b"], "label": [0, 1]}), encryption_properties=properties)


def sums():
    """The number of rows and the sha256 of all rows as text, NUL, label, LF."""
    files = {}
    for path in sorted(SHARED.glob("*.parquet")):
        frame = pandas.read_parquet(path)
        label = "intent" if "intent" in frame else "label"
        digest = hashlib.sha256()
        for text, value in zip(frame["text"], frame[label]):
            digest.update(f"{text}\0{value}\n".encode())
        files[path.name] = {"label": label, "rows": len(frame), "sha256": digest.hexdigest()}
    return {"versions": {"pandas": pandas.__version__, "pyarrow": pa.__version__}, "files": files}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_forms()
    write_types()
    write_odd()
    write_encrypted()
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:6} {path.name}")
        assert path.stat().st_size < 5000
    if SHARED.is_dir():
        pathlib.Path("tests/golden/parquet.json").write_text(json.dumps(sums(), indent=1) + "\n")


if __name__ == "__main__":
    main()
