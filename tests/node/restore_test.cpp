#include "synod/actors/node/restore.hpp"

#include "harness.hpp"
#include "platter.hpp"
#include "replica/fresh_state.hpp"
#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/role/error_text.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

constexpr slot_number slot_out = 42;

struct fixture {
  fixture() {
    REQUIRE(!files->make_directory("/backups"));
    write_backup();
    auto found = describe_snapshot(*files, backup);
    REQUIRE(found);
    what = *found;
    config = local_cluster(3, 7101, built_in());
    config.name = "new";
    config.origin = origin_of(what);
  }

  void write_backup() {
    auto state = fresh();
    state.slot_out = slot_out;
    state.log_time = 77;
    state.members = configurations{configuration{{8, 9}, {8, 9}, {8, 9}, 3}};
    for (int i = 0; i < 100; ++i) {
      auto key = "key " + std::to_string(i);
      std::string_view command[]{"SET", key, "value"};
      state.machine->apply(command, reply{});
    }
    state.sessions.open(5, 65536, true, 3);
    state_snapshot source{state, {"old", "key-value"}, 99};
    unfinished_file file{*files, backup};
    for (auto records = source.next(); !records.empty(); records = source.next())
      for (auto& each : records) {
        std::span<const std::byte> parts[]{std::as_bytes(std::span{&each.header, 1}), std::as_bytes(each.content->words())};
        REQUIRE(!file.append(parts));
      }
    REQUIRE(!file.finish());
  }

  std::string restore() {
    if (auto failure = files->make_directory("/data"))
      return text_of(failure);
    auto failure = restore_data_directory(
      built_in(), *files, "/data", config, config.nodes.front(), backup, what, [this] { return random += 7; },
      [](const std::string&) { return progress{}; });
    return failure ? text_of(failure) : std::string{};
  }

  data_directory::owner owner() const {
    auto& self = config.nodes.front();
    return {config.name, self.name, self.id, agreement_of(config)};
  }

  bool has_identity() {
    auto names = files->list("/data");
    return names && std::find(names->begin(), names->end(), "identity") != names->end();
  }

  /// What the roles have stored, as `verify` tells it; with problems marked.
  std::string stored() {
    std::string all;
    std::string cluster = config.name, node = config.nodes.front().name;
    std::filesystem::path data{"/data"};
    std::function<void(const finding&)> tell = [&](const finding& x) { all += (x.is_problem ? "PROBLEM " : "") + x.text + "\n"; };
    std::function<progress(const std::string&)> reading = [](const std::string&) { return progress{}; };
    for (auto* name : {"acceptor", "replica"})
      built_in().role(name)->verify({*files, data, cluster, node, tell, reading});
    return all;
  }

  bool is_whole() {
    auto all = stored();
    return all.find("PROBLEM") == std::string::npos && all.find("first kept slot 42, highest slot 41") != std::string::npos
           && all.find("every slot below 42") != std::string::npos;
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files = on.plug();
  std::filesystem::path backup{"/backups/one"};
  snapshot_description what;
  cluster config;
  uint64_t random = 1;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a restored node begins at the backup's slot, with the backup's state, in a cluster of its own") {
  REQUIRE(restore() == "");
  CHECK(is_whole());
  data_directory directory;
  auto wrong = directory.open(*files, "/data", owner(), 1);
  REQUIRE_MESSAGE(!wrong, wrong->text);
  CHECK(directory.incarnation() == 1);
  CHECK(directory.has_stored("acceptor"));
  CHECK(directory.has_stored("replica"));
  CHECK(directory.token() != 0);
  auto into = fresh();
  auto read = restore_snapshot(*files, snapshot_path("/data/replica", slot_out), {"new", "key-value"}, into);
  REQUIRE_MESSAGE(read, text_of(read.error()));
  CHECK(into.slot_out == slot_out);
  CHECK(into.log_time == 77);
  CHECK(into.members.latest() == config.members().latest()); // Not those of the old cluster.
  CHECK(into.sessions.size() == 1);
  builder<schema::Reply> value;
  std::string_view command[]{"GET", "key 7"};
  into.machine->apply(command, reply{*value});
  CHECK(view(value->asReader().getBulk()) == "value");
}

TEST_CASE_FIXTURE(fixture, "a node that was not restored, or from another backup, does not agree with one that was") {
  REQUIRE(restore() == "");
  CHECK(data_directory::origin_of(*files, "/data") == config.origin);
  CHECK(data_directory::origin_of(*files, "/none") == "");
  auto other = config;
  other.origin.clear();
  REQUIRE(disagreement(agreement_of(config), agreement_of(other)));
  CHECK(without_members(agreement_of(config)) != without_members(agreement_of(other)));
  what.what.token = 100;
  other.origin = origin_of(what);
  CHECK(disagreement(agreement_of(config), agreement_of(other)));
  auto wrong = data_directory{}.look(*files, "/data", {"new", owner().node, owner().id, agreement_of(other)});
  REQUIRE(wrong);
  CHECK(wrong->kind == data_directory::fault::wrong_directory);
}

TEST_CASE_FIXTURE(fixture, "what is there already is not restored to, and another state machine's backup is not taken") {
  REQUIRE(!files->make_directory("/data"));
  REQUIRE(files->create("/data/something"));
  CHECK(restore() == "/data: is not empty, there is 'something': a node is restored to a directory of its own");
  REQUIRE(!files->remove("/data/something"));
  config.state_machine = "other";
  CHECK(restore() == "/backups/one: is of state machine 'key-value', and the cluster file says 'other'");
}

TEST_CASE_FIXTURE(fixture, "whatever a crash leaves of a restored node is whole, or is no data directory") {
  on.behaviour().torn = true;
  auto begun = 0, whole = 0;
  for (uint64_t operations = 0; whole == 0; ++operations) {
    REQUIRE(operations < 1000);
    on.unplug_after(operations);
    static_cast<void>(restore());
    auto finished = on.plugged();
    on.unplug();
    on.cut_power();
    files = on.plug();
    if (has_identity()) {
      CHECK(is_whole());
      CHECK(!data_directory{}.look(*files, "/data", owner()));
    } else if (auto wrong = data_directory{}.look(*files, "/data", owner())) {
      ++begun;
      CHECK(wrong->text.find("is not empty and not a data directory") != std::string::npos);
    }
    whole += finished;
    on.erase();
    files = on.plug();
    REQUIRE(!files->make_directory("/backups"));
    write_backup();
  }
  CHECK(begun > 5);
}
