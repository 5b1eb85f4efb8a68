#!/usr/bin/python3
"""synod-sim as a user starts it: what it prints, how it ends, and that a seed says everything."""

import filecmp
import os
import re
import subprocess
import tempfile

from cluster import BIN, check


def run(*args, program="synod-sim"):
    done = subprocess.run([os.path.join(BIN, program), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)
    return done.returncode, done.stdout, done.stderr


def passing_runs():
    code, out, err = run("--seed=11", "--runs=6", "--virtual-seconds=20")
    check(code == 0 and "6 runs, seeds 11 to 16: no invariant is broken" in out, "passing runs: %d %s %s" % (code, out, err))
    numbers = [line for line in out.splitlines() if "operations of clients" in line or "starts of nodes" in line]
    code, again, _ = run("--seed=11", "--runs=6", "--virtual-seconds=20", "--jobs=1")
    for line in numbers:
        check(line in again, "another number of jobs gives other runs: %s" % line)
    first, second = run("--virtual-seconds=2")[1], run("--virtual-seconds=2")[1]
    seed = re.search(r"seeds (\d+) to", first).group(1)
    check(seed not in second, "two random seeds are the same: %s" % seed)


def traces(directory):
    paths = [os.path.join(directory, name) for name in ("one", "two", "three")]
    for path, seed in zip(paths, (21, 21, 22)):
        code, out, err = run("--seed=%d" % seed, "--trace=" + path)
        check(code == 0 and not out and "no invariant is broken" in err, "a traced run: %d %s %s" % (code, out, err))
    check(filecmp.cmp(paths[0], paths[1], shallow=False), "the same seed gives two traces")
    check(not filecmp.cmp(paths[0], paths[2], shallow=False), "two seeds give the same trace")
    code, out, _ = run("--seed=21", "--trace=-")
    check(code == 0 and out == open(paths[0]).read(), "a trace on standard output")
    code, _, err = run("--trace=" + os.path.join(directory, "none", "trace"))
    check(code == 2 and "No such file" in err, "a trace that cannot be written: %d %s" % (code, err))
    code, _, err = run("--trace=/dev/full")
    check(code == 1 and "No space left" in err, "a trace on a full disk: %d %s" % (code, err))


def failing_runs(directory):
    """With a wrong role: the seed, the invariant, what led to it; and the seed says it all."""

    def wrong(*args):
        return run("--run", "forgets-ballot", *args, program="find-mutants")

    code, out, err = wrong("--seed=1", "--runs=50")
    check(code == 1, "a wrong role: %d %s %s" % (code, out, err))
    found = re.search(r"seed (\d+) breaks (\w+); making it smaller", out)
    check(found and found.group(2) == "A1", "what broke: %s" % out)
    check(all(text in out for text in ("The last events:", "STARTS, for the", "BROKEN: A1: acceptor", "had told ballot")),
          "what led to it: %s" % out)
    commands = dict(re.findall(r"^(To repeat it|As it was found): +synod-sim (.*)$", out, re.M))
    small, original = commands["To repeat it"].split(), commands["As it was found"].split()
    check(small[0] == original[0] == "--seed=" + found.group(1), "the seed stays: %s" % out)
    check("--faults=all" in original and "--faults=all" not in small, "faults are left out: %s" % small)
    for options in (small, original):
        kept = [os.path.join(directory, name) for name in ("first", "second")]
        for path in kept:
            code, _, err = wrong(*options, "--trace=" + path)
            check(code == 1 and "breaks A1" in err, "a kept seed: %d %s" % (code, err))
        check(filecmp.cmp(*kept, shallow=False) and "BROKEN: A1" in open(kept[0]).read(), "a kept seed fails in another way")
        code, _, err = run(*options)
        check(code == 0, "the right roles pass that seed: %s" % err)


def bad_options():
    for args, text in [(["--seed=x"], "--seed"), (["--runs=0"], "--runs"), (["--nodes=4"], "--nodes"), (["--clients=0"], "--clients"),
                       (["--faults=rain"], "unknown fault 'rain'"), (["--faults="], "fault"), (["--virtual-seconds=0"], "--virtual-seconds"),
                       (["--jobs=0"], "--jobs"), (["--trace=x", "--runs=2"], "--trace"), (["--nope"], "--nope"), (["more"], "more"),
                       (["--seed=18446744073709551615", "--runs=2"], "--seed")]:
        code, out, err = run(*args)
        check(code == 2 and text in err and not out, "%s: %d %s %s" % (args, code, out, err))
    code, out, _ = run("--help")
    check(code == 0 and all(word in out for word in ("--faults", "partition", "torn", "Exit status")), "--help: %s" % out)
    code, out, _ = run("--version")
    check(code == 0 and out[0].isdigit(), "--version: %s" % out)
    code, out, _ = run("--seed=18446744073709551615", "--virtual-seconds=1")
    check(code == 0 and "18446744073709551615" in out, "the last seed there is: %s" % out)


with tempfile.TemporaryDirectory() as scratch:
    passing_runs()
    traces(scratch)
    failing_runs(scratch)
    bad_options()
print("simulator: seeds say everything")
