"""Random commands of those that Synod shares with Redis, with the arguments at which servers differ."""

KEYS = [b"a", b"b", b"c", b"", b"with blank", b"\x00\xff\r\n"]
VALUES = [b"", b"v", b"hello world", b"0", b"1", b"-1", b"10", b"9223372036854775807", b"-9223372036854775808", b"3.5", b"1e3", b"1e256",
          b"1e4000", b" 1", b"1 ", b"0x10", b"nan", b"inf", b"\x00\xff\r\n", b"x" * 300]
NUMBERS = [b"0", b"1", b"-1", b"2", b"-2", b"10", b"-100", b"100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
           b"-9223372036854775809", b"99999999999999999999", b"", b"abc", b"1.5", b"01", b"+1", b"-0", b" 1", b"1 ", b"1e3", b"0x1", b"\x00"]
# No deadline that comes while a sequence runs: those are steps of their own.
EXPIRIES = [b"100", b"200", b"100000", b"300000", b"0", b"-1", b"4102444800", b"4102444800000", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775", b"9223372036854776", b"-9223372036854775", b"-9223372036854776",
            b"9223372036854775808", b"", b"x", b"1.5", b"+100", b"0100", b" 100"]
FLOATS = [b"0", b"1", b"-1", b"1.5", b"0.1", b"-0.1", b"3.0e3", b"1e256", b"1e300", b"-1e300", b"1e4931", b"1e4933", b"1e-20", b"1e-5000",
          b"inf", b"+inf", b"-inf", b"infinity", b"nan", b"0x1p3", b"0x1g", b"", b" 1", b"1 ", b"+5", b"5.", b".5", b"-.5", b"1e", b"-0", b"1,5",
          b"17179869184.25", b"9223372036854775807", b"1" * 300, b"\x001", b"1\x00"]
PATTERNS = [b"*", b"?", b"[a-b]", b"[^a]", b"[b-a]", b"\\a", b"a*", b"*b*", b"", b"[", b"[a", b"[^", b"[]a]", b"a\\", b"[a\\]b]", b"w* *k",
            b"[a-", b"[\\", b"**", b"*?*", b"nothing"]
CURSORS = [b"0", b"-1", b"+0", b" 0", b"0 ", b"", b"x", b"99999999999999999999", b"18446744073709551615", b"00", b"-0"]

# K key, V value, N number, E expiry, F float, P pattern, C cursor, A anything; the last word's options follow it in any number and order;
# K+ and KV+: one or more.
MACHINE = {
    "GET": "K", "GETDEL": "K", "STRLEN": "K", "INCR": "K", "DECR": "K", "PERSIST": "K", "TTL": "K", "PTTL": "K", "EXPIRETIME": "K",
    "PEXPIRETIME": "K", "TYPE": "K", "INCRBY": "K N", "DECRBY": "K N", "INCRBYFLOAT": "K F", "APPEND": "K V", "GETSET": "K V", "SETNX": "K V",
    "SETEX": "K E V", "PSETEX": "K E V", "GETRANGE": "K N N", "SUBSTR": "K N N", "SETRANGE": "K N V", "MGET": "K+", "DEL": "K+",
    "UNLINK": "K+", "EXISTS": "K+", "TOUCH": "K+", "MSET": "KV+", "MSETNX": "KV+", "RENAME": "K K", "RENAMENX": "K K",
    "COPY": "K K ?REPLACE|DB N|DB 0", "SET": "K V ?NX|XX|GET|KEEPTTL|EX E|PX E|EXAT E|PXAT E|PERSIST",
    "GETEX": "K ?PERSIST|EX E|PX E|EXAT E|PXAT E|KEEPTTL|NX", "EXPIRE": "K E ?NX|XX|GT|LT", "PEXPIRE": "K E ?NX|XX|GT|LT",
    "EXPIREAT": "K E ?NX|XX|GT|LT", "PEXPIREAT": "K E ?NX|XX|GT|LT", "KEYS": "P", "SCAN": "C ?MATCH P|COUNT N|COUNT 1000000|TYPE string|TYPE hash|TYPE none",
    "RANDOMKEY": "", "DBSIZE": "", "FLUSHALL": "?SYNC|ASYNC|NO", "FLUSHDB": "?SYNC|ASYNC|NO",
}
CONNECTION = ["PING", "PING A", "ECHO V", "HELLO", "HELLO 2", "HELLO 3", "HELLO N", "HELLO 3 AUTH default A", "HELLO 3 AUTH bob A",
              "HELLO 2 SETNAME A", "HELLO 3 ?AUTH|SETNAME me|AUTH default x|BOGUS", "AUTH A", "AUTH default A", "AUTH bob A", "AUTH A A A",
              "SELECT N", "SELECT 0", "QUIT", "QUIT A", "RESET", "RESET A", "TIME", "ECHO", "NOSUCH A A", "UNWATCH", "UNWATCH A", "INFO A",
              "INFO server clients", "INFO"]
SERVER = ["CLIENT", "CLIENT ID", "CLIENT ID A", "CLIENT GETNAME", "CLIENT SETNAME A", "CLIENT SETNAME me", "CLIENT NO-EVICT ON",
          "CLIENT NO-EVICT off", "CLIENT NO-EVICT A", "CLIENT INFO", "CLIENT INFO A", "CLIENT LIST", "CLIENT LIST TYPE normal",
          "CLIENT LIST TYPE pubsub", "CLIENT LIST TYPE A", "CLIENT LIST ID 0", "CLIENT LIST ID N", "CLIENT LIST ID 1000000 N", "CLIENT LIST A",
          "CLIENT LIST A A", "CLIENT KILL", "CLIENT KILL A", "CLIENT KILL 127.0.0.1:1", "CLIENT KILL ID 1000000", "CLIENT KILL ID 0", "CLIENT KILL ID x", "CLIENT KILL ID 9223372036854775808",
          "CLIENT KILL ADDR A", "CLIENT KILL LADDR A", "CLIENT KILL USER A", "CLIENT KILL USER nobody", "CLIENT KILL TYPE A",
          "CLIENT KILL TYPE pubsub", "CLIENT KILL SKIPME A", "CLIENT KILL ID 1000000 SKIPME A", "CLIENT KILL ID 1000000 SKIPME yes",
          "CLIENT KILL ID 1000000 A", "CLIENT KILL TYPE pubsub LADDR 1 USER default ID 9999999", "CLIENT REPLY ON", "CLIENT REPLY A",
          "CLIENT REPLY", "CLIENT PAUSE", "CLIENT PAUSE x", "CLIENT PAUSE 0 A", "CLIENT UNPAUSE", "CLIENT UNPAUSE A",
          "CLIENT TRACKINGINFO", "CLIENT TRACKING off", "CLIENT TRACKING A", "CLIENT GETREDIR", "CLIENT CACHING A", "CLIENT UNBLOCK 1000000",
          "CLIENT UNBLOCK 1000000 TIMEOUT", "CLIENT UNBLOCK 1000000 A", "CLIENT UNBLOCK x", "CLIENT HELP A", "CLIENT A", "CLIENT NOPE A",
          "COMMAND COUNT", "COMMAND COUNT A", "COMMAND INFO get A", "COMMAND INFO set mset rename copy", "COMMAND INFO nosuch", "COMMAND GETKEYS",
          "COMMAND GETKEYS A", "COMMAND GETKEYS GET K", "COMMAND GETKEYS MSET K V K V", "COMMAND GETKEYS SET K V ?NX|GET|EX E", "COMMAND GETKEYS PING",
          "COMMAND GETKEYS GET", "COMMAND GETKEYS MSET K V K", "COMMAND GETKEYS RENAME K K", "COMMAND GETKEYS CLIENT LIST", "COMMAND GETKEYS CLIENT NOPE",
          "COMMAND GETKEYSANDFLAGS GET K", "COMMAND GETKEYSANDFLAGS SET K V ?NX|GET|EX E|get|GETX", "COMMAND GETKEYSANDFLAGS RENAME K K",
          "COMMAND GETKEYSANDFLAGS PING", "COMMAND GETKEYSANDFLAGS MSET K V K V", "COMMAND GETKEYSANDFLAGS A", "COMMAND LIST FILTERBY PATTERN pexpire*",
          "COMMAND LIST FILTERBY PATTERN config|*", "COMMAND LIST FILTERBY PATTERN nosuch", "COMMAND LIST FILTERBY MODULE A",
          "COMMAND LIST FILTERBY ACLCAT A", "COMMAND LIST FILTERBY A A", "COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY PATTERN a b", "COMMAND LIST A",
          "COMMAND DOCS nosuch", "COMMAND DOCS A", "COMMAND HELP A", "COMMAND A", "CONFIG", "CONFIG GET", "CONFIG GET A", "CONFIG GET maxclients",
          "CONFIG GET MAXclients timeout nosuch", "CONFIG GET max?lients", "CONFIG GET databases maxclients", "CONFIG GET nosuch*", "CONFIG SET",
          "CONFIG SET A", "CONFIG SET nosuch A", "CONFIG SET timeout 100 databases 2", "CONFIG SET databases 2", "CONFIG SET timeout x", "CONFIG SET timeout -1", "CONFIG SET timeout 1.5", "CONFIG SET timeout 99999999999999999999", "CONFIG SET timeout 300",
          "CONFIG SET timeout 0", "CONFIG SET timeout 300 timeout 0", "CONFIG SET timeout 1000 A", "CONFIG SET maxclients 10000",
          "CONFIG SET maxclients 0", "CONFIG SET maxclients x", "CONFIG SET timeout 100 nosuch 1", "CONFIG RESETSTAT", "CONFIG RESETSTAT A", "CONFIG REWRITE",
          "CONFIG HELP A", "CONFIG NOPE"]
TRANSACTION = ["MULTI", "MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "EXEC A", "DISCARD", "DISCARD A", "MULTI A", "WATCH K", "WATCH K K", "WATCH", "UNWATCH"]

# Not among them, for what Redis does there: a line with a zero byte (it waits for ever), CLIENT REPLY OFF or SKIP in a transaction
# (EXEC's reply lacks an element), SKIP and nothing behind it (an empty array is skipped, too).
LINES = [b"PING", b"  ping  ", b"SET k he\"llo\"", b"SET k a\"b c\"", b"SET k \"a\"b", b"SET k 'it\\'s'", b"SET k \"\\x41\\n\\q\\\"\"", b"SET k \"open",
         b"SET k 'open", b"SET k ''", b"ECHO \"\\x4\"", b"ECHO 'a\\nb'", b"ECHO a'b'c", b"ECHO \"a\" \"b\"", b"ECHO a\x0bb", b"\x0bPING",
         b"GET k", b"", b"   ", b"\t", b"MULTI", b"EXEC", b"DISCARD", b"INCR n", b"SET n 5", b"CONFIG GET", b"DISCARD\r\nCLIENT REPLY OFF",
         b"DISCARD\r\nCLIENT REPLY SKIP\r\nPING", b"CLIENT REPLY ON", b"RESET", b"HELLO 3", b"HELLO 2", b"GET none", b"QUIT", b"NOSUCH 'x y'", b"SET k \\x", b"ECHO \"\\\"",
         b"ECHO 'a'\x0b'b'", b"WATCH k", b"EXEC 1", b"ECHO \"a\"\tb", b"CLIENT REPLY NO"]
BROWSER = [b"POST / HTTP/1.1\r\n", b"Host: x\r\n", b"host:\r\n"]  # Redis drops the replies to what came before.
PIECES = [b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", b"*0\r\n", b"*-1\r\n", b"*-5\r\n", b"*01\r\n",
          b"*1\n$4\nPING\n", b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$-1\r\n", b"*1\r\n:4\r\n", b"*x\r\n", b"* 1\r\n", b"*1 \r\n", b"*\r\n", b"*2147483648\r\n",
          b"*2147483647\r\n$1\r\n", b"*1048577\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nPINGxx", b"*1\r\n$536870913\r\n", b"*1\r\n$\r\n", b"*1\r\n$4", b"*1\r\nx", b"*1\r\n\r\n",
          b"*1\r\n$0\r\n\r\n", b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"*+1\r\n$4\r\nPING\r\n", b"*1\rx$4\rxPING\r\n", b"*99999999999999999999\r\n", b"$4\r\nPING\r\n", b"\r\n", b"\n"]


def recased(chance, word):
    return chance.choice([word, word, word.lower(), "".join(chance.choice([x.lower(), x.upper()]) for x in word)])


def argument(chance, letter):
    pools = {"K": KEYS, "V": VALUES, "N": NUMBERS, "E": EXPIRIES, "F": FLOATS, "P": PATTERNS, "C": CURSORS,
             "A": KEYS + VALUES + NUMBERS + [b"set", b"get", b"nx", b"ON"]}
    if letter == "K":
        return chance.choice(KEYS[:3] if chance.random() < 0.85 else KEYS)
    if letter == "V" and chance.random() < 0.5:
        return chance.choice(VALUES[:7])
    if letter == "E" and chance.random() < 0.5:
        return chance.choice(EXPIRIES[:4])
    return chance.choice(pools[letter])


def filled(chance, words):
    """The arguments that such words stand for."""
    out = []
    for i, word in enumerate(words):
        if word == "K+":
            out += [argument(chance, "K") for _ in range(chance.randint(1, 4))]
        elif word == "KV+":
            for _ in range(chance.randint(1, 3)):
                out += [argument(chance, "K"), argument(chance, "V")]
        elif word.startswith("?"):
            options = " ".join(words[i:])[1:].split("|")
            for _ in range(chance.choice([0, 0, 1, 1, 1, 2, 3])):
                out += filled(chance, chance.choice(options).split())
            break
        else:
            out.append(argument(chance, word) if len(word) == 1 and word.isupper() else recased(chance, word).encode())
    return out


def command(chance):
    """One command as a list of byte strings."""
    kind = chance.random()
    if kind < 0.62:
        name = chance.choice(list(MACHINE))
        args = filled(chance, (name + " " + MACHINE[name]).split())
    else:
        args = filled(chance, chance.choice(TRANSACTION if kind < 0.78 else CONNECTION if kind < 0.87 else SERVER).split())
    spared = args[0].lower() == b"config" or [x.lower() for x in args[:2]] == [b"client", b"kill"]  # It might end the test's own.
    if chance.random() < 0.08 and not spared:  # Something is wrong with the arguments.
        change = chance.randrange(3)
        if change == 0 and len(args) > 1:
            args.pop()
        elif change == 1:
            args.append(argument(chance, "A"))
        elif len(args) > 1:
            args[chance.randrange(1, len(args))] = argument(chance, "A")
    return args


def raw_bytes(chance):
    """Bytes that need not be the protocol, in pieces."""
    first = [chance.choice(BROWSER)] if chance.random() < 0.05 else []
    return first + [chance.choice(PIECES) if chance.random() < 0.35 else chance.choice(LINES) + chance.choice([b"\r\n", b"\r\n", b"\n"])
            for _ in range(chance.randint(1, 6))]


def sequence(chance):
    """Steps: ("send", connection, commands), pipelined; ("raw", pieces), on a connection of its own; ("expire", connection, key)."""
    steps = []
    for _ in range(chance.randint(1, 14)):
        kind = chance.random()
        if kind < 0.08:
            steps.append(("raw", raw_bytes(chance)))
        elif kind < 0.11:
            steps.append(("expire", chance.randrange(2), argument(chance, "K")))
        else:
            steps.append(("send", chance.choice([0, 0, 1]), [command(chance) for _ in range(chance.choice([1, 1, 1, 2, 3, 6]))]))
    return steps
