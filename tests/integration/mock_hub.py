"""A Hugging Face Hub for the tests: two servers on 127.0.0.1, the hub itself and the storage it redirects to.

    with MockHub() as hub:
        hub.add_model("acme/tiny", "some/folder")                     # or a dict of name -> bytes
        hub.add_dataset("acme/reviews", {"data/train.parquet": ...})
        Daemon(offline="no", **hub.options())                                        # hf_endpoint, http_hosts, private_networks, ...

What it does as the Hub does: the API (/api/models/…, /api/datasets/… with ?blobs=true), files at /ID/resolve/REVISION/PATH,
those in large file storage by a redirect with X-Linked-Etag and X-Linked-Size, the others at once with git's hash as ETag;
Range and If-Range; X-Error-Code; 401 for what is not there without a token. Names of one word redirect where alias() says.
Good enough for huggingface_hub's own client: tests/golden/hub_parity.py compares the two.

A repository: add_model and add_dataset return it. `.commit`; `.update(files)` makes another commit of main; `.tag(name)`;
`.private`, `.gated`, `.accepted` (gated, but open to hub.token); `.siblings` (names the API lists besides);
`.corrupt(path, data)` serves other bytes than the hash says.

Trouble: `hub.on(pattern, times=N, …)` for the next N requests whose target, "hub/…" or "storage/…", matches the regular
expression: status= with headers= and body=; cut=BYTES of the body (an int, or a function of its length); pause=SECONDS before
the body's second half. `hub.ranges = False` ignores Range, `hub.blobs_in_api = False` is a mirror without sizes and hashes,
`hub.down = True` closes every connection.

Afterwards: `hub.requests` is a list of Request(target, range, token, status), `hub.count(pattern)`, `hub.tokens_at_storage()`.
`hub.add_file(name, data, etag=…)` puts a file at `hub.file_url(name)`, on the storage server, for https://-like files.
Standard library only.
"""

import dataclasses
import hashlib
import http.server
import json
import pathlib
import re
import threading
import time
import urllib.parse

TOKEN = "hf_mockmockmock"
LFS_SUFFIXES = (".safetensors", ".parquet", ".bin")


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def read_folder(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()}


@dataclasses.dataclass
class Request:
    target: str  # "hub/api/models/…" or "storage/…"
    range: str
    token: str
    status: int = 0


class Repo:
    def __init__(self, hub, kind, name):
        self.hub, self.kind, self.name = hub, kind, name
        self.commits, self.revisions = {}, {}
        self.private = self.gated = self.accepted = False
        self.siblings = []

    @property
    def commit(self):
        return self.revisions["main"]

    def update(self, files):
        files = files if isinstance(files, dict) else read_folder(files)
        commit = hashlib.sha1(f"{self.kind}/{self.name}/{len(self.commits)}".encode()).hexdigest()
        self.commits[commit] = files
        self.revisions["main"] = commit
        for path, data in files.items():
            self.hub.contents[self.key(path, data)] = data
        return commit

    def tag(self, name, commit=None):
        self.revisions[name] = commit or self.commit

    def files(self, revision):
        commit = self.revisions.get(revision, revision)
        return commit, self.commits.get(commit)

    @staticmethod
    def is_lfs(path):
        return path.endswith(LFS_SUFFIXES)

    def key(self, path, data):
        return hashlib.sha256(data).hexdigest() if self.is_lfs(path) else git_hash(data)

    def corrupt(self, path, data):
        self.hub.contents[self.key(path, self.commits[self.commit][path])] = data

    def describe(self, revision, blobs):
        """As /api/…/revision/REVISION."""
        commit, files = self.files(revision)
        siblings = [{"rfilename": name} for name in self.siblings]
        for path, data in files.items():
            entry = {"rfilename": path}
            if blobs:
                entry |= {"size": len(data), "blobId": git_hash(data)}
                if self.is_lfs(path):
                    pointer = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
                    entry |= {"blobId": git_hash(b"a pointer"), "lfs": pointer}
            siblings.append(entry)
        return {"id": self.name, "sha": commit, "private": self.private, "gated": "manual" if self.gated else False,
                "siblings": siblings}

    def tree(self, revision):
        """As /api/…/tree/REVISION?recursive=true, which huggingface_hub asks for."""
        entries = []
        for path, data in self.files(revision)[1].items():
            entries.append({"type": "file", "path": path, "size": len(data), "oid": git_hash(data)})
            if self.is_lfs(path):
                entries[-1]["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        return entries


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = self.server.hub
        if hub.down:
            self.close_connection = True
            return
        authorization = self.headers.get("Authorization", "")
        self.record = Request(self.server.label + self.path, self.headers.get("Range", ""),
                              authorization.removeprefix("Bearer "))
        hub.requests.append(self.record)
        self.rule = hub.take_rule(self.record.target)
        if "status" in self.rule:
            return self.answer(self.rule["status"], self.rule.get("body", b""), self.rule.get("headers", {}))
        (self.at_storage if self.server.label == "storage" else self.at_hub)()

    def answer(self, status, body=b"", headers=None):
        self.record.status = status
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.rule.get("cut")
        if cut is not None:
            body = body[:cut(len(body)) if callable(cut) else cut]
            self.close_connection = True
        try:
            if "pause" in self.rule:
                self.wfile.write(body[:len(body) // 2])
                self.wfile.flush()
                time.sleep(self.rule["pause"])
                body = body[len(body) // 2:]
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def error(self, status, code=None):
        self.answer(status, b'{"error": "no"}', {"X-Error-Code": code} if code else {})

    def content(self, data, etag, headers=None):
        """All of it, or the rest of it as Range and If-Range ask."""
        headers = {"Accept-Ranges": "bytes"} | (headers or {}) | ({"ETag": f'"{etag}"'} if etag else {})
        if etag and self.headers.get("If-None-Match") == f'"{etag}"':
            return self.answer(304, b"", headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, f'"{etag}"')
        if not wanted or not same or not self.server.hub.ranges:
            return self.answer(200, data, headers)
        first = int(wanted[1])
        if first >= len(data):
            return self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self.answer(206, data[first:], headers)

    def at_storage(self):
        hub, path = self.server.hub, urllib.parse.urlsplit(self.path).path
        if path.startswith("/files/") and path[7:] in hub.plain_files:
            return self.content(*hub.plain_files[path[7:]])
        key = path.removeprefix("/lfs/")
        if key not in hub.contents:
            return self.error(404)
        self.content(hub.contents[key], "storage-" + key[:16])

    def at_hub(self):
        hub, url = self.server.hub, urllib.parse.urlsplit(self.path)
        if self.record.token and self.record.token != TOKEN:
            return self.error(401)
        api = re.fullmatch(r"/api/(models|datasets)/(.+?)/(?:revision|tree)/([^/]+)", url.path)
        file = re.fullmatch(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)", url.path)
        if not api and not file:
            return self.error(404)
        kind = api[1] if api else "datasets" if file[1] else "models"
        name, revision = (api or file)[2], urllib.parse.unquote((api or file)[3])
        if name in hub.aliases:
            return self.answer(307, b"", {"Location": self.path.replace(name, hub.aliases[name], 1)})
        repo = hub.repos.get((kind, name))
        if not repo or (repo.private and not self.record.token):
            return self.error(404 if self.record.token else 401, "RepoNotFound")
        if repo.files(revision)[1] is None:
            return self.error(404, "RevisionNotFound")
        if api:
            blobs = hub.blobs_in_api and "blobs=" in url.query
            body = repo.tree(revision) if "/tree/" in url.path else repo.describe(revision, blobs)
            return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
        if repo.gated and not (self.record.token and repo.accepted):
            return self.error(403 if self.record.token else 401, "GatedRepo")
        self.file(repo, revision, urllib.parse.unquote(file[4]))

    def file(self, repo, revision, path):
        commit, files = repo.files(revision)
        if path not in files:
            return self.error(404, "EntryNotFound")
        data, headers = files[path], {"X-Repo-Commit": commit}
        key = repo.key(path, data)
        if not repo.is_lfs(path):
            return self.content(self.server.hub.contents[key], key, headers)
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{key}"',
                    "Location": f"{self.server.hub.storage}/lfs/{key}?signature=s3cret"}
        self.answer(302, b"", headers)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # clients that go away in the middle are part of the stories


class MockHub:
    def __init__(self):
        self.repos, self.contents, self.plain_files, self.aliases = {}, {}, {}, {}
        self.rules, self.requests = [], []
        self.ranges, self.blobs_in_api, self.down = True, True, False
        self.lock = threading.Lock()
        self.servers = []
        for label in ("hub", "storage"):
            server = Server(("127.0.0.1", 0), Handler)
            server.hub, server.label = self, label
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)
        self.endpoint, self.storage = (f"http://127.0.0.1:{s.server_port}" for s in self.servers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def options(self, **more):
        """Options of bertd that lead to this hub and let it through."""
        return {"hf_endpoint": self.endpoint, "http_hosts": "127.0.0.1", "private_networks": "127.0.0.1/32",
                "data_hosts": "127.0.0.1", **more}

    def add_model(self, name, files):
        return self._add("models", name, files)

    def add_dataset(self, name, files):
        return self._add("datasets", name, files)

    def _add(self, kind, name, files):
        repo = self.repos[kind, name] = Repo(self, kind, name)
        repo.update(files)
        return repo

    def alias(self, old, new):
        self.aliases[old] = new

    def add_file(self, name, data, etag=None):
        self.plain_files[name] = (data, etag)

    def file_url(self, name):
        return f"{self.storage}/files/{name}"

    def on(self, pattern, times=1, **what):
        self.rules.append([re.compile(pattern), times, what])

    def take_rule(self, target):
        with self.lock:
            for rule in self.rules:
                if rule[1] > 0 and rule[0].search(target):
                    rule[1] -= 1
                    return rule[2]
        return {}

    def calm(self):
        """No more trouble, and the counters at zero."""
        with self.lock:
            self.rules.clear()
            self.requests.clear()
        self.ranges, self.blobs_in_api, self.down = True, True, False

    def count(self, pattern):
        return sum(1 for r in self.requests if re.search(pattern, r.target))

    def tokens_at_storage(self):
        return [r for r in self.requests if r.target.startswith("storage") and r.token]
