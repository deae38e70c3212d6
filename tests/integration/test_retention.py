"""Retention: ended jobs beyond keep_jobs go with their files; what is in use stays; limits change by HUP."""

import pathlib
import signal
import tempfile
import unittest

from daemon import Daemon, csv_of, toy_rows

TEXT = {"input": "a good film and a great book"}


class Retention(unittest.TestCase):
    def setUp(self):
        self.conf = pathlib.Path(tempfile.mkstemp()[1])
        self.addCleanup(self.conf.unlink)
        self.conf.write_text("keep_jobs = 2\n")
        self.daemon = Daemon(config=self.conf)
        self.addCleanup(self.daemon.close)
        (self.daemon.folder / "root" / "train.csv").write_bytes(csv_of(toy_rows(16)))
        self.daemon.start()

    def job(self, **members):
        d = self.daemon
        return d.wait(d.submit(dataset={"train": "train.csv"}, args={"max_steps": 2}, **members))

    def wait_left(self, *want):
        """Until rows and folders are those of these jobs."""
        def names(folder):
            return {p.name for p in (self.daemon.folder / "data" / folder).iterdir()}

        ids, models = {j["id"] for j in want}, {j["model_id"] for j in want}
        self.daemon.wait_for(lambda: {j["id"] for j in self.daemon.get("/jobs").json["data"]} == ids, "the rows")
        self.daemon.wait_for(lambda: names("jobs") == ids and names("models") == models, "the folders")

    def pruned(self):
        return int(self.daemon.get("/metrics").body.decode().split("\nbertd_pruned_jobs_total ")[1].split()[0])

    def test_old_jobs_go_and_a_loaded_model_stays(self):
        d = self.daemon
        first = self.job(name="first")
        score = d.post("/classify", {"model": "first", **TEXT}).json["data"]
        jobs = [first] + [self.job() for _ in range(4)]
        self.wait_left(first, *jobs[3:])
        d.wait_for(lambda: self.pruned() == 2, "the count")
        self.assertEqual(d.get(f"/jobs/{jobs[1]['id']}").status, 404)
        self.assertEqual(d.post("/classify", {"model": "first", **TEXT}).json["data"], score)

        self.conf.write_text("keep_jobs = 1\n")
        d.process.send_signal(signal.SIGHUP)
        self.wait_left(first, jobs[4])
        d.wait_for(lambda: self.pruned() == 3, "the count")

        self.assertEqual(d.kill(), -signal.SIGKILL)
        d.start()
        self.wait_left(jobs[4])  # nothing is loaded any more
        self.assertEqual(d.post("/classify", {"model": "first", **TEXT}).status, 404)
        self.assertEqual(d.stop(), 0)

    def test_the_base_of_a_waiting_job_stays(self):
        d = self.daemon
        base = self.job()
        d.submit(dataset={"train": "train.csv"}, args={"max_steps": 1000000})
        waiting = d.submit(model=base["id"], dataset={"train": "train.csv"}, args={"max_steps": 2})
        for _ in range(3):
            job = d.submit(dataset={"train": "train.csv"}, args={"max_steps": 2})
            d.post(f"/jobs/{job}/cancel", {})
        d.wait_for(lambda: self.pruned() == 1, "the first cancelled job to go")
        self.assertEqual(d.get(f"/models/{base['model_id']}").status, 200)
        running = next(j for j in d.get("/jobs").json["data"] if j["status"] == "running")
        d.post(f"/jobs/{running['id']}/cancel", {})
        self.assertEqual(d.wait(waiting)["status"], "succeeded")
        d.wait_for(lambda: not (d.folder / "data/models" / base["model_id"]).exists(), "the base to go with its user")
        self.assertEqual(d.get(f"/models/{base['model_id']}").status, 404)


if __name__ == "__main__":
    unittest.main()
