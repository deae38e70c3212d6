"""The same repositories of the mock hub, fetched by bertd and by huggingface_hub.

    .deps/venv/bin/python tests/golden/hub_parity.py

It judges the mock too: the real client has to get along with it. Compared are the commits, every byte of every file, where the
files lie (each reads the other's cache), and what is refused. Exits 1 when anything differs.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from mock_hub import MockHub

BUILD = os.environ.get("BUILD", "build")
DRIVER = os.path.join(BUILD, "tests/integration/fetch_driver")
MODEL = {"config.json": b'{"model_type": "bert"}', "vocab.txt": b"[PAD]\n[UNK]\n", "tokenizer.json": b"{}",
         "model.safetensors": random.Random(1).randbytes(300_000)}
DATA = {"plain text/a b.csv": b"text,label\n", "t.parquet": b"P" * 5000}
REFUSED = {"acme/gated": "GatedRepoError", "acme/none": "RepositoryNotFoundError", "acme/tiny@v9": "RevisionNotFoundError"}
CODES = {"GatedRepoError": "ERR_DENIED", "RepositoryNotFoundError": "ERR_NOT_FOUND", "RevisionNotFoundError": "ERR_NOT_FOUND"}
faults = []


def check(what, ours, theirs):
    if ours != theirs:
        faults.append(f"{what}: bertd has {ours!r}, huggingface_hub {theirs!r}")


def ask(folder, hub, *calls):
    options = json.dumps({"dir": str(folder), **hub.options()})
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    out = subprocess.run([DRIVER, options], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def contents(folder):
    return {p.name: p.read_bytes() for p in pathlib.Path(folder).iterdir()}


def compare_models(hub, client, ours, theirs):
    for name in ("acme/tiny", "tiny", "acme/tiny@refs/pr/1"):
        repo, _, revision = name.partition("@")
        folder = client.snapshot_download(repo, revision=revision or None, cache_dir=theirs)
        fetched, = ask(ours, hub, {"model": name})
        in_place, = ask(theirs, hub, {"snapshot": name})
        check(f"{name}: files", contents(fetched["path"]), contents(folder))
        check(f"{name}: commit", fetched["commit"], pathlib.Path(folder).name)
        check(f"{name}: read in place", in_place["path"], folder)
        cached = client.try_to_load_from_cache(repo, "config.json", cache_dir=ours, revision=revision or None)
        check(f"{name}: in our cache", fetched["path"] + "/config.json", str(cached))


def compare_data(hub, client, ours, theirs):
    for path, data in DATA.items():
        file = client.hf_hub_download("acme/rows", path, repo_type="dataset", cache_dir=theirs)
        fetched, = ask(ours, hub, {"file": "hf://datasets/acme/rows/" + path})
        check(path, pathlib.Path(fetched["path"]).read_bytes(), pathlib.Path(file).read_bytes())
        check(f"{path}: place", os.path.relpath(fetched["path"], ours), os.path.relpath(file, theirs))


def compare_refusals(hub, client, ours, theirs):
    for name, expected in REFUSED.items():
        repo, _, revision = name.partition("@")
        try:
            client.hf_hub_download(repo, "config.json", revision=revision or None, cache_dir=theirs)
            error = "nothing"
        except client.errors.HfHubHTTPError as e:
            error = type(e).__name__
        check(f"{name}: the mock's refusal", expected, error)
        check(name, ask(ours, hub, {"model": name})[0]["err"], CODES.get(error))


with MockHub() as hub, tempfile.TemporaryDirectory() as folder:
    os.environ.update(HF_ENDPOINT=hub.endpoint, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1",
                      HF_HOME=f"{folder}/home")
    os.environ.pop("HF_HUB_OFFLINE", None)
    import huggingface_hub

    repo = hub.add_model("acme/tiny", MODEL)
    repo.tag("refs/pr/1")
    repo.update(MODEL | {"vocab.txt": b"[UNK]\n"})
    hub.alias("tiny", "acme/tiny")
    hub.add_model("acme/gated", MODEL).gated = True
    hub.add_dataset("acme/rows", DATA)
    for compare in (compare_models, compare_data, compare_refusals):
        compare(hub, huggingface_hub, pathlib.Path(folder, "ours"), pathlib.Path(folder, "theirs"))

for fault in faults:
    print(fault)
print(f"hub_parity: {len(faults)} differences (huggingface_hub {huggingface_hub.__version__})")
sys.exit(bool(faults))
