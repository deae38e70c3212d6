"""Encoded data sets: made once, used by later jobs and after a restart, made again when they are damaged."""

import unittest

from daemon import Daemon, csv_of, toy_rows


def cached(report):
    """What of a report comes from the file: not the names of the data files, nor what the device makes of the job."""
    return {key: value for key, value in report.items() if key not in ("files", "estimate")}


class Tokens(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def counts(self):
        """(hits, misses) since the start."""
        text = self.daemon.get("/metrics").body.decode()
        return tuple(int(text.split(f"\nbertd_token_cache_{kind}_total ")[1].split()[0]) for kind in ("hits", "misses"))

    def files(self):
        return sorted((self.daemon.folder / "data" / "tokens").iterdir())

    def report(self, **members):
        answer = self.daemon.post("/jobs?dry_run=true", {"model": "tiny", "max_length": 16, **members})
        self.assertEqual(answer.status, 200, answer)
        self.assertGreater(answer.json["data_report"]["estimate"]["seconds"], 0)
        return cached(answer.json["data_report"])

    def test_a_data_set_is_encoded_once_until_its_file_is_damaged(self):
        d, root = self.daemon, self.daemon.folder / "root"
        (root / "a.csv").write_bytes(csv_of(toy_rows(64)))
        (root / "copy.csv").write_bytes(csv_of(toy_rows(64)))
        first = self.report(dataset={"train": "a.csv"})
        self.assertEqual(self.counts(), (0, 1))
        self.assertEqual(self.report(dataset={"train": "copy.csv"}), first)
        job = d.submit(dataset={"train": "a.csv"}, args={"max_steps": 2})
        self.assertEqual(cached(d.wait(job)["data_report"]), first)
        self.assertEqual(self.counts(), (3, 1))
        d.kill()
        file, = self.files()
        d.start()
        self.assertEqual(self.report(dataset={"train": "a.csv"}), first)
        self.assertEqual(self.counts(), (1, 0))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.unlink()
        file.write_bytes(content)
        self.assertEqual(self.report(dataset={"train": "a.csv"}), first)
        self.assertEqual(self.counts(), (1, 1))
        (root / "a.csv").write_bytes(csv_of(toy_rows(32)))
        self.assertEqual(self.report(dataset={"train": "a.csv"})["rows"], {"train": 32})
        self.assertEqual(len(self.files()), 2)

    def test_the_oldest_goes_when_there_is_no_room(self):
        d = self.daemon
        (d.folder / "root" / "a.csv").write_bytes(csv_of(toy_rows(64)))
        self.report(dataset={"train": "a.csv"})
        size = self.files()[0].stat().st_size
        d.stop()
        d.options["max-tokens-bytes"] = int(size * 1.5)
        d.start()
        self.report(dataset={"train": "a.csv"}, max_length=15)
        self.report(dataset={"train": "a.csv"}, max_length=14)
        self.assertEqual(len(self.files()), 1)
        self.assertEqual(self.counts(), (0, 2))


if __name__ == "__main__":
    unittest.main()
