"""The main story: upload, queue, follow, classify, look around, remove."""

import unittest

from daemon import DaemonTest, csv_of, toy_rows


class JobStory(DaemonTest):
    def test_upload_train_follow_classify_delete(self):
        d = self.daemon
        job = d.toy_job(n=64, num_train_epochs=8, learning_rate=5e-3)
        records = list(d.records(job))
        self.assertEqual([r["seq"] for r in records], list(range(1, len(records) + 1)))
        self.assertEqual([r["status"] for r in records if r["type"] == "status" and "newly_initialised" not in r],
                         ["queued", "preparing", "running", "succeeded"][: 3 + (records[-2]["type"] == "status")])
        self.assertEqual(records[-1]["type"], "done")
        logs = [r for r in records if r["type"] == "log"]
        self.assertEqual([r["step"] for r in logs], list(range(1, 65)))
        for key in ("loss", "grad_norm", "learning_rate", "epoch"):
            self.assertIn(key, logs[0])
        evals = [r for r in records if r["type"] == "eval"]
        self.assertEqual([r["epoch"] for r in evals], [float(e) for e in range(1, 9)])
        self.assertGreater(evals[-1]["eval_accuracy"], 0.9)
        self.assertIn("eval_f1", evals[0])
        train = [r for r in records if r["type"] == "train"]
        self.assertEqual(len(train), 1)
        for key in ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss"):
            self.assertIn(key, train[0])

        done = d.get(f"/jobs/{job}").json
        self.assertEqual(done["status"], "succeeded")
        self.assertEqual(done["progress"]["step"], 64)
        checkpoints = d.get(f"/jobs/{job}/checkpoints").json["data"]
        self.assertEqual([c["step"] for c in checkpoints], list(range(8, 65, 8)))

        model = done["model_id"]
        answers = [d.post("/classify", {"model": name, "input": "this film was great and lovely"}).json
                   for name in (model, job, checkpoints[-1]["id"])]
        self.assertEqual({a["data"][0]["label"] for a in answers}, {"positive"})
        scores = [a["data"][0]["score"] for a in answers]
        self.assertEqual(scores[0], scores[1])
        self.assertEqual(scores[0], scores[2])
        self.assertIn(model, [m["id"] for m in d.get("/models").json["data"]])
        self.assertIn("tiny", [m["id"] for m in d.get("/models").json["data"]])
        self.assertEqual(d.get(f"/models/{model}").json["id"], model)

        self.assertEqual(d.ask("DELETE", f"/jobs/{job}").status, 204)
        self.assertEqual(d.get(f"/jobs/{job}").status, 404)
        self.assertEqual(d.post("/classify", {"model": model, "input": "good"}).status, 404)

    def test_dry_run_reports_and_queues_nothing(self):
        d = self.daemon
        rows = toy_rows(30)
        train = d.upload(csv_of(rows + rows[:3]))
        before = d.get("/jobs").json["data"]
        answer = d.post("/jobs?dry_run=true", {"model": "tiny", "dataset": {"train": train, "validation": train}})
        self.assertEqual(answer.status, 200, answer)
        report = answer.json["data_report"]
        self.assertEqual(report["rows"]["train"], 33)
        self.assertEqual(report["duplicates"]["train"], 3)
        self.assertEqual(report["overlap"]["train_validation"], 33)
        self.assertEqual(sum(report["label_counts"]["train"].values()), 33)
        self.assertEqual(answer.json["total_steps"], 15)
        self.assertEqual(d.get("/jobs").json["data"], before)

    def test_an_idempotency_key_makes_one_job(self):
        d = self.daemon
        train = d.upload(csv_of(toy_rows(16)))
        body = {"model": "tiny", "dataset": {"train": train}, "args": {"max_steps": 1}}
        first = d.post("/jobs", body, Idempotency_Key="k-1")
        again = d.post("/jobs", body, Idempotency_Key="k-1")
        other = d.post("/jobs", {**body, "name": "other"}, Idempotency_Key="k-1")
        self.assertEqual((first.status, again.status, other.status), (201, 201, 409))
        self.assertEqual(first.json["id"], again.json["id"])
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assertEqual(first.headers["Location"], f"/jobs/{first.json['id']}")

    def test_cancel_ends_a_running_job_and_repeating_is_harmless(self):
        d = self.daemon
        job = d.toy_job(n=64, num_train_epochs=500)
        d.wait_step(job, 3)
        self.assertEqual(d.post(f"/jobs/{job}/cancel", {}).status, 202)
        self.assertEqual(d.wait(job)["status"], "cancelled")
        self.assertEqual(d.post(f"/jobs/{job}/cancel", {}).status, 202)

    def test_a_succeeded_job_is_not_cancelled(self):
        d = self.daemon
        job = d.toy_job(n=16, max_steps=1)
        d.wait(job)
        answer = d.post(f"/jobs/{job}/cancel", {})
        self.assertEqual(answer.status, 409)
        self.assertIn("succeeded", answer.json["detail"])

    def test_queued_jobs_have_positions_and_cancel_at_once(self):
        d = self.daemon
        long_job = d.toy_job(n=64, num_train_epochs=500)
        waiting = [d.toy_job(n=16, max_steps=1) for _ in range(3)]
        d.wait_step(long_job, 1)
        self.assertEqual([d.get(f"/jobs/{j}").json["queue_position"] for j in waiting], [1, 2, 3])
        self.assertEqual(d.post(f"/jobs/{waiting[0]}/cancel", {}).json["status"], "cancelled")
        self.assertEqual(d.get(f"/jobs/{waiting[1]}").json["queue_position"], 1)
        self.assertEqual(d.ask("DELETE", f"/jobs/{long_job}").status, 409)
        d.post(f"/jobs/{long_job}/cancel", {})
        self.assertEqual(d.wait(waiting[2])["status"], "succeeded")

    def test_lists_page_through_everything_once(self):
        d = self.daemon
        made = [d.toy_job(n=16, max_steps=1) for _ in range(5)]
        for job in made:
            d.wait(job)
        seen, after = [], ""
        while True:
            page = d.get(f"/jobs?limit=2{after}").json
            seen += [j["id"] for j in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(seen, sorted(seen, reverse=True))
        self.assertLessEqual(set(made), set(seen))

    def test_a_finished_model_is_the_base_of_the_next_job(self):
        d = self.daemon
        first = d.wait(d.toy_job(n=64, num_train_epochs=2))
        train = d.upload(csv_of(toy_rows(32, seed=5)))
        job = d.submit(model=first["model_id"], dataset={"train": train}, args={"max_steps": 2})
        records = list(d.records(job))
        self.assertEqual(records[-1]["status"], "succeeded")
        self.assertFalse([r for r in records if r.get("newly_initialised")])

    def test_the_same_job_twice_gives_the_same_numbers(self):
        d = self.daemon
        logs = []
        for _ in range(2):
            job = d.toy_job(n=32, num_train_epochs=2, seed=3)
            logs.append([(r["step"], r["loss"], r["grad_norm"]) for r in d.records(job) if r["type"] == "log"])
        self.assertEqual(logs[0], logs[1])
        self.assertEqual(len(logs[0]), 8)


if __name__ == "__main__":
    unittest.main()
