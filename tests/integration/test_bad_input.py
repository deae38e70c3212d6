"""Wrong requests: each is a 4xx with the right pointer, nothing is queued, and the daemon goes on.

A case is (what is wrong, status, pointer or None, request). A request to POST /jobs is written as the change that it
makes to a valid job; other requests as (method, path, body, headers).
"""

import copy
import json
import unittest

from daemon import DaemonTest, csv_of, make_tiny_bert, toy_rows

DELETE = object()
LONG = "x" * 5000


def args(name, value):
    return {("args", name): value}


def job_cases(ds):
    """Changes to a valid job, and the pointer each must be refused with."""
    yield from [
        ("no model", 422, "#/model", {("model",): DELETE}),
        ("model null", 422, "#/model", {("model",): None}),
        ("model a number", 422, "#/model", {("model",): 5}),
        ("model empty", 422, "#/model", {("model",): ""}),
        ("model unknown", 422, "#/model", {("model",): "no-such-model"}),
        ("model outside the folder", 422, "#/model", {("model",): "../models/tiny"}),
        ("model absolute", 422, "#/model", {("model",): "/etc"}),
        ("model too long", 422, "#/model", {("model",): LONG}),
        ("model of an unknown job", 422, "#/model", {("model",): "job_01J00000000000000000000000"}),
        ("model with NUL", 422, "#/model", {("model",): "tiny\u0000"}),
        ("no dataset", 422, "#/dataset", {("dataset",): DELETE}),
        ("dataset a string", 422, "#/dataset", {("dataset",): ds}),
        ("dataset a list", 422, "#/dataset", {("dataset",): []}),
        ("dataset empty", 422, "#/dataset/train", {("dataset",): {}}),
        ("train null", 422, "#/dataset/train", {("dataset", "train"): None}),
        ("train a number", 422, "#/dataset/train", {("dataset", "train"): 1}),
        ("train empty", 422, "#/dataset/train", {("dataset", "train"): ""}),
        ("train an unknown upload", 422, "#/dataset/train", {("dataset", "train"): "ds_" + "0" * 64}),
        ("train a missing file", 422, "#/dataset/train", {("dataset", "train"): "nothing.csv"}),
        ("train climbs out", 422, "#/dataset/train", {("dataset", "train"): "../data/bertd.db"}),
        ("train absolute", 422, "#/dataset/train", {("dataset", "train"): "/etc/passwd"}),
        ("train a folder", 422, "#/dataset/train", {("dataset", "train"): "."}),
        ("train from the hub", 422, "#/dataset/train", {("dataset", "train"): "hf://datasets/a/b/c.parquet"}),
        ("train from the web", 422, "#/dataset/train", {("dataset", "train"): "https://localhost/x.csv"}),
        ("train a file URL", 422, "#/dataset/train", {("dataset", "train"): "file:///etc/passwd"}),
        ("split with an unknown member", 422, "#/dataset/train/sampel", {("dataset", "train"): {"file": ds, "sampel": 3}}),
        ("split without file", 422, "#/dataset/train/file", {("dataset", "train"): {"sample": 3}}),
        ("sample zero", 422, "#/dataset/train/sample", {("dataset", "train"): {"file": ds, "sample": 0}}),
        ("sample negative", 422, "#/dataset/train/sample", {("dataset", "train"): {"file": ds, "sample": -3}}),
        ("sample a share", 422, "#/dataset/train/sample", {("dataset", "train"): {"file": ds, "sample": 0.5}}),
        ("sample more than there is", 422, "#/dataset/train/sample", {("dataset", "train"): {"file": ds, "sample": 10**6}}),
        ("random_state negative", 422, "#/dataset/train/random_state",
         {("dataset", "train"): {"file": ds, "sample": 3, "random_state": -1}}),
        ("random_state too large", 422, "#/dataset/train/random_state",
         {("dataset", "train"): {"file": ds, "sample": 3, "random_state": 2**32}}),
        ("random_state without sample", 422, "#/dataset/train/random_state",
         {("dataset", "train"): {"file": ds, "random_state": 1}}),
        ("rows one number", 422, "#/dataset/train/rows", {("dataset", "train"): {"file": ds, "rows": [1]}}),
        ("rows backwards", 422, "#/dataset/train/rows", {("dataset", "train"): {"file": ds, "rows": [5, 2]}}),
        ("rows negative", 422, "#/dataset/train/rows", {("dataset", "train"): {"file": ds, "rows": [-1, 2]}}),
        ("rows of strings", 422, "#/dataset/train/rows", {("dataset", "train"): {"file": ds, "rows": ["0", "5"]}}),
        ("rows behind the end", 422, "#/dataset/train/rows", {("dataset", "train"): {"file": ds, "rows": [0, 9999]}}),
        ("text_column unknown", 422, "#/dataset/text_column", {("dataset", "text_column"): "txt"}),
        ("text_column a number", 422, "#/dataset/text_column", {("dataset", "text_column"): 3}),
        ("text_pair_column unknown", 422, "#/dataset/text_pair_column", {("dataset", "text_pair_column"): "pair"}),
        ("label_column unknown", 422, "#/dataset/label_column", {("dataset", "label_column"): "class"}),
        ("labels one", 422, "#/dataset/labels", {("dataset", "labels"): ["negative"]}),
        ("labels twice the same", 422, "#/dataset/labels/1", {("dataset", "labels"): ["a", "a"]}),
        ("labels with a number", 422, "#/dataset/labels/1", {("dataset", "labels"): ["negative", 1]}),
        ("labels with an empty name", 422, "#/dataset/labels/1", {("dataset", "labels"): ["negative", ""]}),
        ("labels that the data lacks", 422, "#/dataset/train", {("dataset", "labels"): ["red", "blue"]}),
        ("validation_split zero", 422, "#/dataset/validation_split",
         {("dataset", "validation"): DELETE, ("dataset", "validation_split"): 0}),
        ("validation_split one", 422, "#/dataset/validation_split",
         {("dataset", "validation"): DELETE, ("dataset", "validation_split"): 1}),
        ("validation_split beside validation", 422, "#/dataset/validation_split", {("dataset", "validation_split"): 0.1}),
        ("dataset with a typing slip", 422, "#/dataset/text_colum", {("dataset", "text_colum"): "text"}),
        ("max_length one", 422, "#/max_length", {("max_length",): 1}),
        ("max_length negative", 422, "#/max_length", {("max_length",): -5}),
        ("max_length over the model's positions", 422, "#/max_length", {("max_length",): 129}),
        ("max_length a string", 422, "#/max_length", {("max_length",): "64"}),
        ("max_length a fraction", 422, "#/max_length", {("max_length",): 64.5}),
        ("max_length huge", 422, "#/max_length", {("max_length",): 10**18}),
        ("args a list", 422, "#/args", {("args",): []}),
        ("args a string", 422, "#/args", {("args",): "num_train_epochs=3"}),
        ("name empty", 422, "#/name", {("name",): ""}),
        ("name with a blank", 422, "#/name", {("name",): "my job"}),
        ("name with a slash", 422, "#/name", {("name",): "a/b"}),
        ("name too long", 422, "#/name", {("name",): "n" * 65}),
        ("name like an id", 422, "#/name", {("name",): "job_01J00000000000000000000000"}),
        ("name like a model id", 422, "#/name", {("name",): "mdl_x"}),
        ("name a number", 422, "#/name", {("name",): 7}),
        ("metadata a string", 422, "#/metadata", {("metadata",): "x"}),
        ("metadata with a number", 422, "#/metadata/k", {("metadata",): {"k": 1}}),
        ("metadata of too many", 422, "#/metadata", {("metadata",): {f"k{i}": "v" for i in range(17)}}),
        ("unknown member", 422, "#/optimizer", {("optimizer",): "adam"}),
        ("member with a typing slip", 422, "#/modle", {("modle",): "tiny"}),
        ("member with a slash in its name", 422, "#/a~1b", {("a/b",): 1}),
        ("member of odd characters", 422, "#/\u00e9\u4e2d", {("\u00e9\u4e2d",): 1}),
    ]
    numbers = {
        "num_train_epochs": [0, -1, "3", None, True, 1e9], "max_steps": [0, -2, 1.5, "x"],
        "per_device_train_batch_size": [0, -8, 2.5, "8", 10**9], "per_device_eval_batch_size": [0, 10**9],
        "gradient_accumulation_steps": [0, -1, 10**9], "learning_rate": [-1e-5, 2, "5e-5", [5e-5]],
        "weight_decay": [-0.1, 2], "adam_beta1": [-0.1, 1.5, 1], "adam_beta2": [1.5], "adam_epsilon": [0, -1e-8],
        "max_grad_norm": [-1, "1"], "lr_scheduler_type": ["polynomial", 3, "LINEAR"], "warmup_steps": [-1],
        "warmup_ratio": [-0.1, 1.5], "logging_steps": [0, -5, "each"], "eval_strategy": ["epochs", True],
        "save_strategy": ["best", 0], "eval_steps": [-1], "save_steps": [0], "save_total_limit": [-1, 0.5],
        "load_best_model_at_end": ["yes", 1], "metric_for_best_model": ["bleu", 3], "greater_is_better": ["no"],
        "early_stopping_patience": [-1], "early_stopping_threshold": [-0.5], "seed": [-1, 1.5, 2**32], "bf16": ["true"],
        "fp16": [True], "learning_rte": [5e-5], "output_dir": ["/tmp"],
    }
    for name, values in numbers.items():
        for value in values:
            yield f"{name} = {value!r}"[:60], 422, f"#/args/{name}", args(name, value)
    yield "best model without evaluation", 422, "#/args/load_best_model_at_end", {
        ("args", "load_best_model_at_end"): True, ("args", "eval_strategy"): "no"}
    yield "early stopping without evaluation", 422, "#/args/early_stopping_patience", {
        ("args", "early_stopping_patience"): 2, ("args", "eval_strategy"): "no"}
    yield "evaluation without a validation split", 422, "#/args/eval_strategy", {
        ("args", "eval_strategy"): "steps", ("dataset", "validation"): DELETE}


def raw_cases(ds, good):
    """Whole requests."""
    body = json.dumps(good).encode()
    post = {"Content-Type": "application/json"}
    yield from [
        ("no body", 400, None, ("POST", "/jobs", b"", post)),
        ("not JSON", 400, None, ("POST", "/jobs", b"model=tiny", post)),
        ("JSON cut short", 400, None, ("POST", "/jobs", body[:-1], post)),
        ("two values", 400, None, ("POST", "/jobs", body + body, post)),
        ("NaN", 400, None, ("POST", "/jobs", b'{"model": NaN}', post)),
        ("Infinity", 400, None, ("POST", "/jobs", b'{"model": -Infinity}', post)),
        ("a number too large for a double", 400, None, ("POST", "/jobs", b'{"max_length": 1e999}', post)),
        ("an integer too large", 400, None, ("POST", "/jobs", b'{"max_length": 99999999999999999999999}', post)),
        ("a comma too many", 400, None, ("POST", "/jobs", b'{"model": "tiny",}', post)),
        ("a key twice", 400, None, ("POST", "/jobs", b'{"model": "tiny", "model": "tiny"}', post)),
        ("a comment", 400, None, ("POST", "/jobs", b'{} // x', post)),
        ("invalid UTF-8", 400, None, ("POST", "/jobs", b'{"model": "\xff\xfe"}', post)),
        ("a lone surrogate", 400, None, ("POST", "/jobs", b'{"model": "\\ud800"}', post)),
        ("UTF-16", 400, None, ("POST", "/jobs", json.dumps(good).encode("utf-16"), post)),
        ("deep arrays", 400, None, ("POST", "/jobs", b"[" * 100000, post)),
        ("deep objects", 400, None, ("POST", "/jobs", b'{"a":' * 5000 + b"1" + b"}" * 5000, post)),
        ("an array", 422, "#", ("POST", "/jobs", b"[]", post)),
        ("a string", 422, "#", ("POST", "/jobs", b'"x"', post)),
        ("null", 422, "#", ("POST", "/jobs", b"null", post)),
        ("a number", 422, "#", ("POST", "/jobs", b"7", post)),
        ("body over the limit", 413, None, ("POST", "/jobs", b" " * (9 << 20), post)),
        ("form type", 415, None, ("POST", "/jobs", body, {"Content-Type": "application/x-www-form-urlencoded"})),
        ("plain text type", 415, None, ("POST", "/jobs", body, {"Content-Type": "text/plain"})),
        ("no type", 415, None, ("POST", "/jobs", body, {})),
        ("odd type", 415, None, ("POST", "/classify", b"{}", {"Content-Type": "application/jsonx"})),
        ("unknown path", 404, None, ("GET", "/nothing", None, {})),
        ("path under a resource", 404, None, ("GET", "/jobs/x/y/z", None, {})),
        ("unknown job", 404, None, ("GET", "/jobs/job_00000000000000000000000000", None, {})),
        ("job id of a wrong form", 404, None, ("GET", "/jobs/1%20OR%201=1", None, {})),
        ("cancel of an unknown job", 404, None, ("POST", "/jobs/job_x/cancel", None, {})),
        ("delete of an unknown job", 404, None, ("DELETE", "/jobs/job_x", None, {})),
        ("checkpoints of an unknown job", 404, None, ("GET", "/jobs/job_x/checkpoints", None, {})),
        ("unknown data set", 404, None, ("GET", "/datasets/ds_x", None, {})),
        ("delete of an unknown data set", 404, None, ("DELETE", "/datasets/ds_..%2F..%2Fx", None, {})),
        ("unknown model", 404, None, ("GET", "/models/nothing", None, {})),
        ("delete of a base model", 404, None, ("DELETE", "/models/tiny", None, {})),
        ("wrong method", 405, None, ("PUT", "/jobs", body, post)),
        ("wrong method on one", 405, None, ("POST", "/jobs/job_x", body, post)),
        ("PATCH", 405, None, ("PATCH", "/classify", body, post)),
        ("broken percent encoding", 400, None, ("GET", "/jobs/%zz", None, {})),
        ("NUL in the path", 400, None, ("GET", "/jobs/%00", None, {})),
        ("path not UTF-8", 400, None, ("GET", "/jobs/%ff%fe", None, {})),
        ("unknown query parameter", 422, "?/limt", ("GET", "/jobs?limt=3", None, {})),
        ("query on a route without any", 422, "?/x", ("GET", "/jobs/job_x?x=1", None, {})),
        ("limit zero", 422, "?/limit", ("GET", "/jobs?limit=0", None, {})),
        ("limit too large", 422, "?/limit", ("GET", "/jobs?limit=101", None, {})),
        ("limit a word", 422, "?/limit", ("GET", "/datasets?limit=all", None, {})),
        ("limit empty", 422, "?/limit", ("GET", "/models?limit=", None, {})),
        ("status unknown", 422, "?/status", ("GET", "/jobs?status=done", None, {})),
        ("after too long", 422, "?/after", ("GET", "/jobs?after=" + "a" * 100, None, {})),
        ("dry_run a number", 422, "?/dry_run", ("POST", "/jobs?dry_run=1", body, post)),
        ("idempotency key with a blank", 400, None, ("POST", "/jobs", body, {**post, "Idempotency-Key": "a b"})),
        ("idempotency key too long", 400, None, ("POST", "/jobs", body, {**post, "Idempotency-Key": "k" * 256})),
        ("an upload without rows", 422, None, ("POST", "/datasets", b"", {"Content-Type": "text/csv"})),
        ("an upload of a header only", 422, None, ("POST", "/datasets", b"text,label\n", {"Content-Type": "text/csv"})),
        ("an upload with an open quote", 422, None, ("POST", "/datasets", b'text,label\n"a,b\n', {"Content-Type": "text/csv"})),
        ("an upload with too many cells", 422, None, ("POST", "/datasets", b"text,label\na,b,c\n", {"Content-Type": "text/csv"})),
        ("an upload that is not UTF-8", 422, None, ("POST", "/datasets", b"text,label\n\xff,b\n", {"Content-Type": "text/csv"})),
        ("an upload of broken JSONL", 422, None, ("POST", "/datasets", b'{"text": 1\n', {"Content-Type": "application/x-ndjson"})),
        ("an upload of Parquet", 422, None, ("POST", "/datasets", b"PAR1" + b"\0" * 50, {"Content-Type": "application/octet-stream"})),
        ("an upload with a query it lacks", 422, "?/format", ("POST", "/datasets?format=csv", b"text,label\na,b\n", {"Content-Type": "text/csv"})),
        ("classify nothing", 422, "#/input", ("POST", "/classify", b"{}", post)),
        ("classify an empty list", 422, "#/input", ("POST", "/classify", b'{"model":"head","input":[]}', post)),
        ("classify a number", 422, "#/input", ("POST", "/classify", b'{"model":"head","input":5}', post)),
        ("classify a list with null", 422, "#/input/1", ("POST", "/classify", b'{"model":"head","input":["a",null]}', post)),
        ("classify a list in a list", 422, "#/input/0", ("POST", "/classify", b'{"model":"head","input":[["a"]]}', post)),
        ("classify a pair without text", 422, "#/input/0/text", ("POST", "/classify", b'{"model":"head","input":[{"text_pair":"a"}]}', post)),
        ("classify a pair of a number", 422, "#/input/0/text_pair", ("POST", "/classify", b'{"model":"head","input":[{"text":"a","text_pair":1}]}', post)),
        ("classify a pair with a stranger", 422, "#/input/0/txt", ("POST", "/classify", b'{"model":"head","input":[{"text":"a","txt":"b"}]}', post)),
        ("classify with top_k zero", 422, "#/top_k", ("POST", "/classify", b'{"model":"head","input":"a","top_k":0}', post)),
        ("classify with an odd function", 422, "#/function_to_apply", ("POST", "/classify", b'{"model":"head","input":"a","function_to_apply":"tanh"}', post)),
        ("classify with a typing slip", 422, "#/inputs", ("POST", "/classify", b'{"model":"head","inputs":"a"}', post)),
        ("classify with max_length one", 422, "#/max_length", ("POST", "/classify", b'{"model":"head","input":"a","max_length":1}', post)),
        ("classify over the positions", 422, None, ("POST", "/classify", b'{"model":"head","input":"a","max_length":100000}', post)),
        ("classify too many", 422, "#/input", ("POST", "/classify", json.dumps({"model": "head", "input": ["a"] * 3000}).encode(), post)),
        ("classify without a model", 422, "#/model", ("POST", "/classify", b'{"input":"a"}', post)),
        ("tokenize with odd padding", 422, "#/padding", ("POST", "/tokenize", b'{"model":"tiny","input":"a","padding":"left"}', post)),
        ("tokenize with vast padding", 422, "#/max_length", ("POST", "/tokenize", json.dumps({"model": "tiny", "input": ["a"] * 1000, "padding": "max_length", "max_length": 10**6}).encode(), post)),
        ("tokenize nothing", 422, "#/input", ("POST", "/tokenize", b'{"model":"tiny"}', post)),
        ("metrics of an unknown job", 404, None, ("GET", "/jobs/job_x/metrics", None, {})),
        ("metrics after a word", 422, "?/after", ("GET", "/jobs/job_x/metrics?after=last", None, {})),
        ("Last-Event-ID a word", 400, None, ("GET", "/jobs/job_x/metrics", None, {"Accept": "text/event-stream", "Last-Event-ID": "x"})),
    ]


BAD_TABLES = [  # content, words that the fault must hold
    (b"text,label\ngood,positive\n,\n", "line 3"),
    (b"text,label\ngood,positive\nbad\n", "line 3"),
    (b"text,label\ngood,positive\nfine,positive\n", "class"),
    (b'text,label\n"a\nb",positive\nbad,\n', "line 4"),
    (b'{"text": "a", "label": "x"}\n{"text": 5, "label": "y"}\n', "line 2"),
    (b'{"text": "a", "label": "x"}\n\n{"label": "y"}\n', "line 3"),
    (b'{"text": "a", "label": {"x": 1}}\n{"text": "b", "label": "y"}\n', "line 1"),
    (b"text,label\na,0\nb,2\n", "label"),
    (b"text,label\na,0\nb,-1\n", "-1, 0"),
    (b'{"text": "a", "label": 0.5}\n{"text": "b", "label": 1}\n', "line 1"),
]


def changed(job, changes):
    job = copy.deepcopy(job)
    for path, value in changes.items():
        at = job
        for key in path[:-1]:
            at = at[key]
        if value is DELETE:
            at.pop(path[-1], None)
        else:
            at[path[-1]] = value
    return job


class BadInput(DaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_tiny_bert(cls.daemon.folder / "models" / "head", head_labels=["no", "yes"])
        cls.ds = cls.daemon.upload(csv_of(toy_rows(20)))
        cls.good = {"model": "tiny", "dataset": {"train": cls.ds, "validation": cls.ds}, "args": {}, "max_length": 16}

    def check(self, what, answer, status, pointer):
        self.assertEqual(answer.status, status, (what, answer))
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", what)
        problem = answer.json
        self.assertEqual(problem["status"], status, what)
        for member in ("type", "title", "detail", "code", "error"):
            self.assertTrue(problem[member], (what, member))
        if pointer:
            self.assertIn(pointer, [e["pointer"] for e in problem["errors"]], (what, problem))
        for secret in (str(self.daemon.folder), "sqlite", "SELECT", ".c:"):
            self.assertNotIn(secret, answer.body.decode(), what)

    def tearDown(self):
        self.assertIsNone(self.daemon.process.poll(), self.daemon.log_text()[-2000:])
        self.assertEqual(self.daemon.get("/jobs").json["data"], [])
        self.assertEqual(self.daemon.get("/readyz").status, 200)

    def test_the_table_is_long_enough(self):
        self.assertGreaterEqual(len(list(job_cases(self.ds))) + len(list(raw_cases(self.ds, self.good))), 120)

    def test_wrong_jobs(self):
        for what, status, pointer, changes in job_cases(self.ds):
            with self.subTest(what):
                self.check(what, self.daemon.post("/jobs", changed(self.good, changes)), status, pointer)

    def test_wrong_requests(self):
        for what, status, pointer, (method, path, body, headers) in raw_cases(self.ds, self.good):
            with self.subTest(what):
                answer = self.daemon.ask(method, path, body, headers)
                self.check(what, answer, status, pointer)
                if status == 405:
                    self.assertTrue(answer.headers["Allow"])

    def test_wrong_tables_name_the_line(self):
        for content, words in BAD_TABLES:
            with self.subTest(content):
                (self.daemon.folder / "root" / "bad.csv").write_bytes(content)
                answer = self.daemon.post("/jobs", changed(self.good, {("dataset", "train"): "bad.csv", ("dataset", "validation"): DELETE}))
                self.check(content, answer, 422, None)
                details = " ".join(e["detail"] for e in answer.json["errors"])
                self.assertIn(words, details)
                self.assertTrue(all(e["pointer"].startswith("#/dataset") for e in answer.json["errors"]))

    def test_all_faults_are_told_at_once_with_the_nearest_name(self):
        answer = self.daemon.post("/jobs", {"modle": "tiny", "max_length": 0, "args": {"learning_rat": 1, "seed": -1}})
        errors = {e["pointer"]: e["detail"] for e in answer.json["errors"]}
        self.assertLessEqual({"#/modle", "#/model", "#/dataset", "#/max_length", "#/args/learning_rat", "#/args/seed"}, set(errors))
        self.assertIn('"learning_rate"', errors["#/args/learning_rat"])
        self.assertIn('"model"', errors["#/modle"])


if __name__ == "__main__":
    unittest.main()
