"""Models out: a trained model and its checkpoints as tar archives, in parts, by any name."""

import contextlib
import hashlib
import io
import json
import tarfile
import unittest

from daemon import DaemonTest, csv_of, toy_rows

FILES = ["README.md", "config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json",
         "tokenizer_config.json", "vocab.txt"]


def members(tar):
    """name → bytes, in the order of the archive."""
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as t:
        return {m.name: t.extractfile(m).read() for m in t.getmembers()}


class Export(DaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        train, test = cls.daemon.upload(csv_of(toy_rows(64))), cls.daemon.upload(csv_of(toy_rows(20, seed=1)))
        cls.train_id = train
        cls.job = cls.daemon.submit(name="toy", dataset={"train": train, "validation": test, "test": test},
                                    args={"num_train_epochs": 2, "learning_rate": 1e-3})
        cls.done = cls.daemon.wait(cls.job)
        assert cls.done["status"] == "succeeded", cls.done
        cls.model = cls.done["model_id"]

    def export(self, name, status=200, **headers):
        answer = self.daemon.get(f"/models/{name}/export", **headers)
        self.assertEqual(answer.status, status, answer)
        return answer

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
        for part in ("base_model: \"tiny\"", self.train_id.removeprefix("ds_"), self.job, "| learning_rate | 0.001 |",
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


if __name__ == "__main__":
    unittest.main()
