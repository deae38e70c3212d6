"""Models out and back in: a trained model and its checkpoints as tar archives, and such archives as models."""

import contextlib
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import unittest

from daemon import BINARY, Daemon, csv_of, toy_rows

FILES = ["README.md", "config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json",
         "tokenizer_config.json", "vocab.txt"]


def members(tar):
    """name → bytes, in the order of the archive."""
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as t:
        return {m.name: t.extractfile(m).read() for m in t.getmembers()}


def tar_of(files, change=None):
    """A tar as Python's tarfile writes it; change is called on each header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1700000000.5  # a fraction needs a pax header
            if change:
                change(info)
            t.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Trained(unittest.TestCase):
    """All tests here share one daemon with a finished job named "toy"."""

    def export(self, name, status=200, **headers):
        answer = self.daemon.get(f"/models/{name}/export", **headers)
        self.assertEqual(answer.status, status, answer)
        return answer


def setUpModule():
    t = Trained
    t.daemon = Daemon().start()
    t.train_id, t.test_csv = t.daemon.upload(csv_of(toy_rows(64))), csv_of(toy_rows(21, seed=1))
    (t.daemon.folder / "root" / "test.csv").write_bytes(t.test_csv)
    t.dataset = {"train": t.train_id, "validation": "test.csv", "test": "test.csv"}
    t.job = t.daemon.submit(name="toy", dataset=t.dataset,
                            args={"num_train_epochs": 10, "learning_rate": 3e-3, "save_total_limit": 2})
    t.done = t.daemon.wait(t.job)
    assert t.done["status"] == "succeeded", t.done
    t.model = t.done["model_id"]


def tearDownModule():
    Trained.daemon.close()


class Export(Trained):
    def test_the_archive_is_a_model_folder_with_a_card(self):
        answer = self.export("toy")
        self.assertEqual(answer.headers["Content-Type"], "application/x-tar")
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        self.assertEqual(answer.headers["ETag"], f'"{hashlib.sha256(answer.body).hexdigest()}"')
        self.assertIn("toy.tar", answer.headers["Content-Disposition"])
        files = members(answer.body)
        self.assertEqual(list(files), ["toy/" + f for f in FILES])
        self.assertEqual(hashlib.sha256(files["toy/model.safetensors"]).hexdigest(),
                         self.daemon.get(f"/models/{self.model}").json["sha256"])
        self.assertEqual(json.loads(files["toy/config.json"])["id2label"], {"0": "negative", "1": "positive"})
        card = files["toy/README.md"].decode()
        for part in ("base_model: \"tiny\"", self.train_id.removeprefix("ds_"),
                     hashlib.sha256(self.test_csv).hexdigest(), self.job, "| learning_rate | 0.003 |",
                     "| seed | 42 |", "| train | 64 |", "libtorch 2.", "bertd 0."):
            self.assertIn(part, card)
        test = self.done["metrics"]["test"]
        self.assertIn(f"| accuracy | {self.done['metrics']['eval_accuracy']} | {test['eval_accuracy']} |", card)

    def test_every_name_gives_the_same_bytes_each_time(self):
        bodies = {self.export(name).body for name in ("toy", self.job, self.model, "toy")}
        self.assertEqual(len(bodies), 1)

    def test_a_checkpoint_is_exported_too(self):
        steps = [c["id"] for c in self.daemon.get(f"/jobs/{self.job}/checkpoints").json["data"]]
        self.assertEqual(len(steps), 2)
        for step in steps:
            files = members(self.export(step.replace("/", "%2F")).body)
            self.assertEqual(list(files), [step.replace("/", "-") + "/" + f for f in FILES])
            self.assertIn(step, files[step.replace("/", "-") + "/README.md"].decode())

    def test_an_export_that_broke_goes_on_where_it_was_cut(self):
        whole = self.export("toy")
        tag, parts, at = whole.headers["ETag"], [], 0
        for size in (1, 511, 512, 10000, 20000, 10**9):
            part = self.export("toy", 206, Range=f"bytes={at}-{at + size - 1}", If_Range=tag)
            self.assertEqual(part.headers["ETag"], tag)
            self.assertEqual(part.headers["Content-Range"],
                             f"bytes {at}-{at + len(part.body) - 1}/{len(whole.body)}")
            parts.append(part.body)
            at += len(part.body)
        self.assertEqual(b"".join(parts), whole.body)
        self.assertEqual(self.export("toy", 206, Range="bytes=-100").body, whole.body[-100:])

    def test_a_reader_that_leaves_half_way_can_come_back(self):
        whole = self.export("toy").body
        with contextlib.closing(self.daemon.connect()) as c:
            c.request("GET", "/models/toy/export")
            first = c.getresponse().read(1000)
        rest = self.export("toy", 206, Range="bytes=1000-").body
        self.assertEqual(first + rest, whole)

    def test_conditions(self):
        tag, n = self.export("toy").headers["ETag"], len(self.export("toy").body)
        answer = self.export("toy", 304, If_None_Match=f'"other", W/{tag}')
        self.assertEqual((answer.body, answer.headers["ETag"]), (b"", tag))
        self.export("toy", 200, If_None_Match='"other"')
        answer = self.export("toy", 416, Range=f"bytes={n}-")
        self.assertEqual(answer.headers["Content-Range"], f"bytes */{n}")
        self.assertEqual(answer.json["code"], "range")
        for headers in ({"Range": "bytes=0-1,5-6"}, {"Range": "bytes=0-9", "If_Range": '"other"'}, {"Range": "x=1-2"}):
            self.assertEqual(len(self.export("toy", 200, **headers).body), n)

    def test_head_says_what_get_would(self):
        get, head = self.export("toy"), self.daemon.ask("HEAD", "/models/toy/export", headers={"Range": "bytes=0-9"})
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
            self.assertEqual(head.headers[name], get.headers[name])

    def test_what_cannot_be_exported(self):
        self.assertIn("base model", self.export("tiny", 409).json["detail"])
        self.export("nothing", 404)
        self.export(self.job + "%2Fcheckpoint-7", 404)
        self.export("..%2F..%2Fetc", 404)


class Import(Trained):
    TEXTS = [t for t, _ in toy_rows(24, seed=3)] + ["", "unseen words only", "good " * 40]

    def scores(self, daemon, model):
        answer = daemon.post("/classify", {"model": model, "input": self.TEXTS, "top_k": None})
        self.assertEqual(answer.status, 200, answer)
        return [r["scores"] for r in answer.json["data"]]

    def bring(self, daemon, tar, query="", status=201, kind="application/x-tar"):
        answer = daemon.ask("POST", "/models" + query, tar, {"Content-Type": kind})
        self.assertEqual(answer.status, status, answer)
        return answer

    def test_a_model_moves_to_another_server_with_its_scores(self):
        tar = self.export("toy").body
        with Daemon() as other:
            answer = self.bring(other, tar, "?name=moved")
            model = answer.json["id"]
            self.assertEqual(answer.headers["Location"], f"/models/{model}")
            self.assertEqual((answer.json["job"], answer.json["name"], answer.json["labels"]),
                             (None, "moved", ["negative", "positive"]))
            self.assertEqual(self.scores(other, "moved"), self.scores(self.daemon, "toy"))
            self.assertEqual(self.bring(other, tar, status=200).json["id"], model)
            # The card travels with it, and comes out again as it went in.
            again = members(other.get(f"/models/{model}/export").body)
            self.assertEqual({k.split("/")[1]: v for k, v in again.items()},
                             {k.split("/")[1]: v for k, v in members(tar).items()})
            # It outlives a restart, and the data directory is whole, as is a backup.
            self.assertEqual(other.stop(), 0)
            data = other.folder / "data"
            for command in (["check", data], ["backup", other.folder / "copy", f"--data-dir={data}"], ["check", other.folder / "copy"]):
                done = subprocess.run([BINARY, *command], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            other.start()
            self.assertEqual(self.scores(other, model), self.scores(self.daemon, "toy"))
            self.assertEqual([m["id"] for m in other.get("/models").json["data"]], ["tiny", model])
            self.assertEqual(other.ask("DELETE", f"/models/{model}").status, 204)
            self.assertEqual(other.post("/classify", {"model": "moved", "input": "good"}).status, 404)
            self.assertEqual(list((other.folder / "data" / "models").iterdir()), [])

    def test_the_own_export_is_the_model_that_is_there(self):
        self.assertEqual(self.bring(self.daemon, self.export("toy").body, status=200).json["id"], self.model)

    def test_a_tar_of_other_tools_is_taken(self):
        files = {k.split("/")[1]: v for k, v in members(self.export("toy").body).items()}
        for prefix in ("", "./", "a folder/", "x" * 120 + "/"):
            tar = tar_of({prefix + k: v for k, v in files.items()})
            model = self.bring(self.daemon, tar).json
            self.assertEqual(self.scores(self.daemon, model["id"]), self.scores(self.daemon, "toy"))

    def test_what_is_no_model_is_refused_and_leaves_nothing(self):
        files = members(self.export("toy").body)
        tar, data = tar_of(files), self.daemon.folder / "data"

        def folders():  # an upload's file goes when its answer has been sent
            self.daemon.wait_for(lambda: not list((data / "tmp").iterdir()))
            return sorted((data / "models").rglob("*"))

        before = folders()

        def link(info):
            if info.name.endswith("vocab.txt"):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0

        cases = [
            (tar_of(files, link), 422, "link"),
            (tar_of({**files, "../../models/x": b"x"}), 422, "leads out"),
            (tar_of({**files, "/etc/cron.d/x": b"x"}), 422, "leads out"),
            (tar_of({k: v for k, v in files.items() if "safetensors" not in k}), 422, "model.safetensors"),
            (tar_of({k: v for k, v in files.items() if "vocab" not in k and "tokenizer" not in k}), 422, ""),
            (tar_of({**files, "toy/config.json": b"{"}), 422, "config.json"),
            (tar_of({**files, "toy/config.json": files["toy/config.json"].replace(b'"hidden_size": 32', b'"hidden_size": 64')}),
             422, "shape"),
            (tar_of({**files, "toy/model.safetensors": files["toy/model.safetensors"][:-4]}), 422, ""),
            (tar[:len(tar) // 2], 422, "ends"),
            (gzip.compress(tar), 415, "compressed"),
            (b"", 422, "ends"),
            (b"text,label\n" * 100, 422, ""),
        ]
        for body, status, words in cases:
            self.assertIn(words, self.bring(self.daemon, body, status=status).json["detail"])
        self.bring(self.daemon, tar, kind="text/csv", status=415)
        self.bring(self.daemon, tar, "?name=job_1", status=422)
        self.bring(self.daemon, tar, "?name=a%2Fb", status=422)
        self.assertEqual(folders(), before)

    def test_a_model_can_be_asked_for_by_name(self):
        self.assertEqual(self.daemon.post("/models", {"model": "tiny"}).json["id"], "tiny")
        self.assertEqual(self.daemon.post("/models", {"model": self.job}).json["id"], self.model)
        self.assertEqual(self.daemon.post("/models", {"model": "nothing"}).status, 404)
        self.assertEqual(self.daemon.post("/models", {"modle": "tiny"}).status, 422)


class Continue(Trained):
    """A job whose model is a finished one."""

    def run_on(self, model, **dataset):
        """The records and the first evaluation's loss of one epoch at a small step."""
        job = self.daemon.submit(model=model, dataset={**self.dataset, **dataset},
                                 args={"num_train_epochs": 1, "learning_rate": 1e-5})
        records = list(self.daemon.records(job))
        self.assertEqual(records[-1]["status"], "succeeded", records[-1])
        return records, next(r["eval_loss"] for r in records if r["type"] == "eval")

    def new_weights(self, records):
        return [n for r in records for n in r.get("newly_initialised", [])]

    def test_it_starts_from_the_weights_and_the_head_of_the_finished_one(self):
        fresh, fresh_loss = self.run_on("tiny")
        self.assertEqual(self.new_weights(fresh), ["classifier.bias", "classifier.weight"])
        for name in ("toy", self.job, self.model):
            records, loss = self.run_on(name)
            self.assertEqual(self.new_weights(records), [])
            self.assertLess(loss, fresh_loss - 0.1)
            self.assertLess(abs(loss - self.done["metrics"]["eval_loss"]), 0.05)

    def test_other_labels_get_a_new_head(self):
        records, _ = self.run_on("toy", labels=["positive", "negative"])
        self.assertEqual(self.new_weights(records), ["classifier.bias", "classifier.weight"])

    def test_an_imported_model_is_continued_too(self):
        with Daemon() as other:
            tar = self.export("toy").body
            self.assertEqual(other.ask("POST", "/models?name=base", tar, {"Content-Type": "application/x-tar"}).status, 201)
            (other.folder / "root" / "test.csv").write_bytes(self.test_csv)
            job = other.submit(model="base", name="further", dataset={"train": "test.csv"}, args={"max_steps": 1})
            self.assertEqual(self.new_weights(other.records(job)), [])
            self.assertEqual(other.get("/models/further").json["base_model"], "base")


if __name__ == "__main__":
    unittest.main()
