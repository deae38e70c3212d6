"""GET /metrics: complete for operators, and without complaint by Prometheus' own linter."""

import json
import re
import shutil
import subprocess
import unittest

from daemon import ROOT, DaemonTest

NAMES = """
bertd_http_requests_total bertd_http_request_duration_seconds_bucket bertd_streams bertd_draining
bertd_jobs bertd_jobs_ended_total bertd_jobs_oldest_queued_seconds
bertd_serve_tokenize_seconds_bucket bertd_serve_queue_seconds_sum bertd_serve_inference_seconds_count
bertd_serve_batch_texts_bucket bertd_serve_batch_tokens_bucket bertd_serve_rejected_total
bertd_serve_loaded_models bertd_serve_loaded_bytes bertd_token_cache_hits_total bertd_token_cache_misses_total
bertd_device_memory_bytes bertd_device_memory_free_bytes
bertd_disk_free_bytes bertd_build_info process_start_time_seconds process_cpu_seconds_total
process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds
""".split()
METRIC = re.compile(r"\b(?:bertd|process)_\w+")
ENDED = 'bertd_jobs_ended_total{state="%s"}'
RUNNING = "epoch step planned_steps loss step_seconds samples_per_second".split()


class Prometheus(DaemonTest):
    def scrape(self):
        """name or name{labels} → value, and the text."""
        answer = self.daemon.get("/metrics")
        self.assertEqual(answer.status, 200)
        text = answer.body.decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}, text

    def test_metrics_are_complete_and_promtool_has_no_complaint(self):
        d = self.daemon
        before, _ = self.scrape()
        done = d.toy_job(n=16, max_steps=2)
        d.wait(done)
        running = d.toy_job(n=64, num_train_epochs=500)
        waiting = d.toy_job(n=16, max_steps=1)
        d.wait_step(running, 2)
        self.assertEqual(d.post("/classify", {"model": done, "input": ["good", "a bad film"]}).status, 200)
        values, text = self.scrape()
        names = {name.partition("{")[0] for name in values}
        self.assertEqual([n for n in NAMES + ["bertd_job_" + r for r in RUNNING] if n not in names], [])
        self.assertEqual(values['bertd_jobs{state="queued"}'], 1)
        self.assertGreater(values["bertd_jobs_oldest_queued_seconds"], 0)
        self.assertEqual(values[ENDED % "succeeded"], before[ENDED % "succeeded"] + 1)
        self.assertGreater(values["bertd_job_loss"], 0)
        self.assertGreater(values["bertd_job_step_seconds"], 0)
        self.assertEqual(values["bertd_serve_batch_texts_sum"], before["bertd_serve_batch_texts_sum"] + 2)
        self.assertGreaterEqual(values["bertd_serve_loaded_models"], 1)
        self.assertGreater(values["process_open_fds"], 5)
        board = (ROOT / "docker" / "grafana-dashboard.json").read_text()
        shown = {e for x in json.loads(board)["panels"] for t in x["targets"] for e in METRIC.findall(t["expr"])}
        self.assertGreater(len(shown), 20)
        self.assertEqual(shown - names, set(), "the dashboard names what is not there")
        for job in (waiting, running):
            d.post(f"/jobs/{job}/cancel", {})
        d.wait(running)
        after, _ = self.scrape()
        self.assertEqual(after[ENDED % "cancelled"], before[ENDED % "cancelled"] + 2)
        self.assertEqual(after["bertd_jobs_oldest_queued_seconds"], 0)
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed (Debian: prometheus); the names were checked")
        lint = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((lint.returncode, lint.stdout + lint.stderr), (0, ""))

    def test_a_refused_text_is_counted_by_its_reason(self):
        d = self.daemon
        job = d.toy_job(n=16, max_steps=1)
        d.wait(job)
        d.post("/classify", {"model": job, "input": "good"})
        before, _ = self.scrape()
        self.assertEqual(d.post("/classify", {"model": job, "input": "good " * 300, "truncation": False}).status, 422)
        after, _ = self.scrape()
        key = 'bertd_serve_rejected_total{reason="bad_text"}'
        self.assertEqual(after[key], before[key] + 1)


if __name__ == "__main__":
    unittest.main()
