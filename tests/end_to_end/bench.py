"""synod-bench against real nodes, and against servers that stop, refuse, and talk nonsense."""

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

from cluster import BIN, Cluster, check, free_ports, wait_until


def bench(*options, expect=0):
    done = subprocess.run([os.path.join(BIN, "synod-bench"), "--quiet", *options], capture_output=True, text=True, timeout=60)
    check(done.returncode == expect, "synod-bench ended with %s: %s" % (done.returncode, done.stderr))
    return done


def measured(*options, expect=0):
    return json.loads(bench("--json", *options, expect=expect).stdout)


class Server:
    """Answers +OK to whatever ends with a value, through `on_command(number)`."""

    def __init__(self, answer):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answer = answer
        self.count = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            file = connection.makefile("rb")
            while file.readline():
                for _ in range(3):
                    file.readline()
                    file.readline()
                self.count += 1
                reply = self.answer(self.count)
                if reply is None:
                    connection.close()
                    file.close()
                    return
                connection.sendall(reply)
        except OSError:
            pass


def counts_what_it_was_asked_for(cluster, keys_before):
    found = measured("--target=127.0.0.1:%d" % cluster.resp["a"], "--requests=3000", "--warm-up=0", "--clients=7", "--pipeline=5",
                     "--reads=30", "--keys=100", "--fill", "--value-bytes=10-2000")
    check(found["answered"] == 3000, found)
    check(found["writes"]["count"] + found["reads"]["count"] == 3000 and found["errors"] == {}, found)
    check(0 < found["writes"]["p50"] <= found["writes"]["p99"] <= found["writes"]["max"], found)
    check(cluster.client("b")("DBSIZE") == keys_before + 100, "not every key was filled")


def several_targets_share_the_connections(cluster):
    targets = ["--target=127.0.0.1:%d" % cluster.resp[name] for name in "abc"]
    found = measured(*targets, "--clients=6", "--seconds=1", "--warm-up=0.2", "--rate=300")
    check(found["answered"] > 100 and found["errors"] == {}, found)
    for name in "abc":
        served = int(re.search(rb"total_commands_processed:(\d+)", cluster.client(name)("INFO", "stats")).group(1))
        check(served > 30, "node %s served %d commands" % (name, served))


def writes_tables_and_histograms(cluster):
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "found")
        text = bench("--target=127.0.0.1:%d" % cluster.resp["a"], "--requests=200", "--warm-up=0", "--histogram=" + file).stdout
        check("commands a second" in text and "p99.9" in text and "writes" in text, text)
        lines = open(file + ".writes.hgrm").read().splitlines()
        check(lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"], lines[0])
        last = [line for line in lines if line and not line.startswith("#")][-1].split()
        check(last[1] == "1.000000000000" and last[2] == "200" and last[3] == "inf", last)
        check(not os.path.exists(file + ".reads.hgrm"), "nothing was read")


def with_a_rate_a_pause_is_measured_by_all_that_were_due():
    def answer(number):
        if number == 100:
            time.sleep(1)
        return b"+OK\r\n"

    found = measured("--target=127.0.0.1:%d" % Server(answer).port, "--clients=1", "--rate=200", "--seconds=3", "--warm-up=0")
    # 200 commands were due within the pause, and waited from when they were due: a third of all half the pause and more.
    check(found["writes"]["count"] + found["not_sent"] > 500, found)
    check(found["writes"]["p90"] > 500, found)
    closed = measured("--target=127.0.0.1:%d" % Server(answer).port, "--clients=1", "--requests=600", "--warm-up=0")
    check(closed["writes"]["p99"] < 500 < closed["writes"]["max"], closed)


def errors_and_losses_are_counted():
    found = measured("--target=127.0.0.1:%d" % Server(lambda n: b"-BUSY try later\r\n" if n % 2 else b"+OK\r\n").port, "--clients=1",
                     "--requests=100", "--warm-up=0")
    check(found["errors"] == {"BUSY": 50} and found["writes"]["count"] == 50, found)
    found = measured("--target=127.0.0.1:%d" % Server(lambda n: None if n % 50 == 0 else b"+OK\r\n").port, "--clients=1",
                     "--seconds=2", "--warm-up=0")
    check(found["lost_connections"] > 2 and found["errors"].get("(connection lost)", 0) > 2, found)


def what_is_not_answered_is_counted():
    never = threading.Event()

    def answer(number):
        if number > 500:
            never.wait()  # for ever
        return b"+OK\r\n"

    found = measured("--target=127.0.0.1:%d" % Server(answer).port, "--clients=10", "--rate=500", "--seconds=2", "--warm-up=0")
    check(found["errors"].get("(not answered)", 0) == 10 and found["writes"]["max"] > 9000, found)
    check(found["answered"] + found["not_sent"] > 900, found)


def what_servers_send_does_no_harm():
    found = measured("--target=127.0.0.1:%d" % Server(lambda n: b"-\xff\xfe\x1b[31m bad\r\n").port, "--requests=5", "--clients=1",
                     "--warm-up=0", expect=1)
    check(found["errors"] == {"???[31m": 5} and found["answered"] == 0, found)
    closing = "--target=127.0.0.1:%d" % Server(lambda n: None).port
    error = bench(closing, "--fill", "--keys=5", expect=1).stderr
    check("keys with it that were not written" in error, error)
    error = bench("--target=127.0.0.1:%d" % Server(lambda n: b"-OOM no room\r\n").port, "--fill", "--keys=5", expect=1).stderr
    check("a key was not written: OOM no room" in error, error)
    bench(closing, "--rate=2000", "--pipeline=50", "--seconds=1", expect=1)  # Writes to what is closed.


def bad_options_and_servers_are_told():
    def says(text, *options, status=2):
        error = bench(*options, expect=status).stderr
        check(text in error, error)

    port = free_ports(1)[0]
    says("connection refused", "--target=127.0.0.1:%d" % port, status=1)
    says("is not HOST:PORT", "--target=nowhere")
    says("--value-bytes=9-3", "--value-bytes=9-3")
    says("--distribution=normal", "--distribution=normal")
    says("--distribution=zipfian:1.5", "--distribution=zipfian:1.5")
    says("--clients", "--clients=0")
    for target in ("127.0.0.1:0", "127.0.0.1:72091", "[::1:6379", ":6379", "[]:6379"):
        says("is not HOST:PORT", "--target=" + target)
    says("are numbers", "--rate=nan")
    says("may be under way together", "--clients=100", "--pipeline=100", "--value-bytes=8000000")
    says("has no --target", "--in-process=client", "--target=127.0.0.1:1")
    says("need --in-process", "--stages")
    says("need --in-process", "--nodes=1")
    says("--in-process", "--in-process=both")
    says("1000 clients", "--in-process=client", "--clients=1001")
    says("a replica takes", "--in-process=client", "--clients=100", "--value-bytes=1000000")
    says("is no directory", "--histogram=/nowhere/file")
    says("not the Redis protocol", "--target=127.0.0.1:%d" % Server(lambda n: b"HTTP/1.1 400 Bad Request\r\n").port, "--requests=5", status=1)


def measures_a_cluster_of_its_own():
    begun = set(os.listdir(tempfile.gettempdir()))
    for through in ("client", "gateway"):
        found = measured("--in-process=" + through, "--stages", "--requests=2000", "--warm-up=0", "--clients=5", "--pipeline=3",
                         "--reads=30", "--keys=100", "--fill", "--value-bytes=10-2000")
        check(found["answered"] == 2000 and found["errors"] == {}, found)
        check(found["reads"]["count"] + found["writes"]["count"] == 2000, found)
        stages = found["stages"]
        check(list(stages) == [through, "batch wait", "propose", "durable at node 1", "durable at node 2", "durable at node 3", "decide",
                               "apply", "reply"], "every stage is told: %s" % list(stages))
        decided = stages["batch wait"]["count"]  # A gateway has reads decided, too, that follow a write of the same client.
        check(decided == found["writes"]["count"] if through == "client" else decided >= found["writes"]["count"],
              "commands are counted: %s" % found)
        check(all(0 <= each["mean"] < found["writes"]["max"] for each in stages.values()), "no stage is longer than the whole: %s" % found)
    alone = measured("--in-process=client", "--nodes=1", "--seconds=0.5", "--warm-up=0", "--rate=500", "--clients=2")
    check(200 < alone["answered"] <= 400 and "stages" not in alone, alone)
    with tempfile.TemporaryDirectory() as place:
        measured("--in-process=client", "--requests=10", "--warm-up=0", "--data-dir=" + os.path.join(place, "kept"))
        check(sorted(os.listdir(os.path.join(place, "kept"))) == ["a", "b", "c"], "its data are kept where they were asked for")
    busy = subprocess.Popen([os.path.join(BIN, "synod-bench"), "--in-process=client", "--seconds=60", "--quiet"],
                            stdout=subprocess.PIPE)
    fresh = lambda: [each for each in set(os.listdir(tempfile.gettempdir())) - begun if each.startswith("synod-bench")]
    wait_until(fresh, "it has a temporary directory")

    def ends():
        busy.terminate()  # It does not count before there is load.
        return busy.poll() is not None

    wait_until(ends, "it ends in order when it is told to")
    check(fresh() == [], "nothing temporary is left: %s" % fresh())


with Cluster() as cluster:
    cluster.wait_for_service()
    before = cluster.client("a")("DBSIZE")
    counts_what_it_was_asked_for(cluster, before)
    several_targets_share_the_connections(cluster)
    writes_tables_and_histograms(cluster)
with_a_rate_a_pause_is_measured_by_all_that_were_due()
errors_and_losses_are_counted()
what_is_not_answered_is_counted()
what_servers_send_does_no_harm()
measures_a_cluster_of_its_own()
bad_options_and_servers_are_told()
print("synod-bench: measures, counts, and tells what is wrong")
