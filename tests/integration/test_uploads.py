"""Uploads that break off and go on, their digest, and the room that all data sets may take."""

import contextlib
import hashlib
import random
import socket
import unittest

from daemon import DATA, PATIENCE, Answer, Daemon, DaemonTest, csv_of, toy_rows

MB = 1 << 20


def id_of(content):
    return "ds_" + hashlib.sha256(content).hexdigest()


def big_csv(size):
    """About so many bytes that do not repeat."""
    rng, rows = random.Random(7), ["text,label\n"]
    n = 0
    while n < size:
        rows.append(f'"a film {rng.getrandbits(400):x}",{"positive" if rng.random() < 0.5 else "negative"}\n')
        n += len(rows[-1])
    return "".join(rows).encode()


class Client:
    """What a client does: asks how much is there, sends the rest."""

    def __init__(self, daemon, content):
        self.daemon, self.content, self.path = daemon, content, "/datasets/" + id_of(content)

    def offset(self):
        """What has come of it; None: nothing; "whole": it is stored."""
        answer = self.daemon.ask("HEAD", self.path)
        if answer.status == 200:
            return "whole"
        assert answer.status == 404, answer
        offset = answer.headers["Upload-Offset"]
        return None if offset is None else int(offset)

    def put(self, offset=None, body=None, path=None, **headers):
        if offset is not None:
            headers["Upload-Offset"] = str(offset)
        body = self.content[offset or 0:] if body is None else body
        return self.daemon.ask("PUT", path or self.path, body, {k.replace("_", "-"): v for k, v in headers.items()})

    @contextlib.contextmanager
    def broken(self, offset, n):
        """A connection that has sent n bytes of the body from offset and is then cut."""
        rest = self.content[offset:]
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE) as s:
            s.sendall(f"PUT {self.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(rest)}\r\n"
                      f"Upload-Offset: {offset}\r\n\r\n".encode() + rest[:n])
            yield s
            # An end without a FIN, as of a machine that vanishes.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def wait_free(self):
        """Until the daemon has noticed the cut: an empty piece at the end is then taken."""
        def taken():
            return self.put(self.offset() or 0, b"", Upload_Complete="?0").status == 204
        self.daemon.wait_for(taken, "the part to be free")


class Resumed(DaemonTest):
    def test_cut_uploads_go_on_across_a_kill_until_the_whole_is_there(self):
        d, content = self.daemon, big_csv(20 * MB)
        client, rng = Client(d, content), random.Random(3)
        self.assertIsNone(client.offset())
        for i in range(6):
            before = client.offset() or 0
            n = rng.randrange(2 * MB, 3 * MB)
            with client.broken(before, n):
                d.wait_for(lambda: (client.offset() or 0) - before >= n - 512 * 1024, "the body to arrive")
                if i == 2:
                    d.kill()
            if i == 2:
                d.start()
            client.wait_free()
        offset = client.offset()
        self.assertGreater(offset, 6 * MB)
        self.assertLess(offset, len(content))
        answer = client.put(offset)
        self.assertEqual((answer.status, answer.json["id"]), (201, id_of(content)), answer)
        self.assertEqual((answer.json["bytes"], answer.json["rows"]), (len(content), content.count(b"\n") - 1))
        self.assertEqual(client.offset(), "whole")
        self.assertEqual((d.folder / "data/datasets" / id_of(content)[3:]).read_bytes(), content)
        self.assertFalse((d.folder / "data/uploads" / id_of(content)[3:]).exists())
        self.assertEqual(client.put(body=b"").status, 200)

    def test_a_file_may_come_in_pieces(self):
        content = csv_of(toy_rows(64))
        client = Client(self.daemon, content)
        for i in range(0, len(content), 500):
            answer = client.put(i, content[i:i + 500], Upload_Complete="?0")
            self.assertEqual((answer.status, answer.headers["Upload-Offset"]), (204, str(min(i + 500, len(content)))))
        answer = client.put(len(content), b"", path=client.path + "?name=pieces")
        self.assertEqual((answer.status, answer.json["name"], answer.json["rows"]), (201, "pieces", 64), answer)
        job = self.daemon.submit(dataset={"train": answer.json["id"]}, args={"max_steps": 1})
        self.assertEqual(self.daemon.wait(job)["status"], "succeeded")

    def test_parquet_that_breaks_off_goes_on_too(self):
        client = Client(self.daemon, (DATA / "parquet" / "plain.parquet").read_bytes())
        with client.broken(0, 300):
            self.daemon.wait_for(lambda: client.offset() == 300, "the first bytes")
        client.wait_free()
        answer = client.put(300)
        self.assertEqual((answer.status, answer.json["format"]), (201, "parquet"), answer)

    def test_bytes_of_another_digest_are_refused_and_forgotten(self):
        client = Client(self.daemon, csv_of(toy_rows(50)))
        answer = client.put(body=csv_of(toy_rows(51)))
        self.assertEqual(answer.status, 422)
        self.assertIn(id_of(csv_of(toy_rows(51)))[3:], answer.json["detail"])
        self.assertIsNone(client.offset())
        self.assertEqual(client.put(0, b"text", Upload_Complete="?0").status, 204)
        self.assertEqual(client.put(4, b"wrong").status, 422)
        self.assertIsNone(client.offset())
        self.assertEqual(client.put().status, 201)

    def test_what_no_data_set_can_be_made_of_is_forgotten(self):
        for content in (b"", b"text,label\n", b"\xff\xfe\n\n"):
            client = Client(self.daemon, content)
            self.assertEqual(client.put().status, 422)
            self.assertIsNone(client.offset())

    def test_a_wrong_offset_is_told_the_right_one(self):
        client = Client(self.daemon, csv_of(toy_rows(52)))
        self.assertEqual(client.put(5).headers["Upload-Offset"], "0")
        client.put(0, client.content[:7], Upload_Complete="?0")
        for offset in (6, 8, 10 ** 9):
            answer = client.put(offset, b"x")
            self.assertEqual((answer.status, answer.headers["Upload-Offset"]), (409, "7"), answer)
        self.assertEqual(client.put(7).status, 201)

    def test_bad_requests_are_refused_before_the_body(self):
        client = Client(self.daemon, csv_of(toy_rows(53)))
        for path in ("/datasets/ds_", client.path[:-1], client.path.upper().replace("/DATASETS/DS_", "/datasets/ds_"),
                     "/datasets/ds_..%2f" + client.path[-60:], client.path + "0"):
            self.assertEqual(client.put(path=path).status, 422, path)
        for headers in ({"Upload_Offset": "-1"}, {"Upload_Offset": "x"}, {"Upload_Offset": "1" * 19}, {"Upload_Offset": ""},
                        {"Upload_Complete": "0"}, {"Upload_Complete": ""}):
            self.assertEqual(client.put(**headers).status, 400, headers)
        self.assertEqual(client.put(path=client.path + "?name=").status, 422)
        self.assertIsNone(client.offset())

    def test_two_requests_for_one_part_do_not_mix(self):
        client = Client(self.daemon, big_csv(MB))
        with client.broken(0, 1000):
            self.daemon.wait_for(lambda: client.offset() == 1000, "the first bytes")
            answer = client.put(1000)
            self.assertEqual((answer.status, answer.json["code"]), (503, "busy"), answer)
            self.assertIn("Retry-After", answer.headers)
        client.wait_free()
        self.assertEqual(client.put(client.offset()).status, 201)


class Quota(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(max_datasets_bytes=3 * MB, max_upload_bytes=2 * MB)
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def post(self, content, **headers):
        return self.daemon.ask("POST", "/datasets", content, headers)

    def test_all_data_sets_together_are_kept_below_the_limit(self):
        d, sets = self.daemon, [big_csv(MB + i) for i in range(0, 3000, 1000)]
        for content in sets[:2]:
            self.assertEqual(self.post(content).status, 201)
        for answer in (self.post(sets[2]), Client(d, sets[2]).put()):
            self.assertEqual((answer.status, answer.json["code"]), (507, "quota"), answer)
        self.assertEqual(self.post(sets[0]).status, 507)  # it would lie there twice for a moment
        self.assertEqual(Client(d, sets[0]).put().status, 200)
        self.assertEqual(d.ask("DELETE", "/datasets/" + id_of(sets[0])).status, 204)
        self.assertEqual(self.post(sets[2]).status, 201)

    def test_parts_count_and_a_body_without_a_length_is_cut_at_the_limit(self):
        d, part = self.daemon, Client(self.daemon, big_csv(2 * MB - 9000))
        self.assertEqual(part.put(0, part.content[:-10], Upload_Complete="?0").status, 204)
        whole = big_csv(MB + 200000)
        self.assertEqual(self.post(whole).status, 507)
        answer = self.chunked(whole)
        self.assertEqual((answer.status, answer.json["code"]), (507, "quota"), answer)
        self.assertEqual(list((d.folder / "data/tmp").iterdir()), [])
        self.assertEqual(part.put(0).status, 201)  # what starts over makes its own room

    def test_a_file_above_the_limit_of_one_is_413_in_pieces_too(self):
        client = Client(self.daemon, big_csv(2 * MB))
        self.assertGreater(len(client.content), 2 * MB)
        self.assertEqual(client.put().status, 413)
        self.assertEqual(client.put(0, client.content[:MB], Upload_Complete="?0").status, 204)
        self.assertEqual(client.put(MB).status, 413)

    def chunked(self, content):
        chunks = iter([content[i:i + 65536] for i in range(0, len(content), 65536)])
        with contextlib.closing(self.daemon.connect()) as c:
            c.request("POST", "/datasets", chunks, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
            r = c.getresponse()
            return Answer(r.status, r.headers, r.read())


if __name__ == "__main__":
    unittest.main()
