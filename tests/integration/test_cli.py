"""The command line: what it prints, and what it refuses to start with."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from daemon import BINARY, ROOT, Daemon


def bertd(*args, **env):
    done = subprocess.run([str(BINARY), *args], capture_output=True, text=True, timeout=60, env={**os.environ, **env})
    return done.returncode, done.stdout, done.stderr


class CommandLine(unittest.TestCase):
    def test_version_names_itself_and_libtorch(self):
        code, out, _ = bertd("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"bertd \d+\.\d+\.\d+")
        self.assertIn("libtorch", out)

    def test_help_lists_every_option_of_the_commented_file(self):
        _, out, _ = bertd("--help")
        conf = (ROOT / "config" / "bertd.conf").read_text()
        names = [line.lstrip("#").split("=")[0].strip() for line in conf.splitlines() if "=" in line and line[1:2] != " "]
        self.assertGreater(len(names), 15)
        for name in names:
            self.assertIn("--" + name.replace("_", "-"), out)

    def test_wrong_starts_are_one_clear_line(self):
        folder = tempfile.mkdtemp()
        conf = pathlib.Path(folder) / "bad.conf"
        conf.write_text("thraeds = 2\n")
        for args, env, words in [
            (["--thraeds=2"], {}, "threads"),
            (["--threads=-1"], {}, "threads"),
            (["--threads=two"], {}, "threads"),
            (["--threads"], {}, "threads"),
            (["--device=tpu"], {}, "device"),
            (["--device=cuda:99"], {}, "cuda"),
            (["--listen=0.0.0.0:0"], {}, "api_keys_file"),
            (["--listen=nowhere"], {}, "listen"),
            (["--listen=127.0.0.1:70000"], {}, "listen"),
            (["--api-keys-file=/nonexistent"], {}, "/nonexistent"),
            (["--config=/nonexistent.conf"], {}, "/nonexistent.conf"),
            ([f"--config={conf}"], {}, "thraeds"),
            ([], {"BERTD_THRAEDS": "2"}, "BERTD_THRAEDS"),
            ([], {"BERTD_THREADS": "x"}, "BERTD_THREADS"),
            (["serve"], {}, "serve"),
        ]:
            with self.subTest(args=args, env=env):
                code, _, err = bertd(*args, f"--data-dir={folder}/data", **env)
                self.assertEqual(code, 1)
                self.assertEqual(len(err.strip().splitlines()), 1, err)
                self.assertIn(words, err)

    def test_options_come_from_file_then_environment_then_command_line(self):
        folder = tempfile.mkdtemp()
        conf = pathlib.Path(folder) / "bertd.conf"
        conf.write_text("max_queued_jobs = 11\nmax_streams = 12\nmax_text_bytes = 13000\n")
        _, out, err = bertd(f"--config={conf}", "--max-text-bytes=15000", "--print-config",
                            BERTD_MAX_STREAMS="14", BERTD_MAX_TEXT_BYTES="14000")
        values = dict(line.split(" = ") for line in out.splitlines() if " = " in line and not line.startswith("#"))
        self.assertEqual((values["max_queued_jobs"], values["max_streams"], values["max_text_bytes"]), ("11", "14", "15000"), err)

    def test_term_twice_still_ends_well(self):
        d = Daemon().start()
        self.addCleanup(d.close)
        d.process.terminate()
        try:
            d.process.terminate()
        except ProcessLookupError:
            pass
        self.assertEqual(d.process.wait(10), 0)
        d.process = None


if __name__ == "__main__":
    unittest.main()
