#include "synod/actors/node/cluster_file.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/role/error_text.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

using namespace synod;

namespace {

const std::string sound = R"(cluster = "test"
[[node]]
name = "a"
address = "127.0.0.1:7301"
resp = "7201"
roles = ["replica", "leader", "acceptor", "gateway"]
[[node]]
name = "b"
address = "127.0.0.1:7302"
roles = ["acceptor"]
)";

std::string error_of(const std::string& text) {
  auto found = parse_cluster(text, "file.conf", built_in());
  if (found)
    return "no error";
  return text_of(found.error());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

#define CHECK_ERROR(text, part) CHECK_MESSAGE(error_of(text).find(part) != std::string::npos, error_of(text))

} // namespace

TEST_CASE("a sound cluster file is read, with the defaults of what it leaves out") {
  auto found = parse_cluster(sound + "[replica]\nwindow = 7\nbatch-limit = \"64KiB\"\n[leader]\nping-interval = \"50ms\"\n",
                             "file.conf", built_in());
  REQUIRE(found);
  CHECK(found->nodes.size() == 2);
  CHECK(to_string(*found->nodes[0].resp) == "127.0.0.1:7201");
  CHECK(found->options_of("replica").number("window") == 7);
  CHECK(found->options_of("replica").bytes("batch-limit") == 65536);
  CHECK(found->options_of("leader").duration("ping-interval").count() == 50);
  CHECK(found->options_of("leader").duration("smallest-timeout").count() == 500);
  CHECK(found->nodes_with("acceptor") == node_set{id_of_name("a"), id_of_name("b")});
}

TEST_CASE("what is wrong in a cluster file is named with file, line, key, what was found and what was expected") {
  CHECK_ERROR("clusster = \"x\"\n" + sound, "file.conf:1: unknown key 'clusster'");
  CHECK_ERROR(replaced(sound, "roles = [\"acceptor\"]", "rolles = [\"acceptor\"]"),
              "file.conf:10: unknown key 'rolles' in [[node]]; known are: name, id, address");
  CHECK_ERROR(sound + "[replica]\nwindw = 5\n", "file.conf:12: unknown key 'windw' in [replica]; known are: window");
  CHECK_ERROR(sound + "[replica]\nwindow = \"x\"\n", "file.conf:12: key 'window' in [replica]: a string is of the wrong type");
  CHECK_ERROR(sound + "[replica]\nwindow = 0\n", "out of range (1 to 1024)");
  CHECK_ERROR(sound + "[leader]\nping-interval = \"5 minutes\"\n", "expected a duration like");
  CHECK_ERROR(sound + "[leader]\nping-interval = 5\n", "wrong type");
  CHECK_ERROR(sound + "[gateway]\nidle-timeout = \"9999999h\"\n", "'9999999h' is out of range (0 to 315360000000 ms)");
  CHECK_ERROR(sound + "[gateway]\nidle-timeout = \"87601h\"\n", "out of range");
  CHECK(error_of(sound + "[gateway]\nidle-timeout = \"87600h\"\n") == "no error");
  CHECK_ERROR(sound + "[leader]\nping-interval = \"300ms\"\n", "smallest-timeout is 500 ms, and ping-interval 300 ms");
  CHECK_ERROR(sound + "[leader]\nlargest-timeout = \"100ms\"\n", "largest-timeout is 100 ms, shorter than smallest-timeout");
  CHECK_ERROR(replaced(sound, "\"127.0.0.1:7302\"", "7302"), "key 'address': expected a string, found a integer");
  CHECK_ERROR(replaced(sound, "127.0.0.1:7302", "127.0.0.1"), "expected \"HOST:PORT\", found '127.0.0.1'");
  CHECK_ERROR(replaced(sound, "127.0.0.1:7302", "127.0.0.1:77777"), "expected \"HOST:PORT\"");
  CHECK_ERROR(replaced(sound, "127.0.0.1:7302", "127.0.0.1:7301"),
              "file.conf:9: key 'address': node 'b' has the address of node 'a' in line 4");
  for (auto* same : {"localhost", "[::ffff:127.0.0.1]"})
    CHECK_ERROR(replaced(sound, "127.0.0.1:7302", std::string{same} + ":7301"),
                "file.conf:9: key 'address': node 'b' has the address of node 'a' in line 4, 127.0.0.1:7301");
  for (auto* any : {"0.0.0.0", "[::]", "[0:0::0]", "[::ffff:0.0.0.0]"})
    CHECK_ERROR(replaced(sound, "127.0.0.1:7302", std::string{any} + ":7302"),
                "file.conf:9: key 'address': expected an address at which other nodes reach this one, found '");
  auto two = replaced(sound, "7302\"\n", "7302\"\nresp = \"7201\"\n");
  CHECK_ERROR(two,
              "file.conf:10: key 'resp': node 'b' has the resp of node 'a' in line 5, 127.0.0.1:7201: expected one of its own");
  CHECK_ERROR(replaced(two, "\"7201\"", "\"localhost:7302\""), "key 'address': node 'b' has the resp of node 'a'");
  CHECK(error_of(replaced(replaced(two, "\"7201\"", "\"0\""), "\"7201\"", "\"0\"")) == "no error");
  CHECK_ERROR(replaced(sound, "\"7201\"", "\"elsewhere:7201\""), "file.conf:5: key 'resp': expected \"ADDRESS:PORT\" with an IP");
  CHECK_ERROR(replaced(sound, "name = \"b\"", "name = \"a\""), "node 'a' is a duplicate: it is in line 2 already");
  CHECK_ERROR(replaced(sound, "name = \"b\"\n", ""), "a [[node]] without 'name'");
  CHECK_ERROR(replaced(sound, "[\"acceptor\"]", "[\"aceptor\"]"), "unknown role 'aceptor'; known are: acceptor");
  CHECK_ERROR(replaced(sound, "[\"acceptor\"]", "[]"), "expected a list of role names");
  CHECK_ERROR(replaced(sound, "resp = \"7201\"\n", ""), "has a gateway and no 'resp'");
  CHECK_ERROR("cluster = \"test\"\n", "no node");
  CHECK_ERROR(sound.substr(sound.find("[[node]]")), "key 'cluster' is missing");
  CHECK_ERROR(replaced(replaced(sound, ", \"acceptor\"", ""), "[\"acceptor\"]", "[\"replica\"]"),
              "there would be no majority of acceptors");
  CHECK_ERROR("state-machine = \"nope\"\n" + sound, "unknown state machine 'nope'; known are: key-value");
  CHECK_ERROR("cluster = \n", "file.conf:1:");
  CHECK_ERROR(sound + "node = 5\n", "file.conf");
}

TEST_CASE("a node's id is given in the file or made of its name, and does not depend on the order of nodes") {
  auto ids = [](const std::string& text) {
    auto found = parse_cluster(text, "file.conf", built_in());
    REQUIRE(found);
    return std::pair{found->find("a")->id, found->find("b")->id};
  };
  auto swapped = sound.substr(0, sound.find("[[node]]")) + sound.substr(sound.rfind("[[node]]"))
                 + sound.substr(sound.find("[[node]]"), sound.rfind("[[node]]") - sound.find("[[node]]"));
  CHECK(ids(sound) == std::pair{id_of_name("a"), id_of_name("b")});
  CHECK(ids(swapped) == ids(sound));
  CHECK(ids(replaced(sound, "name = \"b\"", "name = \"b\"\nid = 7")) == std::pair{id_of_name("a"), node_id{7}});
  auto with_ids = [](const std::string& a, const std::string& b) {
    return replaced(replaced(sound, "name = \"b\"", "name = \"b\"\nid = " + b), "name = \"a\"", "name = \"a\"\nid = " + a);
  };
  CHECK_ERROR(with_ids("7", "7"), "node 'b' has the id of node 'a' in line 2, 7: expected an id of its own");
  CHECK_ERROR(with_ids("7", "0"), "key 'id': expected a whole number from 1 to 4294967295");
  CHECK_ERROR(with_ids("7", "4294967296"), "key 'id': expected a whole number");
  CHECK_ERROR(with_ids("7", "\"x\""), "key 'id': expected a whole number");
}

TEST_CASE("a mutated cluster file is read or refused") {
  std::mt19937 random{1};
  const std::string alphabet = std::string{"[]{}=\"'.,#\n\\ ab1-"} + '\0';
  for (int run = 0; run < 20000; ++run) {
    auto text = sound;
    for (auto changes = 1 + random() % 5; changes > 0; --changes)
      text.insert(random() % text.size(), 1 + random() % 3, alphabet[random() % alphabet.size()]);
    CHECK_FALSE(error_of(text).empty());
  }
  for (auto* text : {"[[[", "[", "=", "[[node]]]", "a.b.c", "[node", "\""})
    CHECK_ERROR(text, "file.conf:1: ");
}

TEST_CASE("an address that others can reach is refused, unless the file says that plain traffic is allowed") {
  auto open = replaced(sound, "127.0.0.1:7302", "192.0.2.5:7302");
  CHECK_ERROR(open, "allow-plain-traffic = true");
  CHECK_ERROR(open, "file.conf:9: key 'address': node 'b': others can reach 192.0.2.5:7302");
  CHECK(error_of("allow-plain-traffic = true\n" + open) == "no error");
}

TEST_CASE("clients come from this host, unless the file says that plain traffic is allowed") {
  auto open = replaced(sound, "\"7201\"", "\"192.0.2.5:7201\"");
  CHECK_ERROR(open, "file.conf:5: key 'resp': node 'a': others can reach 192.0.2.5:7201, and clients need no password");
  CHECK(error_of("allow-plain-traffic = true\n" + open) == "no error");
}

TEST_CASE("the secret is the content of a file beside the cluster file, that others cannot read") {
  test::temporary_directory scratch;
  auto file = (scratch.path() / "cluster.conf").string(), beside = (scratch.path() / "secret").string();
  auto with_secret = "secret-file = \"secret\"\n" + sound;
  auto read = [&] { return parse_cluster(with_secret, file, built_in()); };
  auto error = [&] { return text_of(read().error()); };
  auto write = [&](const std::string& secret) { std::ofstream{beside} << secret; };
  CHECK(error() == file + ":1: key 'secret-file': " + beside + ": cannot be read");
  write("sixteen or more bytes \r\n\n");
  std::filesystem::permissions(beside, std::filesystem::perms{0644});
  CHECK(error().starts_with(file + ":1: key 'secret-file': " + beside + ": everybody on this host can read it"));
  std::filesystem::permissions(beside, std::filesystem::perms{0640});
  REQUIRE(read());
  CHECK(read()->secret == "sixteen or more bytes");
  write("too short\n");
  CHECK(error().starts_with(file + ":1: key 'secret-file': " + beside + ": expected 16 to 1024 bytes, found 9"));
  write("");
  CHECK(error().find("found 0") != std::string::npos);
  write(std::string(1025, 'x'));
  CHECK(error().find("found 1025") != std::string::npos);
  write(std::string(5000, 'x'));
  CHECK(error().ends_with(beside + ": is too large: expected at most 4096 bytes"));
  CHECK_ERROR("secret-file = 5\n" + sound, "file.conf:1: key 'secret-file': expected a string");
}

TEST_CASE("what is on this host is told by the address, not by how its name begins") {
  for (auto* host : {"127.0.0.1", "127.200.0.9", "::1", "::ffff:127.0.0.1", "localhost"})
    CHECK_MESSAGE(is_loopback(host), host);
  for (auto* host : {"127.evil.example.org", "127.0.0.1.example.org", "localhost.example.org", "127.", "0.0.0.0",
                     "::", "::ffff:10.0.0.1", "128.0.0.1", "1270.0.0.1", "::2", "", "[::1]"})
    CHECK_MESSAGE(!is_loopback(host), host);
  CHECK_ERROR(replaced(sound, "127.0.0.1:7302", "127.evil.example.org:7302"), "others can reach 127.evil.example.org:7302");
  CHECK(error_of(replaced(sound, "127.0.0.1:7302", "[::1]:7302")) == "no error");
}

TEST_CASE("localhost is an address for clients, too") {
  auto found = parse_cluster(replaced(sound, "\"7201\"", "\"localhost:7201\""), "file.conf", built_in());
  REQUIRE(found);
  CHECK(to_string(*found->nodes[0].resp) == "127.0.0.1:7201");
}

TEST_CASE("an empty cluster file is said to be empty") {
  CHECK_ERROR("", "file.conf: is empty: expected cluster");
  CHECK_ERROR("\n \t\r\n", "file.conf: is empty");
  test::temporary_directory scratch;
  auto path = scratch.path() / "cluster.conf";
  std::ofstream{path};
  auto found = read_cluster(path, built_in());
  REQUIRE(!found);
  CHECK(text_of(found.error()) == path.string() + ": is empty: expected cluster = \"NAME\" and [[node]] tables");
  CHECK(text_of(read_cluster(scratch.path(), built_in()).error()).ends_with("cannot be read: expected a regular file"));
}

TEST_CASE("what does not end is not read: only regular files are, of a size that makes sense") {
  test::temporary_directory scratch;
  auto path = scratch.path() / "cluster.conf";
  auto error = [&] { return text_of(read_cluster(path, built_in()).error()); };
  std::filesystem::create_symlink("/dev/zero", path);
  CHECK(error() == path.string() + ": cannot be read: expected a regular file");
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(error() == path.string() + ": cannot be read: expected a regular file");
  std::filesystem::remove(path);
  std::ofstream{path} << sound << std::string((1 << 20) - sound.size(), '#');
  CHECK(read_cluster(path, built_in()));
  std::ofstream{path, std::ios::app} << "#";
  CHECK(error() == path.string() + ": is too large: expected at most 1048576 bytes");
}

TEST_CASE("the cluster files that are delivered are sound") {
  for (auto* name : {"three-nodes.conf", "separate-acceptors.conf"})
    CHECK(read_cluster(std::filesystem::path{SYNOD_CONFIG_DIRECTORY} / name, built_in()));
}
