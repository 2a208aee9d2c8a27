#!/usr/bin/env python3
"""Holds the report of a SCIM suite against what is expected of it.

usage: judge.py RUN REPORT

RUN is a key of expected.json beside this file: how many checks the suite makes,
and those that fail with the reason why that is right. Any other failure ends it
with 1. So does an exception that happens no more, a suite that made fewer checks
than it has (it has ended early), and a table in docs/reference that says otherwise.
"""
import collections
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "../../docs/reference/scim-conformance.md"


def okta(text):
    """The lines of run_okta.py: the name of a request, below it what failed."""
    counts = re.search(r"^assertions passed (\d+) failed (\d+)$", text, re.M)
    if not counts:
        return 0, 0, []
    requests, failed = 0, []
    for line in text.splitlines():
        if re.match(r"(ok|FAIL) ", line):
            requests, name = requests + 1, line[5:].rsplit(" -> ", 1)[0].strip()
        elif line.startswith("       "):
            failed.append(name + " | " + line.strip())
    return requests, int(counts[1]) + int(counts[2]), failed


def newman(text):
    """The report "json" of newman. Requests are counted from it too."""
    run = json.loads(text)["run"]
    failed = [f["source"]["name"] + " | " + f["error"].get("test", f["error"]["message"]) for f in run["failures"]]
    return run["stats"]["requests"]["total"], run["stats"]["assertions"]["total"], failed


def tester(text):
    """The lines of scim2-cli: status and check, below them the reason."""
    lines, checks, failed = text.splitlines(), 0, []
    for i, line in enumerate(lines):
        match = re.match(r"(SUCCESS|ACCEPTABLE|COMPLIANT|[A-Z]+) (\w+)\s*$", line)
        if not match:
            continue
        checks += 1
        if match[1] not in ("SUCCESS", "ACCEPTABLE", "COMPLIANT"):
            reason = lines[i + 1].strip() if i + 1 < len(lines) else ""
            failed.append(match[2] + " | " + reason)
    return None, checks, failed


def sanity(text):
    """The report of scim-sanity. What it skips is a failure too, unless it is expected."""
    results = json.loads(text)["results"]
    failed = [r["name"] + " | " + r["message"] for r in results if r["status"] != "pass"]
    return None, len(results), failed


READERS = {"okta": okta, "postman": newman, "tester": tester, "sanity": sanity}


def main():
    run, report = sys.argv[1], pathlib.Path(sys.argv[2])
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))[run]
    requests, checks, failed = READERS[expected["reader"]](report.read_text(encoding="utf-8"))
    allowed = collections.Counter(x for e in expected["exceptions"] for x in e["checks"])
    failures = collections.Counter(failed)
    complaints = ["fails: " + x for x in (failures - allowed).elements()]
    complaints += ["is an exception, and does not fail any more: " + x for x in (allowed - failures).elements()]
    if (requests, checks) != (expected.get("requests"), expected["checks"]):
        complaints.append(f"made {requests} requests and {checks} checks, "
                          f"not {expected.get('requests')} and {expected['checks']}")
    row = f"| {expected['suite']} | {expected['mode']} | {requests or ''} | {checks} | {checks - len(failed)} | {len(failed)} |"
    print(row)
    if row not in PAGE.read_text(encoding="utf-8"):
        complaints.append("has another row in docs/reference/scim-conformance.md")
    for c in complaints:
        print(f"  {run} {c}", file=sys.stderr)
    sys.exit(bool(complaints))


main()
