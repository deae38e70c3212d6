#!/usr/bin/env python3
"""Compares what the documents say with what the program has; exits 1 and names each difference.

Routes: server/routes.c against openapi.yaml (path, method, operationId, query parameters, scope).
Options: `bertd --print-config=default` against config/bertd.conf, and `--print-config=man` against the list in
config/bertd.8, byte for byte. Commands: server/command.c against config/bertd.8.
Training arguments: core/train/args.c against openapi.yaml (names).
The data report: core/data/report.c and core/jobs/token_cache.c against openapi.yaml (names of its members).
Make targets: those README.md and CONTRIBUTING.md name must be there.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
faults = []


def compare(what, here, there):
    for name in sorted(set(here) - set(there)):
        faults.append(f"{what[0]} has {name}, {what[1]} has not")
    for name in sorted(set(there) - set(here)):
        faults.append(f"{what[1]} has {name}, {what[0]} has not")
    for name in sorted(set(here) & set(there)):
        if here[name] != there[name]:
            faults.append(f"{name}: {what[0]} says {here[name]}, {what[1]} says {there[name]}")


def yaml_block(lines, start, indent):
    """The lines behind start that are indented deeper than indent."""
    block = []
    for line in lines[start + 1:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        block.append(line)
    return block


def openapi_routes(lines):
    """(method, path) → (operationId, query names, needs a key). Reads the plain subset of YAML that openapi.yaml uses."""
    routes = {}
    block = yaml_block(lines, lines.index("paths:"), 0)
    for i, line in enumerate(block):
        if m := re.fullmatch(r"  (/\S*):", line):
            path = re.sub(r"\{(\w+)\}", r":\1", m[1])
        elif m := re.fullmatch(r"    (get|post|put|delete|patch):", line):
            body = yaml_block(block, i, 4)
            text = "\n".join(body)
            operation = re.search(r"operationId: (\S+)", text)[1]
            query = re.findall(r"- name: (\S+)\n\s+in: query", text)
            query += re.findall(r"#/components/parameters/(after|limit)", text)
            routes[m[1].upper(), path] = (operation, sorted(query), "security: [{}]" not in text)
    return routes


def c_routes(text):
    """The same from the table in routes.c."""
    lists = {name: sorted(re.findall(r'"(\w+)"', body))
             for name, body in re.findall(r"(\w+)\[\] = \{([^;{}]*)\};", text)}
    table = text[text.index("web_routes[] = {"):]
    routes = {}
    for row in re.findall(r'\{\s*("[A-Z]+",.*?)\},?\n', table, re.S):
        method, path = re.findall(r'"([^"]*)"', row)[:2]
        handler = re.search(r",\s*(\w+_\w+),\s*SCOPE_", row)[1]
        query = re.search(r"\.query = (\w+)", row)
        routes[method, path] = (handler, lists[query[1]] if query else [], "SCOPE_NONE" not in row)
    return routes


lines = (ROOT / "openapi.yaml").read_text().splitlines()
compare(("server/routes.c", "openapi.yaml"), c_routes((ROOT / "server/routes.c").read_text()), openapi_routes(lines))

arguments = re.findall(r'^\t\{ ROW\((\w+), F_', (ROOT / "core/train/args.c").read_text(), re.M)
start = lines.index("    TrainingArguments:")
documented = re.findall(r"^        (\w+):", "\n".join(yaml_block(lines, start, 4)), re.M)
if not arguments or not documented:
    faults.append("the training arguments were not found")
compare(("core/train/args.c", "openapi.yaml"), dict.fromkeys(arguments), dict.fromkeys(documented))

members = re.findall(r'json_object_set_new\(o, "(\w+)"', (ROOT / "core/data/report.c").read_text())
members += re.findall(r'json_object_set_new\(out->report, "(\w+)"', (ROOT / "core/jobs/token_cache.c").read_text())
start = lines.index("    DataReport:")
documented = re.findall(r"^        (\w+):", "\n".join(yaml_block(lines, start + lines[start:].index("      properties:"), 6)), re.M)
if not members or not documented:
    faults.append("the members of the data report were not found")
members.append("estimate")  # added for each job: core/train/estimate.h
compare(("core/data/report.c", "openapi.yaml"), dict.fromkeys(members), dict.fromkeys(documented))

binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/bertd")


def printed(mode):
    return subprocess.run([binary, f"--print-config={mode}"], capture_output=True, text=True, check=True).stdout


if printed("default") != (ROOT / "config/bertd.conf").read_text():
    faults.append("config/bertd.conf is not what `bertd --print-config=default` prints; see `make docs`")
page = (ROOT / "config/bertd.8").read_text()
listed = re.search(r'make docs writes it anew\.\n\.Bl [^\n]*\n(.*?)^\.El$', page, re.M | re.S)
if not listed or printed("man") != listed[1]:
    faults.append("the options in config/bertd.8 are not what `bertd --print-config=man` prints; see `make docs`")

commands = re.findall(r'^\t\{ "(\w+)", (?:NULL|"(\w+)"), "(?: (\w+))?"', (ROOT / "server/command.c").read_text(), re.M)
described = re.findall(r"^\.It Cm (\w+)(?: (\w+))?(?: Ar (\w+))?$", page, re.M)
compare(("server/command.c", "config/bertd.8"), *(dict.fromkeys(" ".join(filter(None, c)) for c in found)
                                                  for found in (commands, described)))

targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
    for target in re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text()):
        if target not in targets:
            faults.append(f"{document} names `make {target}`, which is no target")

for fault in faults:
    print("check-docs:", fault)
print("check-docs:", "ok" if not faults else f"{len(faults)} differences")
sys.exit(bool(faults))
