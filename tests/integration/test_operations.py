"""The operator's work: backup of a running daemon, check of a data directory, keys, and reload by HUP."""

import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
import unittest
import unittest.mock

from daemon import PATIENCE, Daemon, csv_of, toy_rows
from test_cli import bertd

TEXT = {"input": "a good film and a great book"}


class Backup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        cls.addClassCleanup(cls.daemon.close)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="bertd-backup-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        d = cls.daemon
        cls.done = d.toy_job(n=64, num_train_epochs=2)
        d.wait(cls.done)
        cls.score = d.post("/classify", {"model": cls.done, **TEXT}).json["data"][0]["score"]
        cls.copy = cls.folder / "copy"
        cls.backup_under_load()

    @classmethod
    def backup_under_load(cls):
        """While a job trains, jobs are queued and deleted, and texts are classified."""
        d, cls.failures, over = cls.daemon, [], threading.Event()
        cls.running = d.toy_job(n=64, num_train_epochs=10000)
        d.wait_step(cls.running, 20)
        cls.queued = d.toy_job(n=16, max_steps=1)

        def work(ask):
            i = 0
            while not over.is_set():
                answer = ask(i)
                i += 1
                if answer.status >= 400:
                    cls.failures.append(answer)

        def queue_and_delete(i):
            job = d.toy_job(n=16 + i % 8, max_steps=1)
            d.post(f"/jobs/{job}/cancel", {})
            return d.ask("DELETE", f"/jobs/{job}")

        threads = [threading.Thread(target=work, args=(ask,)) for ask in (
            lambda i: d.post("/classify", {"model": cls.done, **TEXT}), queue_and_delete)]
        for t in threads:
            t.start()
        cls.backup = bertd("backup", str(cls.copy), f"--data-dir={d.folder}/data")
        cls.status_after = d.get(f"/jobs/{cls.running}").json["status"]
        over.set()
        for t in threads:
            t.join()

    def copy_of_copy(self, name):
        shutil.copytree(self.copy, self.folder / name)
        return self.folder / name

    def started_on(self, folder):
        d = Daemon(data_dir=folder, data_root=self.daemon.folder / "root", model_dir=self.daemon.folder / "models")
        self.addCleanup(d.close)
        return d.start()

    def test_the_daemon_did_not_notice(self):
        self.assertEqual(self.backup[0], 0, self.backup)
        self.assertEqual(self.failures, [])
        self.assertEqual(self.status_after, "running")

    def test_the_copy_is_whole_and_nothing_else_is_left(self):
        code, out, err = bertd("check", str(self.copy))
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"^0 faults: \d+ jobs, \d+ datasets, 1 models, \d+ checkpoints\n$")
        self.assertEqual(sorted(p.name for p in self.copy.iterdir()), ["bertd.db", "datasets", "jobs", "models"])
        self.assertEqual([p.name for p in self.folder.iterdir() if ".tmp" in p.name], [])

    def test_check_of_the_running_daemon_finds_no_fault(self):
        code, out, err = bertd("check", f"{self.daemon.folder}/data")
        self.assertEqual((code, err), (0, ""), out)

    def test_a_daemon_on_the_copy_gives_the_same_score_and_goes_on_with_the_job(self):
        self.assertRegex(self.backup[1], rf"{self.running}: running; the copy goes on from checkpoint-\d+\n")
        self.assertIn(f"{self.queued}: queued; the copy starts it from the beginning\n", self.backup[1])
        d = self.started_on(self.copy_of_copy("restored"))
        self.assertEqual(d.post("/classify", {"model": self.done, **TEXT}).json["data"][0]["score"], self.score)
        resumed = next(r["resumed_from"] for r in d.records(self.running) if "resumed_from" in r)
        self.assertIn(f"goes on from {resumed}\n", self.backup[1])
        d.post(f"/jobs/{self.running}/cancel", {})
        self.assertEqual(d.wait(self.queued)["status"], "succeeded")
        d.stop()
        self.assertEqual(bertd("check", str(self.folder / "restored"))[0], 0)

    def test_a_full_folder_and_a_wrong_source_are_refused(self):
        for args, words in [
            ((str(self.copy), f"--data-dir={self.daemon.folder}/data"), "is not empty"),
            ((f"{self.folder}/new", f"--data-dir={self.folder}"), "bertd.db"),
            ((), "backup DIR"),
        ]:
            with self.subTest(args=args):
                code, _, err = bertd("backup", *args)
                self.assertEqual((code, len(err.splitlines())), (1, 1), err)
                self.assertIn(words, err)
        self.assertFalse((self.folder / "new").exists())

    def test_what_lost_its_files_is_left_out_of_the_copy(self):
        source = self.copy_of_copy("without")
        model = next((source / "models").iterdir())
        shutil.rmtree(model)
        code, out, err = bertd("backup", f"{self.folder}/rest", f"--data-dir={source}")
        self.assertEqual(code, 0, err)
        self.assertIn(f"{model.name}: its files are gone, it is left out", out)
        self.assertEqual(bertd("check", f"{self.folder}/rest")[0], 0)

    def test_check_names_each_damage(self):
        def flip(path):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)

        def sql(folder, text):
            with sqlite3.connect(folder / "bertd.db") as db:
                db.execute(text)
            db.close()

        def one(folder, pattern):
            return sorted(folder.glob(pattern))[0]

        for name, damage, words in [
            ("data set", lambda f: flip(one(f, "datasets/*")), "sha256"),
            ("short data set", lambda f: one(f, "datasets/*").write_bytes(b""), "0 bytes"),
            ("no data set", lambda f: one(f, "datasets/*").unlink(), "ds_"),
            ("weights", lambda f: flip(one(f, "models/*/model.safetensors")), "mdl_"),
            ("config", lambda f: one(f, "models/*/config.json").write_text("{"), "config.json"),
            ("vocabulary", lambda f: [p.unlink() for p in f.glob("models/*/*") if p.name in ("vocab.txt", "tokenizer.json")],
             "mdl_"),
            ("checkpoint", lambda f: flip(one(f, "jobs/*/checkpoint-*/model.safetensors")), "/checkpoint-"),
            ("no checkpoint", lambda f: shutil.rmtree(one(f, "jobs/*/checkpoint-*")), "/checkpoint-"),
            ("request", lambda f: sql(f, f"UPDATE jobs SET spec = '{{}}' WHERE id = '{self.queued}'"), "stored request"),
            ("orphan", lambda f: sql(f, "INSERT INTO events VALUES ('job_x', 1, 0, 'log', '{}')"), "a row of events"),
        ]:
            with self.subTest(name):
                folder = self.copy_of_copy(name)
                damage(folder)
                code, out, err = bertd("check", str(folder))
                self.assertEqual((code, err), (1, ""), out)
                self.assertIn(words, out)
                self.assertRegex(out.splitlines()[-1], r"^1 faults: ")
                shutil.rmtree(folder)

    def test_check_finds_a_damaged_database(self):
        folder = self.copy_of_copy("database")
        with open(folder / "bertd.db", "r+b") as f:
            size = f.seek(0, 2)
            for at in range(4096, size, 4096):
                f.seek(at)
                f.write(b"\xff" * 64)
        self.assertEqual(bertd("check", str(folder))[0], 1)
        code, _, err = bertd("check", f"{self.folder}/nothing")
        self.assertEqual(code, 1)
        self.assertIn("bertd.db", err)


class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bertd-reload-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.conf, self.file = self.folder / "bertd.conf", self.folder / "keys"
        self.conf.write_text("max_classify_texts = 2\n")
        self.anna = self.keys("add", "anna").strip()

    def keys(self, *args):
        code, out, err = bertd("keys", *args, f"--api-keys-file={self.file}")
        self.assertEqual((code, err), (0, ""))
        return out

    def start(self, **options):
        self.daemon = Daemon(config=self.conf, **options)
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def reload(self, event="reloaded"):
        before = self.daemon.log_text().count(f"event={event} ")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for(lambda: self.daemon.log_text().count(f"event={event} ") > before, event)

    def status(self, key):
        return self.daemon.get("/jobs", X_API_Key=key).status

    def n_texts(self, n):
        return self.daemon.post("/tokenize", {"model": "tiny", "input": ["good"] * n}, X_API_Key=self.anna).status

    def test_keys_that_are_added_and_revoked_take_effect_without_a_restart(self):
        self.start(api_keys_file=self.file)
        ben = self.keys("add", "ben").strip()
        self.assertEqual((self.status(self.anna), self.status(ben)), (200, 401))
        self.reload()
        self.assertEqual((self.status(self.anna), self.status(ben)), (200, 200))
        self.keys("revoke", "anna")
        self.assertEqual(self.keys("list"), "ben\n")
        self.reload()
        self.assertEqual((self.status(self.anna), self.status(ben)), (401, 200))
        self.assertNotIn(ben, self.file.read_text())
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(ben, self.daemon.log_text())
        self.assertEqual(self.daemon.stop(), 0)

    def test_the_service_manager_hears_of_start_reload_and_stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.folder / "notify"))
            manager.settimeout(PATIENCE)
            with unittest.mock.patch.dict(os.environ, NOTIFY_SOCKET=manager.getsockname()):
                self.start()
            self.assertEqual(manager.recv(256), b"READY=1")
            for conf, event in [("max_classify_texts = 3\n", "reloaded"), ("what = 3\n", "reload_failed")]:
                self.conf.write_text(conf)
                self.reload(event)
                self.assertRegex(manager.recv(256), rb"^RELOADING=1\nMONOTONIC_USEC=\d+$")
                self.assertEqual(manager.recv(256), b"READY=1")
            self.assertEqual(self.daemon.stop(), 0)
            self.assertEqual(manager.recv(256), b"STOPPING=1")

    def test_limits_change_at_once_and_others_ask_for_a_restart(self):
        self.start(api_keys_file=self.file)
        self.assertEqual((self.n_texts(2), self.n_texts(3)), (200, 422))
        self.conf.write_text("max_classify_texts = 3\nlog_level = debug\nhttp_threads = 2\n")
        self.reload()
        self.assertEqual((self.n_texts(3), self.n_texts(4)), (200, 422))
        self.assertIn("event=restart_needed option=http_threads", self.daemon.log_text())
        self.assertEqual(self.daemon.log_text().count("event=restart_needed"), 1)

    def test_a_bad_file_keeps_what_was_there_with_one_line(self):
        self.start(api_keys_file=self.file)
        good = self.file.read_text()
        for conf, keys in [("max_classify_texts = many\n", good), ("max_classify_texts = 3\n", "no colon\n"),
                           ("max_streams = 100000\n", good), ("http_threads = 2\n", "no colon\n"), (None, good), ("max_classify_texts = 3\n", "")]:
            with self.subTest(conf=conf, keys=keys):
                self.conf.write_text(conf) if conf else self.conf.unlink()
                self.file.write_text(keys)
                lines = self.daemon.log_text().count("\n")
                self.reload("reload_failed")
                self.assertEqual(self.daemon.log_text().count("\n"), lines + 1)
                self.assertEqual((self.status(self.anna), self.n_texts(2), self.n_texts(3)), (200, 200, 422))

    def test_reloads_under_requests_lose_none(self):
        self.start(api_keys_file=self.file)
        over, statuses = threading.Event(), set()

        def ask():
            while not over.is_set():
                statuses.add(self.n_texts(2))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(20):
            self.reload()
        over.set()
        for t in threads:
            t.join()
        self.assertEqual(statuses, {200})

    def test_commands_are_refused_with_one_line(self):
        for args, words in [
            (["keys"], "keys: unknown command"), (["keys", "rotate"], "unknown command"),
            (["keys", "add", "--threads=1"], "keys add NAME"), (["keys", "add", "x"], "api_keys_file"),
            (["keys", "list", "x"], "keys list"), (["check", "--data-dir=/x"], "check DIR"), ([""], "unknown command"),
            (["keys", "add", "anna", f"--api-keys-file={self.file}"], "there already"),
            (["keys", "revoke", "anna", f"--api-keys-file={self.file}"], "last key"),
            (["keys", "revoke", "zoe", f"--api-keys-file={self.file}"], "zoe"),
            (["keys", "list", "--api-keys-file=/nonexistent"], "/nonexistent"),
        ]:
            with self.subTest(args=args):
                code, out, err = bertd(*args)
                self.assertEqual((code, out, len(err.splitlines())), (1, "", 1), err)
                self.assertIn(words, err)


if __name__ == "__main__":
    unittest.main()
