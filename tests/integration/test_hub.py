"""Downloads from a mock of the Hub: what is fetched, what is refused and why, and that every cut ends well."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from daemon import BINARY, Daemon
from mock_hub import TOKEN, MockHub, git_hash

DRIVER = BINARY.parent / "tests" / "integration" / "fetch_driver"
CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8}).encode()
WEIGHTS = random.Random(1).randbytes(300_000)
MODEL = {"config.json": CONFIG, "vocab.txt": b"[PAD]\n[UNK]\n", "tokenizer_config.json": b"{}", "model.safetensors": WEIGHTS}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Fetcher:
    """The fetcher in a process of its own, asked over pipes."""

    def __init__(self, folder, hub, **options):
        options = {"dir": str(folder), **hub.options(), **options}
        self.process = subprocess.Popen([DRIVER, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self, **call):
        self.process.stdin.write(json.dumps(call).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, **call):
        self.begin(**call)
        return json.loads(self.process.stdout.readline())

    def model(self, name, **more):
        return self.ask(model=name, **more)

    def file(self, name, **more):
        return self.ask(file=name, **more)

    def peak_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def close(self):
        if self.process.returncode is None:
            self.process.communicate()
            assert self.process.returncode == 0, f"the fetcher ended with {self.process.returncode}"


class Hub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = MockHub()

    @classmethod
    def tearDownClass(cls):
        cls.hub.close()

    def setUp(self):
        self.hub.calm()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bertd-test-"))
        self.cache = self.folder / "hub"
        self.addCleanup(shutil.rmtree, self.folder)
        self.fetcher = self.start()

    def start(self, **options):
        fetcher = Fetcher(self.cache, self.hub, **options)
        self.addCleanup(fetcher.close)
        return fetcher

    def assertErr(self, answer, code, *words):
        self.assertEqual(answer["err"], code, answer)
        for word in words:
            self.assertIn(word, answer["message"])
        self.assertNotIn(str(self.folder), answer["message"])

    def assertIs_model(self, answer, files):
        self.assertEqual(answer["err"], "OK", answer)
        folder = pathlib.Path(answer["path"])
        self.assertEqual({p.name: p.read_bytes() for p in folder.iterdir()}, files)

    def incomplete(self):
        return [p for p in self.cache.glob("*/incomplete/*")]


class Models(Hub):
    def test_a_model_comes_whole_and_once(self):
        rest = {"README.md": b"# hi", "pytorch_model.bin": b"pickle", "onnx/model.onnx": b"x", ".gitattributes": b"x"}
        repo = self.hub.add_model("acme/tiny", MODEL | rest)
        answer = self.fetcher.model("acme/tiny")
        self.assertIs_model(answer, MODEL)
        self.assertEqual(answer["commit"], repo.commit)
        self.assertEqual(pathlib.Path(answer["path"]), self.cache / "models--acme--tiny" / "snapshots" / repo.commit)
        self.assertEqual((self.cache / "models--acme--tiny/refs/main").read_text(), repo.commit)
        self.assertEqual(self.incomplete(), [])
        self.hub.calm()
        self.assertEqual(self.fetcher.model("acme/tiny")["path"], answer["path"])
        self.assertEqual([r.target for r in self.hub.requests], ["hub/api/models/acme/tiny/revision/main?blobs=true"])

    def test_revisions_are_branches_tags_commits_and_pull_requests(self):
        repo = self.hub.add_model("acme/revs", MODEL)
        first = repo.commit
        repo.tag("v1.0")
        second = repo.update(MODEL | {"vocab.txt": b"[UNK]\n"})
        repo.tag("refs/pr/3", first)
        for revision, commit in (("@v1.0", first), ("", second), ("@main", second), ("@refs/pr/3", first)):
            self.assertEqual(self.fetcher.model("acme/revs" + revision)["commit"], commit)
        self.hub.calm()
        self.assertEqual(self.fetcher.model("acme/revs@" + first)["commit"], first)
        self.assertEqual(self.hub.requests, [])

    def test_a_legacy_name_follows_the_redirect(self):
        self.hub.add_model("google/bert-old", MODEL)
        self.hub.alias("bert-old", "google/bert-old")
        self.assertIs_model(self.fetcher.model("bert-old"), MODEL)
        self.assertTrue((self.cache / "models--bert-old").is_dir())

    def test_shards_come_with_their_index(self):
        parts = {f"model-0000{i}-of-00002.safetensors": WEIGHTS[i:] for i in (1, 2)}
        index = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
                                           "c": "model-00001-of-00002.safetensors"}}).encode()
        files = {k: v for k, v in MODEL.items() if k != "model.safetensors"} | parts | {"model.safetensors.index.json": index}
        self.hub.add_model("acme/shards", files | {"model-00009-of-00009.safetensors": b"x"})
        self.assertIs_model(self.fetcher.model("acme/shards"), files)

    def test_a_mirror_without_sizes_and_hashes_is_checked_by_the_heads(self):
        repo = self.hub.add_model("acme/mirror", MODEL)
        self.hub.blobs_in_api = False
        repo.corrupt("vocab.txt", b"[PAD]\n[UNk]\n")
        self.assertErr(self.fetcher.model("acme/mirror"), "ERR_NETWORK", "vocab.txt", git_hash(MODEL["vocab.txt"]))
        repo.update(MODEL)
        self.assertIs_model(self.fetcher.model("acme/mirror"), MODEL)

    def test_names_from_the_hub_lead_nowhere(self):
        hostile = ["../../evil", "/etc/passwd", "config.json/../../x", "model-00001-of-00001.safetensors/../../y", "a\0b",
                   "model-1-of-1.safetensors", "..", "vocab.txt\n", "x" * 5000]
        self.hub.add_model("acme/hostile", MODEL).siblings = hostile
        self.assertIs_model(self.fetcher.model("acme/hostile"), MODEL)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["hub"])

    def test_an_index_that_names_other_files_is_refused(self):
        base = {k: v for k, v in MODEL.items() if k != "model.safetensors"}
        for i, name in enumerate(["../../../evil", "vocab.txt", "/etc/passwd", "model-00001-of-00001.safetensors", 7, ""]):
            index = json.dumps({"weight_map": {"a": name}}).encode()
            self.hub.add_model(f"acme/index{i}", base | {"model.safetensors.index.json": index})
            self.assertErr(self.fetcher.model(f"acme/index{i}"), "ERR_INVALID", "model.safetensors.index.json")
        index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "../../evil"}}
        self.hub.add_model("acme/half", base | {"model-00001-of-00002.safetensors": WEIGHTS,
                                                "model.safetensors.index.json": json.dumps(index).encode()})
        self.assertErr(self.fetcher.model("acme/half"), "ERR_INVALID", "../../evil")
        self.assertEqual(self.hub.count("storage"), 0)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["hub"])

    def test_what_cannot_be_used_is_refused_before_the_weights(self):
        cases = [
            ("gpt", MODEL | {"config.json": b'{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}'},
             "ERR_UNSUPPORTED", ("gpt2", "GPT2LMHeadModel", "BertForSequenceClassification")),
            ("pickle", {"config.json": CONFIG, "vocab.txt": b"x", "pytorch_model.bin": b"x"},
             "ERR_UNSUPPORTED", ("pickled", "safe_serialization=True")),
            ("noconfig", {"model.safetensors": WEIGHTS}, "ERR_UNSUPPORTED", ("config.json",)),
            ("noweights", {"config.json": CONFIG}, "ERR_UNSUPPORTED", ("model.safetensors",)),
            ("notokens", {"config.json": CONFIG, "model.safetensors": WEIGHTS}, "ERR_UNSUPPORTED", ("vocab.txt",)),
            ("notjson", MODEL | {"config.json": b"{"}, "ERR_INVALID", ("config.json",)),
            ("list", MODEL | {"config.json": b"[]"}, "ERR_INVALID", ("config.json",)),
            ("bomb", MODEL | {"config.json": b"[" * 100_000}, "ERR_INVALID", ("config.json",)),
            ("large", MODEL | {"tokenizer.json": b" " * ((16 << 20) + 1)}, "ERR_TOO_LARGE", ("tokenizer.json",)),
        ]
        for name, files, code, words in cases:
            with self.subTest(name):
                self.hub.add_model("acme/" + name, files)
                self.assertErr(self.fetcher.model("acme/" + name), code, *words)
        self.assertEqual(self.hub.count("safetensors|/lfs/"), 0)

    def test_bombs_leave_the_process_small(self):
        answers = [b"[" * (8 << 20), b'{"siblings": [' + b"{}," * 2_700_000 + b"1]}", b" " * ((8 << 20) + 1),
                   b'{"siblings": [' + b'{"rfilename": "vocab.txt"},' * 300_000 + b"1]}"]
        self.hub.add_model("acme/bomb", MODEL)
        for answer in answers:
            self.hub.on("api/models", status=200, body=answer)
            self.assertIn(self.fetcher.model("acme/bomb")["err"], ("ERR_NETWORK", "ERR_TOO_LARGE"))
        many = b'{"a": [' + b"{}," * 1_300_000 + b"1]}"
        index = many.replace(b"a", b"weight_map")
        for i, files in enumerate([{"config.json": many}, {"config.json": b"[" * (4 << 20)}, {"config.json": b" " * (5 << 20)},
                                   {"model.safetensors.index.json": index}]):
            base = {k: v for k, v in MODEL.items() if k != "model.safetensors" or i < 3}
            self.hub.add_model(f"acme/bomb{i}", base | files)
            self.assertIn(self.fetcher.model(f"acme/bomb{i}")["err"], ("ERR_INVALID", "ERR_TOO_LARGE"))
        self.hub.on("api/models", status=200, body=b"\x1f\x8b" * 1000, headers={"Content-Encoding": "gzip"})
        self.assertErr(self.fetcher.model("acme/bomb"), "ERR_UNSUPPORTED")
        self.assertLess(self.fetcher.peak_kib(), 64 << 10)

    def test_what_the_hub_refuses_says_what_to_do(self):
        self.hub.add_model("acme/gated", MODEL).gated = True
        self.hub.add_model("acme/private", MODEL).private = True
        self.hub.add_model("acme/open", MODEL)
        wrong, right = self.start(token="hf_wrong"), self.start(token=TOKEN)
        self.assertErr(self.fetcher.model("acme/gated"), "ERR_DENIED", "gated", "hf_token")
        self.assertErr(right.model("acme/gated"), "ERR_DENIED", "gated", "account")
        self.assertErr(self.fetcher.model("acme/private"), "ERR_NOT_FOUND", "private", "hf_token")
        self.assertErr(self.fetcher.model("acme/nothing"), "ERR_NOT_FOUND", "acme/nothing", "private")
        self.assertErr(right.model("acme/nothing"), "ERR_NOT_FOUND", "acme/nothing")
        self.assertErr(wrong.model("acme/open"), "ERR_DENIED", "hf_token")
        self.assertErr(self.fetcher.model("acme/open@v9"), "ERR_NOT_FOUND", "v9")
        self.assertErr(self.fetcher.model("acme/../open"), "ERR_INVALID", "OWNER/NAME")
        self.hub.on("api/models/acme/open", body=b'{"sha": "../x", "siblings": []}', status=200)
        self.assertErr(self.fetcher.model("acme/open"), "ERR_NETWORK", "commit")

    def test_the_token_goes_to_the_hub_and_nowhere_else(self):
        repo = self.hub.add_model("acme/secret", MODEL)
        repo.private = repo.gated = repo.accepted = True
        self.assertIs_model(self.start(token=TOKEN).model("acme/secret"), MODEL)
        self.assertTrue(all(r.token == TOKEN for r in self.hub.requests if r.target.startswith("hub")))
        self.assertEqual((self.hub.count("^storage"), self.hub.tokens_at_storage()), (1, []))


class Cuts(Hub):
    def test_200_downloads_cut_at_random_bytes_end_right(self):
        rng = random.Random(20261124)
        files = {f"data/{i}.parquet": rng.randbytes(rng.randrange(1, 300_000)) for i in range(200)}
        self.hub.add_dataset("acme/cuts", files)
        for data in files.values():  # the first request only looks
            self.hub.on("lfs/" + sha256(data), times=1 + rng.randrange(1, 4), cut=lambda n: rng.randrange(n))
        for path, data in files.items():
            answer = self.fetcher.file("hf://datasets/acme/cuts/" + path)
            self.assertEqual((answer["err"], answer["sha256"]), ("OK", sha256(data)), answer)
            self.assertEqual(pathlib.Path(answer["path"]).read_bytes(), data)
        self.assertGreater(sum(1 for r in self.hub.requests if r.range and r.status == 206), 150)
        self.assertEqual(self.incomplete(), [])

    def test_a_model_goes_on_where_a_killed_process_was(self):
        self.hub.add_model("acme/killed", MODEL)
        self.hub.on("storage/lfs", pause=30)
        self.fetcher.begin(model="acme/killed")
        part = self.cache / "models--acme--killed" / "incomplete" / sha256(WEIGHTS)
        Daemon.wait_for(lambda: part.exists() and part.stat().st_size >= 100_000, "half of the weights")
        self.fetcher.kill()
        there = part.stat().st_size
        self.hub.calm()
        self.assertIs_model(self.start().model("acme/killed"), MODEL)
        self.assertEqual([r.range for r in self.hub.requests if r.target.startswith("storage")], [f"bytes={there}-"])
        self.assertEqual(self.hub.count("config.json|vocab.txt"), 0)

    def test_a_server_that_ignores_ranges_starts_over(self):
        self.hub.add_model("acme/plain", MODEL)
        self.hub.ranges = False
        self.hub.on("storage/lfs", times=2, cut=lambda n: n // 2)
        self.assertIs_model(self.fetcher.model("acme/plain"), MODEL)

    def test_416_starts_over(self):
        self.hub.add_model("acme/range", MODEL)
        self.hub.on("storage/lfs", cut=1000)
        self.hub.on("storage/lfs", status=416)
        self.assertIs_model(self.fetcher.model("acme/range"), MODEL)
        self.assertEqual([r.range for r in self.hub.requests if r.target.startswith("storage")], ["", "bytes=1000-", ""])

    def test_a_wrong_hash_is_fetched_once_more_and_then_named(self):
        for path in ("model.safetensors", "vocab.txt"):
            repo = self.hub.add_model("acme/wrong", MODEL)
            data = bytes(reversed(MODEL[path]))
            repo.corrupt(path, data)
            self.hub.calm()
            answer = self.fetcher.model("acme/wrong")
            digest = sha256 if path == "model.safetensors" else git_hash
            self.assertErr(answer, "ERR_NETWORK", path, digest(data), digest(MODEL[path]))
            self.assertEqual(self.hub.count("storage" if path == "model.safetensors" else path), 2)
            repo.update(MODEL)
            shutil.rmtree(self.cache / "models--acme--wrong/incomplete")
        self.assertIs_model(self.fetcher.model("acme/wrong"), MODEL)

    def test_a_wrong_length_is_no_file(self):
        repo = self.hub.add_model("acme/length", MODEL)
        for data in (WEIGHTS + b"x", WEIGHTS[:-1]):
            repo.corrupt("model.safetensors", data)
            self.assertErr(self.fetcher.model("acme/length"), "ERR_NETWORK", "model.safetensors")

    def test_busy_servers_are_asked_again_in_time(self):
        self.hub.add_model("acme/busy", MODEL)
        self.hub.on("api/models", status=429, headers={"Retry-After": "7"})
        self.hub.on("api/models", times=2, status=503)
        answer = self.fetcher.model("acme/busy")
        self.assertEqual((answer["err"], answer["slept_ms"]), ("OK", 7000 + 2000 + 4000))
        self.hub.calm()
        shutil.rmtree(self.cache)
        self.hub.on("storage/lfs", times=99, status=500)
        answer = self.fetcher.model("acme/busy")
        self.assertErr(answer, "ERR_NETWORK", "500")
        self.assertEqual((answer["slept_ms"], self.hub.count("storage")), (1000 + 2000 + 4000 + 8000, 5))
        self.hub.calm()
        self.hub.on("storage/lfs", status=429, headers={"Retry-After": "3600"})
        self.assertErr(self.fetcher.model("acme/busy"), "ERR_NETWORK", "429")
        self.assertEqual(self.hub.count("storage"), 1)


class Caches(Hub):
    def test_offline_uses_what_is_there(self):
        repo = self.hub.add_model("acme/off", MODEL)
        self.hub.add_dataset("acme/rows", {"a.csv": b"text,label\n"})
        self.fetcher.model("acme/off")
        self.fetcher.file("hf://datasets/acme/rows/a.csv")
        self.hub.calm()
        offline = self.start(offline=True)
        self.assertIs_model(offline.model("acme/off"), MODEL)
        self.assertIs_model(offline.model("acme/off@" + repo.commit), MODEL)
        self.assertEqual(offline.file("hf://datasets/acme/rows/a.csv")["sha256"], sha256(b"text,label\n"))
        self.assertErr(offline.model("acme/off@v2"), "ERR_NOT_FOUND", "offline")
        self.assertErr(offline.file("hf://datasets/acme/rows/b.csv"), "ERR_NOT_FOUND", "offline")
        self.assertErr(self.fetcher.model("acme/never", cached_only=True), "ERR_ABSENT", "acme/never")
        self.assertErr(self.fetcher.file(self.hub.file_url("x.csv"), cached_only=True), "ERR_ABSENT")
        self.assertEqual(self.hub.requests, [])

    def test_a_model_that_is_half_there_is_not_there(self):
        self.hub.add_model("acme/half", MODEL)
        self.hub.on("storage/lfs", times=99, status=500)
        self.fetcher.model("acme/half")
        self.assertErr(self.fetcher.model("acme/half", cached_only=True), "ERR_ABSENT")

    def test_a_hub_out_of_reach_is_no_reason_to_do_without(self):
        self.hub.add_model("acme/down", MODEL)
        self.hub.add_dataset("acme/down", {"a.csv": b"text\n"})
        self.fetcher.model("acme/down")
        self.fetcher.file("hf://datasets/acme/down/a.csv")
        self.hub.down = True
        self.assertIs_model(self.fetcher.model("acme/down"), MODEL)
        self.assertEqual(self.fetcher.file("hf://datasets/acme/down/a.csv")["err"], "OK")
        self.assertErr(self.fetcher.model("acme/never"), "ERR_NETWORK")

    def test_the_least_recently_used_makes_room(self):
        for i in range(4):
            self.hub.add_model(f"acme/m{i}", MODEL | {"model.safetensors": bytes([i]) * 100_000})
        small = self.start(max_cache_bytes=250_000)
        folders = [small.model(f"acme/m{i}")["path"] for i in range(2)]
        self.assertErr(small.model("acme/m2"), "ERR_DISK_FULL", "max_hub_bytes")
        self.age(folders[0], hours=2)
        self.age(folders[1], hours=3)
        small.model("acme/m0")
        self.assertEqual(small.model("acme/m2")["err"], "OK")
        self.assertEqual([pathlib.Path(f).exists() for f in folders], [True, False])
        self.assertErr(small.model("acme/m3"), "ERR_DISK_FULL")

    def age(self, snapshot, hours):
        mark = pathlib.Path(snapshot).parents[1] / "used" / pathlib.Path(snapshot).name
        then = time.time() - 3600 * hours
        os.utime(mark, (then, then))

    def test_limits_of_a_file_and_of_the_disk(self):
        self.hub.add_model("acme/tight", MODEL)
        self.assertErr(self.start(max_file_bytes=200_000).model("acme/tight"), "ERR_TOO_LARGE", "300000")
        self.assertErr(self.start(min_free_bytes=1 << 60).model("acme/tight"), "ERR_DISK_FULL")
        self.assertEqual(self.hub.count("storage"), 0)

    def test_a_cache_of_huggingface_hub_is_read_in_place(self):
        blobs = self.folder / "hub/models--acme--linked/blobs"
        snapshot = self.folder / "hub/models--acme--linked/snapshots" / ("ab" * 20)
        blobs.mkdir(parents=True)
        snapshot.mkdir(parents=True)
        (blobs / "x").write_bytes(CONFIG)
        (snapshot / "config.json").symlink_to("../../blobs/x")
        (self.folder / "hub/models--acme--linked/refs").mkdir()
        (self.folder / "hub/models--acme--linked/refs/main").write_text("ab" * 20)
        self.assertEqual(self.fetcher.ask(snapshot="acme/linked")["path"], str(snapshot))
        self.assertErr(self.fetcher.ask(snapshot="acme/linked@v1"), "ERR_NOT_FOUND")


class Files(Hub):
    def test_a_data_file_comes_from_the_revision_that_is_named(self):
        repo = self.hub.add_dataset("acme/data", {"a b/train.csv": b"1", "t.parquet": b"P" * 5000})
        repo.tag("refs/convert/parquet")
        repo.update({"a b/train.csv": b"2"})
        for name, content in (("acme/data/a b/train.csv", b"2"), ("acme/data@refs/convert/parquet/a%20b/train.csv", b"1"),
                              ("acme/data@~parquet/t.parquet", b"P" * 5000)):
            answer = self.fetcher.file("hf://datasets/" + name)
            self.assertEqual((answer["err"], answer["sha256"]), ("OK", sha256(content)), answer)
            self.assertEqual(pathlib.Path(answer["path"]).read_bytes(), content)
        self.assertErr(self.fetcher.file("hf://datasets/acme/data/t.parquet"), "ERR_NOT_FOUND", "t.parquet")
        self.assertErr(self.fetcher.file("hf://datasets/acme/none/t.parquet"), "ERR_NOT_FOUND", "acme/none")
        for bad in ("acme/data/../x", "acme/data/%2e%2e/x", "acme/data/a//b", "acme/data/.git/config", "acme/x", "data/a.csv"):
            self.assertErr(self.fetcher.file("hf://datasets/" + bad), "ERR_INVALID", "hf://datasets/")

    def test_a_url_is_asked_for_again_with_its_etag(self):
        self.hub.add_file("r.csv", b"text,label\n", etag="v1")
        url = self.hub.file_url("r.csv")
        first = self.fetcher.file(url)
        self.assertEqual((first["err"], first["sha256"]), ("OK", sha256(b"text,label\n")))
        self.hub.calm()
        self.assertEqual(self.fetcher.file(url)["path"], first["path"])
        self.assertEqual([r.status for r in self.hub.requests], [304])
        self.hub.add_file("r.csv", b"text,label\na,b\n", etag="v2")
        second = self.fetcher.file(url)
        self.assertEqual(pathlib.Path(second["path"]).read_bytes(), b"text,label\na,b\n")
        self.assertTrue(pathlib.Path(first["path"]).exists())
        self.hub.down = True
        self.assertEqual(self.fetcher.file(url)["path"], second["path"])
        self.assertEqual(self.fetcher.file(url, cached_only=True)["sha256"], second["sha256"])

    def test_a_cut_url_goes_on_only_while_it_is_the_same(self):
        data = random.Random(3).randbytes(200_000)
        self.hub.add_file("big.csv", data, etag="v1")
        url = self.hub.file_url("big.csv")
        self.hub.on("big.csv", times=2, cut=150_000)  # the first request only looks
        self.assertEqual(self.fetcher.file(url)["sha256"], sha256(data))
        self.assertIn("bytes=150000-", [r.range for r in self.hub.requests])
        for etag in ("v2", None):
            other = bytes(reversed(data)) if etag else data
            self.hub.add_file("big.csv", data, etag=etag and "v2")
            self.hub.on("big.csv", times=2, cut=150_000)
            self.hub.on("big.csv", times=4, status=500)
            self.assertErr(self.fetcher.file(url), "ERR_NETWORK", "500")
            self.hub.add_file("big.csv", other, etag=etag and "v3")
            self.assertEqual(self.fetcher.file(url)["sha256"], sha256(other))

    def test_hosts_that_are_not_allowed_are_not_asked(self):
        other = self.start(data_hosts="files.example.org, .example.com")
        self.assertErr(other.file(self.hub.file_url("x.csv")), "ERR_DENIED", "data_hosts")
        self.assertErr(self.fetcher.file("https://files.example.net/x.csv"), "ERR_DENIED", "files.example.net")
        self.assertErr(self.fetcher.file("ftp://127.0.0.1/x.csv"), "ERR_UNSUPPORTED", "ftp")
        self.assertErr(self.fetcher.file("file:///etc/passwd"), "ERR_UNSUPPORTED")
        self.hub.on("x.csv", status=302, headers={"Location": "http://localhost:1/x.csv"})
        self.assertErr(self.fetcher.file(self.hub.file_url("x.csv")), "ERR_DENIED", "localhost")
        self.assertErr(self.fetcher.file(self.hub.file_url("gone.csv")), "ERR_NOT_FOUND")
        self.hub.on("odd.csv", status=304)
        self.assertErr(self.fetcher.file(self.hub.file_url("odd.csv")), "ERR_NETWORK", "304")

    def test_files_are_counted_and_reported(self):
        self.hub.add_dataset("acme/progress", {"t.parquet": b"P" * 5000})
        answer = self.fetcher.file("hf://datasets/acme/progress/t.parquet")
        self.assertEqual(answer["bytes"], 5000)
        self.assertGreaterEqual(answer["reports"], 2)
        self.assertEqual(self.fetcher.file("hf://datasets/acme/progress/t.parquet")["reports"], 0)


if __name__ == "__main__":
    unittest.main()
