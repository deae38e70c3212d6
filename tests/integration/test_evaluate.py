"""A model on a labelled data set: the job's own figures, everybody else served meanwhile, and an end when nobody waits."""

import contextlib
import json
import unittest

from daemon import Daemon, DaemonTest, csv_of, make_tiny_bert, toy_rows

N_MANY = 40000  # rows, one a request: some seconds
MANY = csv_of(toy_rows(N_MANY, seed=2))
TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


def served(daemon):
    text = daemon.get("/metrics").body.decode()
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("bertd_serve_texts_total"))


def begin(daemon, model, many):
    """Asks for an evaluation of many rows, and gives the connection once the first ones are through."""
    before = served(daemon)
    c = daemon.connect()
    c.request("POST", f"/models/{model}/evaluate", json.dumps({"dataset": {"test": many}, "per_device_eval_batch_size": 1}),
              {"Content-Type": "application/json"})
    daemon.wait_for(lambda: served(daemon) > before)
    return c


class Evaluate(DaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        d = cls.daemon
        (d.folder / "root" / "test.csv").write_bytes(csv_of(toy_rows(93, seed=1)))
        make_tiny_bert(d.folder / "models" / "head", head_labels=["negative", "positive"])
        make_tiny_bert(d.folder / "models" / "three", head_labels=["a", "b", "c"])
        make_tiny_bert(d.folder / "models" / "one", head_labels=["stars"])
        cls.test = {"file": "test.csv", "sample": 90, "random_state": 5, "rows": [3, 80]}
        cls.job = d.submit(name="toy", dataset={"train": d.upload(csv_of(toy_rows(64))), "test": cls.test},
                           args={"num_train_epochs": 4, "learning_rate": 3e-3})
        cls.done = d.wait(cls.job)
        assert cls.done["status"] == "succeeded", cls.done

    def evaluate(self, model, status=200, **members):
        answer = self.daemon.post(f"/models/{model}/evaluate", {"dataset": {"test": self.test}, **members})
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def assert_same(self, got, want):
        self.assertEqual(set(got), set(want))
        for name in set(want) - set(TIMES):
            if name == "eval_loss":
                self.assertLess(abs(got[name] - want[name]), 1e-6)
            else:
                self.assertEqual(got[name], want[name], name)

    def test_the_metrics_are_those_of_the_job(self):
        want = self.done["metrics"]["test"]
        last = self.daemon.get(f"/jobs/{self.job}/checkpoints").json["data"][-1]["id"].replace("/", "%2F")
        for name in ("toy", self.job, self.done["model_id"], last):
            answer = self.evaluate(name)
            self.assertEqual((answer["object"], answer["rows"]), ("evaluation", 77))
            self.assert_same(answer["metrics"], {k: v for k, v in want.items() if k.startswith(("eval_", "per_", "conf"))})
        for size in (1, 7, 1024):
            self.assert_same(self.evaluate("toy", per_device_eval_batch_size=size)["metrics"], answer["metrics"])

    def test_labels_are_the_models(self):
        rows = [(t, "01"[label == "positive"]) for t, label in toy_rows(93, seed=1)]
        numbers = self.daemon.upload(csv_of(rows))
        answer = self.evaluate("toy", dataset={"test": {**self.test, "file": numbers}})
        self.assert_same(answer["metrics"], self.evaluate("toy")["metrics"])
        few = self.daemon.upload(csv_of([("good film", "positive")] * 3))
        self.assertEqual(self.evaluate("toy", dataset={"test": few})["metrics"]["per_class"][0]["support"], 0)
        fault = self.evaluate("three", 422)["errors"][0]
        self.assertEqual(fault["pointer"], "#/dataset/test")
        self.assertIn("line", fault["detail"])

    def test_a_base_model_with_a_head_can_be_evaluated(self):
        metrics = self.evaluate("head")["metrics"]
        self.assertEqual(sum(map(sum, metrics["confusion_matrix"])), 77)
        numbers = self.daemon.upload(csv_of([("good film", "1"), ("bad film", "0")]))
        self.assertIn("head", self.evaluate("tiny", 422, dataset={"test": numbers})["detail"])
        self.assertIn("1 labels", self.evaluate("one", 422)["detail"])

    def test_what_is_wrong_with_the_request_is_named(self):
        for body, pointer in (
            ({}, "#/dataset"),
            ({"dataset": {}}, "#/dataset/test"),
            ({"dataset": {"test": "test.csv", "train": "test.csv"}}, "#/dataset/train"),
            ({"dataset": {"test": "test.csv", "labels": ["a", "b"]}}, "#/dataset/labels"),
            ({"dataset": {"test": "../test.csv"}}, "#/dataset/test"),
            ({"dataset": {"test": "test.csv", "text_column": "texts"}}, "#/dataset/text_column"),
            ({"dataset": {"test": "test.csv"}, "max_length": 1}, "#/max_length"),
            ({"dataset": {"test": "test.csv"}, "per_device_eval_batch_size": 0}, "#/per_device_eval_batch_size"),
        ):
            answer = self.daemon.post("/models/toy/evaluate", body)
            self.assertEqual(answer.status, 422, answer)
            self.assertIn(pointer, [e["pointer"] for e in answer.json["errors"]])
        self.assertIn("max_length", self.evaluate("toy", 422, max_length=4000)["detail"])
        self.evaluate("nothing", 404)


    def test_others_are_served_meanwhile_and_a_client_that_leaves_ends_it(self):
        before = served(self.daemon)
        with contextlib.closing(begin(self.daemon, "toy", self.daemon.upload(MANY))):
            self.assertEqual(self.daemon.post("/classify", {"model": "toy", "input": "good film"}).status, 200)
        self.daemon.wait_for(lambda: 'path="/models/toy/evaluate" status=499' in self.daemon.log_text())
        self.assertLess(served(self.daemon), before + N_MANY)

    def test_no_more_than_two_at_once(self):
        many = self.daemon.upload(MANY)
        with contextlib.closing(begin(self.daemon, "toy", many)), contextlib.closing(begin(self.daemon, "toy", many)):
            self.assertEqual(self.evaluate("toy", 503)["code"], "too_many_evaluations")

        def free():
            return self.daemon.post("/models/toy/evaluate", {"dataset": {"test": self.test}}).status == 200

        self.daemon.wait_for(free)

    def test_a_stop_does_not_wait_for_its_end(self):
        with Daemon() as d:
            make_tiny_bert(d.folder / "models" / "head", head_labels=["negative", "positive"])
            with contextlib.closing(begin(d, "head", d.upload(MANY))) as c:
                self.assertEqual(d.stop(), 0)
                with contextlib.suppress(ConnectionError):  # or the answer came in time
                    self.assertEqual(c.getresponse().status, 503)


if __name__ == "__main__":
    unittest.main()
