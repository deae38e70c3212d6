"""The clean stop: TERM at random moments, while a job trains and clients classify and stream."""

import contextlib
import http.client
import json
import random
import signal
import sqlite3
import threading
import time
import unittest

from daemon import Daemon
from test_restart import losses

ROUNDS = 20
SECONDS = 8  # a stop may take, at most
STEPS = 600  # of the job: enough that no round sees its end
LEFT = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
TEXTS = {"input": ["a good film", "a bad and sad book . it was not good"] * 8}


class Clients:
    """Threads that ask without a pause; what they saw stands in the lists."""

    def __init__(self, daemon, model, job, after):
        self.daemon, self.job, self.after = daemon, job, after
        self.body = json.dumps({"model": model, **TEXTS}).encode()
        self.answers, self.records, self.faults = [], [], []
        self.stopping = threading.Event()
        targets = [self.ask_anew, self.ask_anew, self.ask_on_one_connection, self.follow]
        self.threads = [threading.Thread(target=self.guard, args=(t,)) for t in targets]
        for t in self.threads:
            t.start()

    def guard(self, target):
        try:
            target()
        except Exception as e:  # kept for the test's own thread
            self.faults.append(f"{target.__name__}: {e!r}")

    def classify(self, connection):
        connection.request("POST", "/classify", self.body, {"Content-Type": "application/json"})
        r = connection.getresponse()
        self.answers.append((r.status, json.loads(r.read()), self.stopping.is_set()))

    def ask_anew(self):
        """A connection that was let in is answered; one that is refused tells of the end."""
        while True:
            with contextlib.closing(self.daemon.connect()) as c:
                try:
                    c.connect()
                except ConnectionRefusedError:
                    return
                self.classify(c)

    def ask_on_one_connection(self):
        """An idle connection may be closed at any time, but only by a server that stops."""
        with contextlib.closing(self.daemon.connect()) as c:
            c.connect()
            c.auto_open = False
            while True:
                try:
                    self.classify(c)
                except (*LEFT, http.client.NotConnected):
                    if not self.stopping.is_set():
                        raise
                    return

    def follow(self):
        """The body ends with its last chunk: http.client raises IncompleteRead if it does not."""
        with contextlib.closing(self.daemon.connect()) as c:
            c.request("GET", f"/jobs/{self.job}/metrics?after={self.after}")
            body = c.getresponse()
            for line in body:
                self.records.append(json.loads(line))
            if not self.stopping.is_set():
                raise AssertionError("the stream ended on its own")

    def join(self):
        for t in self.threads:
            t.join(60)
        return self.faults


class Stop(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.addCleanup(self.daemon.close)

    def row(self, job):
        with contextlib.closing(sqlite3.connect(self.daemon.folder / "data" / "bertd.db")) as db:
            return db.execute("SELECT state, attempt FROM jobs WHERE id = ?", (job,)).fetchone()

    def term(self, clients):
        """Ends the daemon; returns its exit code and how long it took."""
        start = time.monotonic()
        clients.stopping.set()
        return self.daemon.stop(), time.monotonic() - start

    def test_twenty_terms_at_random_moments_lose_nothing(self):
        d, rng = self.daemon, random.Random(20)
        args = dict(n=64, max_steps=STEPS, save_strategy="no", eval_strategy="no")
        straight = d.toy_job(**args)
        self.assertEqual(d.wait(straight)["status"], "succeeded")
        job, seen, longest = d.toy_job(**args), [], 0
        for i in range(ROUNDS):
            clients = Clients(d, straight, job, len(seen))
            wanted = rng.randrange(24)
            d.wait_for(lambda: len(clients.records) >= wanted or clients.faults, "records")
            time.sleep(rng.random() * 0.02)
            with self.subTest(round=i):
                code, seconds = self.term(clients)
                longest = max(longest, seconds)
                self.assertEqual((code, clients.join()), (0, []))
                self.assertLess(seconds, SECONDS)
                self.assertEqual(self.row(job), ("queued", 0))
                for status, body, stopping in clients.answers:
                    if not (stopping and status == 503):
                        self.assertEqual((status, len(body.get("data", []))), (200, len(TEXTS["input"])), body)
            seen += clients.records
            d.start()
        self.assertEqual([r["seq"] for r in seen], list(range(1, len(seen) + 1)))
        self.assertEqual(d.wait(job)["status"], "succeeded")
        self.assertEqual(losses(d, straight), losses(d, job))
        self.assertEqual(d.log_text().count("clean=yes"), ROUNDS, d.log_text()[-3000:])
        print(f"longest stop {longest:.2f} s", end=" ", flush=True)

    def test_a_request_that_is_half_sent_is_answered_and_readyz_tells_of_the_stop(self):
        d, body = self.daemon, json.dumps({"model": "none", "input": "a film"}).encode()
        with contextlib.closing(d.connect()) as slow, contextlib.closing(d.connect()) as kept:
            kept.request("GET", "/readyz")
            self.assertEqual((r := kept.getresponse()).status, 200, r.read())
            r.read()
            slow.putrequest("POST", "/classify")
            slow.putheader("Content-Type", "application/json")
            slow.putheader("Content-Length", len(body))
            slow.endheaders(body[:10])
            kept.request("GET", "/livez")
            kept.getresponse().read()
            d.process.send_signal(signal.SIGTERM)
            d.wait_for(lambda: "event=stopping" in d.log_text())
            kept.request("GET", "/readyz")
            r = kept.getresponse()
            self.assertEqual((r.status, r.headers["Connection"]), (503, "close"))
            self.assertEqual(json.loads(r.read())["checks"]["draining"], "the server is stopping")
            slow.send(body[10:])
            self.assertEqual((r := slow.getresponse()).status, 404)
            self.assertEqual(json.loads(r.read())["status"], 404)
        self.assertEqual(d.process.wait(SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
