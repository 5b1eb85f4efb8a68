"""Real clusters for end-to-end tests: processes of synod-node, and a small RESP client."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ.get("SYNOD_BIN", os.path.join(os.path.dirname(__file__), "../../build/release/bin"))
CONFIG = os.path.join(os.path.dirname(__file__), "../../config")
EVERY_ROLE = ["replica", "leader", "acceptor", "gateway"]


class Failure(Exception):
    """A check that did not hold."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_until(holds, what, limit=15):
    deadline = time.monotonic() + limit
    while not holds():
        check(time.monotonic() < deadline, "after %s s: not %s" % (limit, what))
        time.sleep(0.05)


def free_ports(count):
    """Ports that were free a moment ago, all different."""
    held = []
    for _ in range(count):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def free_range(count):
    """The first of so many ports in a row that were free a moment ago."""
    while True:
        first, held = free_ports(1)[0], []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            pass
        finally:
            for s in held:
                s.close()


class ReplyError(Exception):
    """An error reply."""


class Client:
    """One connection, RESP2 unless asked otherwise. Commands are lists of str, bytes or int."""

    def __init__(self, port, timeout=10.0):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    @staticmethod
    def encode(args):
        parts = [b"*%d\r\n" % len(args)]
        for a in args:
            b = a if isinstance(a, bytes) else str(a).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(b), b))
        return b"".join(parts)

    def send(self, *commands):
        self.sock.sendall(b"".join(self.encode(c) for c in commands))

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("connection closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            data = self.file.read(size + 2)
            if len(data) != size + 2:
                raise ConnectionError("connection closed")
            return data[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b"%":
            return {repr(self.read()): self.read() for _ in range(int(rest))}
        if kind == b"~":
            return [self.read() for _ in range(int(rest))]
        if kind == b"=":
            return self.file.read(int(rest) + 2)[4:-2]
        raise Failure("not RESP: %r" % line)

    def __call__(self, *args):
        self.send(args)
        reply = self.read()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, commands):
        self.send(*commands)
        return [self.read() for _ in commands]

    def close(self):
        self.file.close()
        self.sock.close()


class Cluster:
    """Nodes as processes, on ports of their own."""

    def __init__(self, layout=None, extra="", program="synod-node", state_machine=None):
        self.dir = tempfile.mkdtemp(prefix="synod-test-")
        self.layout = layout or {n: EVERY_ROLE for n in "abc"}
        self.program = os.path.join(BIN, program)
        ports = free_ports(2 * len(self.layout))
        self.resp = {}
        self.address = {}
        self.processes = {}
        self.stderr = {}  # of a node's process, by name: a descriptor, instead of its log
        self.environment = {}  # of a node's process, by name: variables beside those of the test
        self.keep = False  # the directory, when all is over
        self.state_machine, self.extra = state_machine, extra
        self.config = os.path.join(self.dir, "cluster.conf")
        for i, (name, roles) in enumerate(self.layout.items()):
            self.address[name] = ports[2 * i]
            if "gateway" in roles:
                self.resp[name] = ports[2 * i + 1]
        self.write_config(self.config, self.layout)

    def __enter__(self):
        try:
            self.start(*self.layout)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.kill(*self.processes)
        if kind:
            for name in self.layout:
                path = self.log(name)
                if os.path.exists(path):
                    print("---- log of node %s" % name)
                    print(open(path, errors="replace").read()[-4000:])
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def write_config(self, path, nodes):
        """A cluster file that names these nodes; one that was not there from the beginning has every role."""
        with open(path, "w") as f:
            f.write('cluster = "test"\n')
            if self.state_machine:
                f.write('state-machine = "%s"\n' % self.state_machine)
            for each in nodes:
                f.write('[[node]]\nname = "%s"\naddress = "127.0.0.1:%d"\nroles = %s\n' % (
                    self.called(each), self.address[each], json.dumps(self.layout.get(each, EVERY_ROLE))))
                if each in self.resp:
                    f.write('resp = "127.0.0.1:%d"\n' % self.resp[each])
            f.write(self.extra)

    def called(self, name):
        """How its cluster file names it."""
        return name

    def log(self, name):
        return os.path.join(self.dir, name + ".log")

    def data(self, name):
        return os.path.join(self.dir, name)

    def start(self, *names):
        """Starts nodes and waits until each says that it is ready."""
        for name in names:
            self.launch(name)
        for name in names:
            line = self.processes[name].stdout.readline()
            check(line.startswith("ready node=" + self.called(name)), "node %s is not ready: %r" % (name, line))

    def launch(self, name, *options, config=None):
        args = [self.program, "--config-file=" + (config or self.config), "--node=" + self.called(name), "--data-dir=" + self.data(name)]
        with open(self.log(name), "a") as log:
            self.processes[name] = subprocess.Popen([*args, *options], stdout=subprocess.PIPE, stderr=self.stderr.get(name, log),
                                                    text=True, env={**os.environ, **self.environment.get(name, {})})

    def signal(self, name, number):
        self.processes[name].send_signal(number)

    def kill(self, *names):
        """At once."""
        processes = [self.processes.pop(name) for name in names]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            process.stdout.close()

    def terminate(self, name, limit=10):
        """Ends a node in order; returns its exit status."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        status = process.wait(limit)
        process.stdout.close()
        return status

    def client(self, name, timeout=10.0):
        return Client(self.resp[name], timeout)

    def resident_bytes(self, name):
        with open("/proc/%d/status" % self.processes[name].pid) as f:
            for line in f:
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) * 1024
        return 0

    def status(self):
        """synod-ctl status by node name."""
        ended = subprocess.run([os.path.join(BIN, "synod-ctl"), "--config-file=" + self.config, "--json", "status"],
                               stdout=subprocess.PIPE, timeout=60, text=True)
        if not ended.stdout:
            raise Failure("synod-ctl status said nothing and ended with %d" % ended.returncode)
        return {x["node"]: x for x in json.loads(ended.stdout)}

    def leader(self):
        """The node of the active leader, waiting until there is one."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            for name, x in self.status().items():
                if x.get("roles", {}).get("leader", {}).get("state") == "active":
                    return name
        raise Failure("no leader became active within 15 s")

    def wait_for_service(self, names=None, limit=10.0):
        """Returns how long it took until a write was acknowledged at every named node."""
        begin = time.monotonic()
        for name in names or self.resp:
            while True:
                try:
                    c = self.client(name, timeout=limit)
                    c("SET", "service:" + name, "up")
                    c.close()
                    break
                except (OSError, ReplyError) as problem:
                    check(time.monotonic() - begin < limit, "no service at node %s within %s s: %s" % (name, limit, problem))
                    time.sleep(0.02)
        return time.monotonic() - begin


class Load:
    """Clients in threads, ended together; what goes wrong in one is raised by stop()."""

    def __init__(self):
        self.stopping = threading.Event()
        self.threads = []
        self.problems = []

    def run(self, function, *args):
        def body():
            try:
                function(*args)
            except Exception as problem:  # Told by stop().
                self.problems.append(problem)
                self.stopping.set()
        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self.threads.append(thread)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            check(not thread.is_alive(), "a client hangs")
        if self.problems:
            raise self.problems[0]
