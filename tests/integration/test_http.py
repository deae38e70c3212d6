"""The wire: what a socket can send that no client library would, keys, limits, and the operator's routes."""

import contextlib
import re
import socket
import threading
import unittest

from daemon import DaemonTest, csv_of, toy_rows


def talk(daemon, data, shut=False):
    """Sends bytes on a fresh connection and reads until the server closes it or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as s:
        with contextlib.suppress(OSError):  # the server may refuse and close before all of it was sent
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
        got = b""
        s.settimeout(3)
        try:
            while chunk := s.recv(65536):
                got += chunk
        except TimeoutError:
            pass
        except ConnectionResetError:
            pass
        return got


class Wire(DaemonTest):
    OPTIONS = {"idle_timeout": 5, "max_upload_bytes": 1 << 20}

    def tearDown(self):
        self.assertEqual(self.daemon.get("/livez").status, 200)

    def test_pipelined_requests_are_answered_in_order(self):
        got = talk(self.daemon, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", got), [b"200", b"200", b"200", b"404"])

    def test_head_has_the_headers_and_no_body(self):
        got = talk(self.daemon, b"HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 200"))
        self.assertTrue(got.endswith(b"\r\n\r\n"))

    def test_http_1_0_works(self):
        self.assertIn(b" 200 ", talk(self.daemon, b"GET /livez HTTP/1.0\r\n\r\n"))

    def test_garbage_is_refused_and_harmless(self):
        for data in (b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100000,
                     b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + b"X-H: y\r\n" * 20000 + b"\r\n",
                     b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.subTest(data[:60]):
                self.assertNotIn(b" 200 ", talk(self.daemon, data, shut=True))

    def test_a_body_that_announces_too_much_is_413_before_it_is_sent(self):
        got = talk(self.daemon, b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
        self.assertIn(b" 413 ", got)
        self.assertNotIn(b" 100 ", got)

    def test_a_chunked_body_is_read(self):
        body = b'{"input": "x", "model": "nothing"}'
        got = talk(self.daemon, b"POST /classify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        self.assertIn(b" 404 ", got)
        self.assertIn(b"nothing", got)

    def test_an_upload_over_the_limit_is_413_and_leaves_no_file(self):
        answer = self.daemon.ask("POST", "/datasets", b"text,label\n" + b"a,b\n" * 300000, {"Content-Type": "text/csv"})
        self.assertEqual(answer.status, 413)
        self.assertEqual(list((self.daemon.folder / "data" / "tmp").iterdir()), [])

    def test_an_upload_cut_short_leaves_no_file(self):
        talk(self.daemon, b"POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\ntext,", shut=True)
        self.daemon.wait_for(lambda: not list((self.daemon.folder / "data" / "tmp").iterdir()), "the temporary file to go")
        self.assertEqual(self.daemon.get("/datasets").json["data"], [])

    def test_a_silent_connection_is_closed(self):
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=30) as s:
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: ")
            self.assertEqual(s.recv(100)[:12] in (b"", b"HTTP/1.1 408"), True)

    def test_request_ids_come_back(self):
        self.assertEqual(self.daemon.get("/livez", X_Request_Id="abc-1").headers["X-Request-Id"], "abc-1")
        made = self.daemon.get("/livez", X_Request_Id="a b").headers["X-Request-Id"]
        self.assertRegex(made, r"^[A-Za-z0-9._-]{8,}$")

    def test_clients_that_leave_early_do_no_harm(self):
        job = self.daemon.toy_job(n=32, num_train_epochs=300)

        def leave(path):
            with socket.create_connection(("127.0.0.1", self.daemon.port)) as s:
                s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                s.recv(10)

        threads = [threading.Thread(target=leave, args=(f"/jobs/{job}/metrics".encode(),)) for _ in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.daemon.post(f"/jobs/{job}/cancel", {})
        self.assertEqual(self.daemon.wait(job)["status"], "cancelled")

    def test_the_same_upload_twice_is_one_data_set(self):
        content = csv_of(toy_rows(6, seed=77))
        first = self.daemon.ask("POST", "/datasets?name=toys", content, {"Content-Type": "text/csv"})
        again = self.daemon.ask("POST", "/datasets", content, {"Content-Type": "text/csv"})
        self.assertEqual((first.status, again.status), (201, 200))
        self.assertEqual(first.json, again.json)
        self.assertEqual((first.json["rows"], first.json["columns"], first.json["name"]), (6, ["text", "label"], "toys"))
        self.assertEqual(self.daemon.ask("DELETE", f"/datasets/{first.json['id']}").status, 204)
        self.assertEqual(self.daemon.get(f"/datasets/{first.json['id']}").status, 404)

    def test_the_operators_routes_answer(self):
        self.assertEqual(self.daemon.get("/readyz").json["status"], "ok")
        self.assertIn("openapi: 3.1.0", self.daemon.get("/openapi.yaml").body.decode())
        metrics = self.daemon.get("/metrics").body.decode()
        self.assertIn("bertd_build_info", metrics)
        for line in metrics.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? \S+)$')
        self.assertEqual(self.daemon.get("/").status, 200)


class Keys(DaemonTest):
    @classmethod
    def setUpClass(cls):
        import pathlib
        import tempfile
        cls.keys = pathlib.Path(tempfile.mkstemp()[1])
        cls.keys.write_text("# people\nann:0123456789abcdef0123\nbob:fedcba9876543210fedc\n")
        cls.OPTIONS = {"api_keys_file": cls.keys}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.keys.unlink()

    def test_without_a_key_only_health_and_contract_answer(self):
        for path in ("/livez", "/readyz", "/openapi.yaml", "/"):
            self.assertEqual(self.daemon.get(path).status, 200, path)
        for path in ("/jobs", "/models", "/datasets", "/metrics", "/jobs/job_x"):
            answer = self.daemon.get(path)
            self.assertEqual(answer.status, 401, path)
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"])

    def test_each_key_opens_and_others_do_not(self):
        self.assertEqual(self.daemon.get("/jobs", Authorization="Bearer 0123456789abcdef0123").status, 200)
        self.assertEqual(self.daemon.get("/jobs", X_API_Key="fedcba9876543210fedc").status, 200)
        for wrong in ("Bearer 0123456789abcdef012", "Bearer 0123456789abcdef01234", "Bearer", "Basic 0123456789abcdef0123", "Bearer ann"):
            self.assertEqual(self.daemon.get("/jobs", Authorization=wrong).status, 401, wrong)

    def test_keys_never_reach_the_log(self):
        self.daemon.get("/jobs", Authorization="Bearer 0123456789abcdef0123")
        self.assertNotIn("0123456789abcdef", self.daemon.log_text())


if __name__ == "__main__":
    unittest.main()
