"""The log as JSON: each line one object with the keys of the other form, and no secret in it."""

import json
import pathlib
import tempfile
import unittest

from daemon import DaemonTest, csv_of, toy_rows

KEY = "0123456789abcdef0123"


class JsonLog(DaemonTest):
    @classmethod
    def setUpClass(cls):
        cls.keys = pathlib.Path(tempfile.mkstemp()[1])
        cls.keys.write_text(f"ann:{KEY}\n")
        cls.OPTIONS = {"log_format": "json", "log_level": "debug", "api_keys_file": cls.keys}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.keys.unlink()

    def test_every_line_is_an_object_and_requests_are_found_in_it(self):
        d = self.daemon
        answer = d.get('/jobs/"odd"%20\\name', Authorization=f"Bearer {KEY}")
        d.get("/jobs?key=none", X_API_Key="wrong-" + KEY)
        (d.folder / "root" / "train.csv").write_bytes(csv_of(toy_rows(16)))
        made = d.post("/jobs", {"model": "tiny", "dataset": {"train": "train.csv"}}, X_API_Key=KEY)
        d.stop()
        text = d.log_text()
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            self.assertEqual(list(line)[:3], ["time", "level", "event"])
        mine = [x for x in lines if x.get("request_id") == answer.headers["X-Request-Id"] and x["event"] == "http"]
        self.assertEqual(len(mine), 1, text)
        self.assertEqual((mine[0]["method"], mine[0]["path"]), ("GET", '/jobs/"odd"%20\\name'))
        self.assertEqual((mine[0]["status"], mine[0]["bytes"]), (answer.status, len(answer.body)))
        self.assertEqual(mine[0]["job"], '"odd" \\name')
        self.assertGreater(mine[0]["ms"], 0)
        post = [x for x in lines if x["event"] == "http" and x["method"] == "POST"]
        self.assertEqual([x["job"] for x in post], [made.json["id"]])
        self.assertNotIn(KEY, text)


if __name__ == "__main__":
    unittest.main()
