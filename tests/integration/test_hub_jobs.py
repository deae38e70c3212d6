"""Jobs whose model and data come from the Hub: a mock of it, and the real daemon."""

import hashlib
import json
import unittest

from daemon import Daemon, DATA, csv_of, toy_rows, make_tiny_bert
from mock_hub import MockHub, TOKEN


def tiny_files(folder):
    make_tiny_bert(folder)
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def statuses(records):
    return [r["status"] for r in records if r["type"] == "status"]


class HubJobs(unittest.TestCase):
    def setUp(self):
        self.hub = MockHub().__enter__()
        self.daemon = Daemon(offline="no", **self.hub.options())
        self.model = tiny_files(self.daemon.folder / "tiny-of-the-hub")
        self.hub.add_model("acme/tiny", self.model)
        self.hub.add_dataset("acme/reviews", {
            "data/train.csv": csv_of(toy_rows(64)),
            "data/test.csv": csv_of(toy_rows(20, seed=1)),
        })
        self.daemon.start()

    def tearDown(self):
        self.daemon.close()
        self.hub.close()

    def job(self, model="acme/tiny", **members):
        data = "hf://datasets/acme/reviews/data/"
        return {"model": model, "max_length": 16, "dataset": {"train": data + "train.csv", "validation": data + "test.csv"},
                "args": {"num_train_epochs": 2, "learning_rate": 5e-3}, **members}

    def submit(self, *args, **members):
        answer = self.daemon.post("/jobs", self.job(*args, **members))
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def files_sent(self):
        return self.hub.count(r"^storage/")

    def test_model_and_data_come_from_the_hub_and_come_once(self):
        d = self.daemon
        dry = d.post("/jobs?dry_run=true", self.job()).json
        self.assertIsNone(dry["valid"])
        self.assertIn("acme/tiny", dry["unchecked"])
        self.assertEqual(self.hub.requests, [], "nothing is downloaded while a client waits")

        job = self.submit()
        self.assertIsNone(job["data_report"])
        done = d.wait(job["id"])
        self.assertEqual(done["status"], "succeeded", done)
        self.assertEqual(done["data_report"]["rows"], {"train": 64, "validation": 20})
        self.assertIsNone(done["download"])
        self.assertFalse(self.hub.tokens_at_storage())

        before = self.files_sent()
        again = self.submit()
        self.assertIsNotNone(again["data_report"], "what is there is checked at once")
        self.assertEqual(d.wait(again["id"])["status"], "succeeded")
        self.assertEqual(self.files_sent(), before, "what is there is not downloaded again")
        self.hub.down = True
        self.assertEqual(d.wait(self.submit()["id"])["status"], "succeeded", "nor needs the Hub to be there")
        self.hub.down = False

        listed = {m["id"]: m for m in d.get("/models").json["data"]}
        self.assertTrue(listed["acme/tiny"]["base"])
        self.assertEqual(d.get("/models/acme%2Ftiny").json["id"], "acme/tiny")
        evaluated = d.post(f"/models/{done['model_id']}/evaluate",
                           {"dataset": {"test": "hf://datasets/acme/reviews/data/test.csv"}}).json
        self.assertEqual(evaluated["rows"], 20)
        scores = [d.post("/classify", {"model": j, "input": "this film was great"}).json["data"][0]["score"]
                  for j in (done["id"], again["id"])]
        self.assertEqual(scores[0], scores[1])

    def test_a_job_of_the_hub_gives_what_the_same_job_from_the_disk_gives(self):
        d = self.daemon
        (d.folder / "models" / "same").mkdir()
        for name, data in self.model.items():
            (d.folder / "models" / "same" / name).write_bytes(data)
        (d.folder / "root" / "train.csv").write_bytes(csv_of(toy_rows(64)))
        (d.folder / "root" / "test.csv").write_bytes(csv_of(toy_rows(20, seed=1)))
        here = self.submit("same", dataset={"train": "train.csv", "validation": "test.csv"})
        there = self.submit()
        losses = [[(r["step"], r["eval_loss"]) for r in d.records(j["id"]) if r["type"] == "eval"] for j in (here, there)]
        self.assertEqual(len(losses[0]), 2)
        self.assertEqual(losses[0], losses[1])

    def test_parquet_with_class_names(self):
        content = (DATA / "parquet" / "hub.parquet").read_bytes()
        self.hub.add_dataset("acme/table", {"data/train-00000-of-00001.parquet": content})
        file = "hf://datasets/acme/table/data/train-00000-of-00001.parquet"
        rows = {"file": file, "rows": [0, 2]}
        job = self.submit(dataset={"train": rows, "validation": rows}, args={"num_train_epochs": 1})
        done = self.daemon.wait(job["id"])
        self.assertEqual(done["status"], "succeeded", done)
        labels = self.daemon.get("/models/" + done["model_id"]).json["labels"]
        self.assertEqual(labels, sorted(done["data_report"]["label_counts"]["train"], key=labels.index))
        self.assertGreaterEqual(len(labels), 2)

    def test_what_the_hub_refuses_is_said_in_the_job(self):
        d = self.daemon
        self.hub.add_model("acme/gated", self.model).gated = True
        config = json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}).encode()
        self.hub.add_model("acme/gpt", {**self.model, "config.json": config})
        pickled = {k: v for k, v in self.model.items() if k != "model.safetensors"}
        self.hub.add_model("acme/pickle", {**pickled, "pytorch_model.bin": b"\x80\x02"})
        for model, code, words in (("acme/gated", "access_denied", "gated"),
                                   ("acme/gpt", "model_invalid", "gpt2"),
                                   ("acme/pickle", "model_invalid", "safetensors"),
                                   ("acme/nothing", "model_invalid", "acme/nothing")):
            done = d.wait(self.submit(model)["id"])
            self.assertEqual((done["status"], done["error"]["code"]), ("failed", code), done["error"])
            self.assertIn(words, done["error"]["message"])
            self.assertNotIn(str(d.folder), json.dumps(done))

    def test_bad_data_of_the_hub_names_its_line(self):
        self.hub.add_dataset("acme/bad", {"train.csv": b"text,label\na,x\nb\nc,y\n"})
        done = self.daemon.wait(self.submit(dataset={"train": "hf://datasets/acme/bad/train.csv"}, args={})["id"])
        self.assertEqual((done["status"], done["error"]["code"]), ("failed", "data_invalid"), done["error"])
        self.assertIn("line 3", done["error"]["message"])

    def test_hosts_that_are_not_allowed_are_refused_at_once(self):
        d = self.daemon
        for file in ("https://evil.example/train.csv", "http://169.254.169.254/latest", "file:///etc/passwd",
                     "hf://models/acme/tiny/x.csv", "hf://datasets/acme/reviews/../x.csv"):
            answer = d.post("/jobs", self.job(dataset={"train": file}))
            self.assertEqual(answer.status, 422, (file, answer))
            self.assertEqual(answer.json["errors"][0]["pointer"], "#/dataset/train")

    def test_a_broken_download_goes_on_and_a_cancel_ends_one(self):
        d = self.daemon
        big = dict(self.model, **{"vocab.txt": self.model["vocab.txt"]})
        self.hub.add_model("acme/slow", big)
        self.hub.on(r"storage/", times=1, cut=lambda n: n // 3)
        done = d.wait(self.submit("acme/slow")["id"])
        self.assertEqual(done["status"], "succeeded", done)
        self.assertTrue(any(r.range for r in self.hub.requests), "it went on where it was cut")

        self.hub.add_model("acme/stuck", {**self.model, "README.md": b"x"})
        self.hub.on(r"hub/api/models/acme/stuck", times=100, pause=60)
        job = self.submit("acme/stuck")["id"]
        d.wait_for(lambda: self.hub.count(r"acme/stuck") and d.get(f"/jobs/{job}").json["status"] == "preparing")
        self.assertEqual(d.post(f"/jobs/{job}/cancel", {}).status, 202)
        self.assertEqual(d.wait(job)["status"], "cancelled")
        self.hub.calm()

    def test_files_of_allowed_hosts_are_read_and_asked_for_again(self):
        d = self.daemon
        self.hub.add_file("train.csv", csv_of(toy_rows(32)), etag="one")
        split = {"dataset": {"train": self.hub.file_url("train.csv"), "validation_split": 0.25}}
        done = d.wait(self.submit(**split)["id"])
        self.assertEqual(done["data_report"]["rows"], {"train": 24, "validation": 8}, done)
        self.hub.add_file("train.csv", csv_of(toy_rows(48)), etag="two")
        done = d.wait(self.submit(**split)["id"])
        self.assertEqual(done["data_report"]["rows"], {"train": 36, "validation": 12}, done)

    def test_a_download_under_way_shows_in_the_job(self):
        d = self.daemon
        self.hub.on(r"storage/", times=1, pause=30)
        job = self.submit()["id"]
        seen = d.wait_for(lambda: (lambda x: x if x and x["file"] == "model.safetensors" else None)(
            d.get(f"/jobs/{job}").json["download"]))
        self.assertEqual(seen["source"], "acme/tiny")
        self.assertEqual(seen["total_bytes"], len(self.model["model.safetensors"]))
        self.assertLess(seen["bytes"], seen["total_bytes"])
        self.assertEqual(d.stop(), 0, "a stop does not wait for a download")
        self.hub.calm()
        d.start()
        done = d.wait(job)
        self.assertEqual((done["status"], done["download"]), ("succeeded", None))

    def test_post_models_fetches_ahead(self):
        d = self.daemon
        answer = d.post("/models", {"model": "acme/tiny"})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.headers["Location"], "/models/acme%2Ftiny")
        model = d.wait_for(lambda: (lambda m: m if "status" not in m else None)(d.get("/models/acme%2Ftiny").json))
        self.assertEqual(model["hidden_size"], 32)
        self.assertEqual(d.post("/models", {"model": "acme/tiny"}).status, 200)

        self.assertEqual(d.post("/models", {"model": "acme/nothing"}).status, 202)
        failed = d.wait_for(lambda: (lambda m: m if m["status"] == "failed" else None)(d.get("/models/acme%2Fnothing").json))
        self.assertIn("acme/nothing", failed["error"]["message"])
        self.assertEqual(d.post("/models", {"model": "no/such/name"}).status, 404)

    def test_the_next_job_is_prepared_while_one_trains(self):
        d = self.daemon
        first = d.toy_job(n=64, num_train_epochs=400)
        d.wait_step(first, 1)
        second = self.submit()["id"]
        d.wait_for(lambda: "prepared_ahead" in d.log_text())
        self.assertEqual(d.get(f"/jobs/{second}").json["status"], "queued")
        self.assertGreater(self.files_sent(), 0)
        before = self.files_sent()
        self.assertEqual(d.post(f"/jobs/{first}/cancel", {}).status, 202)
        self.assertEqual(d.wait(second)["status"], "succeeded")
        self.assertEqual(self.files_sent(), before)

    def test_offline_takes_what_is_there(self):
        d = self.daemon
        self.assertEqual(d.wait(self.submit()["id"])["status"], "succeeded")
        d.stop()
        d.options["offline"] = "yes"
        d.start()
        before = len(self.hub.requests)
        self.assertEqual(d.wait(self.submit()["id"])["status"], "succeeded")
        answer = d.post("/jobs", self.job("acme/other"))
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("offline", answer.json["errors"][0]["detail"])
        self.assertEqual(len(self.hub.requests), before)

    def test_the_token_is_sent_to_the_hub_only(self):
        d = self.daemon
        d.stop()
        d.options["hf-token"] = TOKEN
        d.start()
        self.assertEqual(d.wait(self.submit()["id"])["status"], "succeeded")
        self.assertTrue(any(r.token for r in self.hub.requests))
        self.assertFalse(self.hub.tokens_at_storage())
        self.assertNotIn(TOKEN, d.log_text())

    def test_a_kill_in_a_download_costs_nothing_that_came(self):
        d = self.daemon
        self.hub.on(r"storage/", times=1, pause=30)
        job = self.submit()["id"]
        d.wait_for(lambda: self.hub.count(r"storage/"))
        d.kill()
        self.hub.calm()
        d.start()
        self.assertEqual(d.wait(job)["status"], "succeeded")
        weights = d.folder / "data" / "hub" / "models--acme--tiny" / "snapshots"
        found = [p for p in weights.rglob("model.safetensors")]
        self.assertEqual([hashlib.sha256(p.read_bytes()).digest() for p in found],
                         [hashlib.sha256(self.model["model.safetensors"]).digest()])


if __name__ == "__main__":
    unittest.main()
