"""Crash-only: killed at any moment, nothing acknowledged is lost, and the job goes on from its checkpoint."""

import json
import sqlite3
import unittest

from daemon import Daemon
from test_streams import read_sse

EPOCHS = dict(n=64, num_train_epochs=4)  # 8 steps an epoch, a checkpoint after each


def losses(daemon, job):
    """The last loss that was recorded for each step."""
    return {r["step"]: (r["loss"], r["grad_norm"]) for r in daemon.records(job) if r["type"] == "log"}


class Restart(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.addCleanup(self.daemon.close)

    def test_kill_in_the_middle_of_epoch_2_resumes_and_succeeds_bit_for_bit(self):
        d = self.daemon
        straight = d.toy_job(**EPOCHS)
        d.wait(straight)
        job = d.toy_job(**EPOCHS, per_device_eval_batch_size=1)
        d.wait_step(job, 12)
        d.kill()
        d.start()
        records = list(d.records(job))
        self.assertEqual(records[-1]["status"], "succeeded")
        self.assertEqual([r["seq"] for r in records], list(range(1, len(records) + 1)))
        resumed = [r["resumed_from"] for r in records if "resumed_from" in r]
        self.assertEqual(len(resumed), 1)
        self.assertGreaterEqual(int(resumed[0].removeprefix("checkpoint-")), 8)
        self.assertEqual(losses(d, straight), losses(d, job))
        text = {"input": "a good film and a great book"}
        scores = [d.post("/classify", {"model": j, **text}).json["data"][0]["score"] for j in (straight, job)]
        self.assertEqual(scores[0], scores[1])

    def test_a_reader_resumes_across_the_restart(self):
        d = self.daemon
        job = d.toy_job(**EPOCHS)
        before = read_sse(d, job, stop_after=10)
        d.kill()
        d.start()
        after = read_sse(d, job, last_id=before[-1][0])
        self.assertEqual([s[0] for s in before + after], list(range(1, len(before + after) + 1)))
        self.assertEqual(after[-1][1], "done")

    def test_term_gives_the_running_job_back_without_counting_the_attempt(self):
        d = self.daemon
        job = d.toy_job(n=64, num_train_epochs=60)
        for _ in range(4):
            step = d.get(f"/jobs/{job}").json["progress"]["step"]
            d.wait_step(job, step + 3)
            self.assertEqual(d.stop(), 0)
            d.start()
        d.post(f"/jobs/{job}/cancel", {})
        self.assertEqual(d.wait(job)["status"], "cancelled")

    def test_a_job_that_kills_the_daemon_three_times_is_poison(self):
        d = self.daemon
        job = d.toy_job(n=64, num_train_epochs=1000, save_strategy="no")
        for _ in range(3):
            seq = d.get(f"/jobs/{job}/metrics", Accept="application/json").json["last_id"]
            for record in d.records(job, after=seq):
                if record["type"] == "log":
                    break
            d.kill()
            d.start()
        ended = d.wait(job)
        self.assertEqual((ended["status"], ended["error"]["code"]), ("failed", "poison"))

    def test_queued_jobs_survive_in_order(self):
        d = self.daemon
        jobs = [d.toy_job(n=64, num_train_epochs=500)] + [d.toy_job(n=16, max_steps=1) for _ in range(4)]
        d.wait_step(jobs[0], 1)
        d.kill()
        d.start()
        d.wait_for(lambda: d.get(f"/jobs/{jobs[0]}").json["status"] == "running")
        self.assertEqual([d.get(f"/jobs/{j}").json["queue_position"] for j in jobs[1:]], [1, 2, 3, 4])
        d.post(f"/jobs/{jobs[0]}/cancel", {})
        ends = [d.wait(j)["ended_at"] for j in jobs]
        self.assertEqual(ends, sorted(ends))

    def test_a_second_daemon_on_the_same_folder_is_refused(self):
        other = Daemon(**{"data_dir": self.daemon.folder / "data"})
        self.addCleanup(other.close)
        with self.assertRaisesRegex(RuntimeError, "lock|another"):
            other.start()

    def test_a_newer_database_is_refused_with_both_numbers(self):
        d = self.daemon
        d.stop()
        with sqlite3.connect(d.folder / "data" / "bertd.db") as db:
            db.execute("PRAGMA user_version = 9999")
        db.close()
        with self.assertRaisesRegex(RuntimeError, "9999"):
            d.start()

    def test_what_is_left_in_tmp_is_swept(self):
        d = self.daemon
        d.stop()
        junk = d.folder / "data" / "tmp" / "upload-junk"
        junk.write_text("x")
        d.start()
        self.assertFalse(junk.exists())


if __name__ == "__main__":
    unittest.main()
