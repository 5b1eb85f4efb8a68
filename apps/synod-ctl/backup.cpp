#include "backup.hpp"

#include "asking.hpp"
#include "download.hpp"
#include "node_connection.hpp"
#include "table.hpp"

#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/data_directory.hpp"
#include "synod/actors/node/local_disk.hpp"
#include "synod/actors/node/restore.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/node/terminal_progress.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/operations.hpp"
#include "synod/messages/roles.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>

namespace synod::ctl {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using clock = std::chrono::steady_clock;

constexpr seconds ask_again{2};
constexpr seconds read_limit{15};      // for a majority to answer
constexpr seconds silence_limit{30};   // of a node
constexpr seconds snapshot_limit{600}; // until a node that answers has begun to give one
constexpr milliseconds poll_interval{200};

int fail(const std::string& text) {
  std::cerr << "error: " << text << std::endl;
  return exit_status::failed;
}

/// What ended a try to fetch a snapshot; empty: nothing, all is there.
struct ending {
  std::string problem;
  bool is_here = false; ///< it is this side's, and no other node is better
};

/// Fetches a snapshot from the replica of one node, at that rate at most. Blocks.
class fetching {
public:
  fetching(caf::scoped_actor& self, node_connection& from, const node_description& node, unfinished_file& to,
           terminal_progress& shown, uint64_t bytes_per_second)
    : self_{self}, from_{from}, node_{node}, to_{to}, shown_{shown}, bytes_per_second_{bytes_per_second} {}

  ending run() {
    shown_.show("node " + node_.name + ": reads where the cluster is");
    if (!reads_through())
      return {"it gives no linearizable read: it does not reach a majority, or does not answer"};
    auto slot_out = number_of({{}, from_.status(), {}}, "replica", "slot_out");
    if (!slot_out)
      return {from_.problem().empty() ? "its replica does not tell its status" : from_.problem()};
    return fetch(download{node_.id, static_cast<slot_number>(*slot_out)});
  }

private:
  template <class Schema>
  void send(builder<Schema>& x) {
    self_->send(caf::actor_cast<node_actor>(from_.node()), x.finish());
  }

  void pause(milliseconds so_long) {
    self_->receive([] {}, caf::after(so_long) >> [] {});
  }

  /// A read of nothing: when it is answered, the replica has performed all that clients were told of before.
  bool reads_through() {
    auto number = random_number();
    for (auto begun = clock::now(); clock::now() - begun < read_limit;) {
      builder<schema::Query> query;
      query->setNumber(number);
      operation_writer versions;
      versions.versions({});
      versions.write(query->initOperations());
      send(query);
      auto answered = false, refused = false;
      self_->receive(
        [&](const message<schema::Answers>& x) {
          answered = x->getNumber() == number && !x->getRefused();
          refused = x->getRefused();
        },
        caf::after(ask_again) >> [] {});
      if (answered)
        return true;
      if (refused)
        pause(poll_interval);
    }
    return false;
  }

  ending fetch(download x) {
    auto begun = clock::now();
    auto progressed = begun; // or was told that it has to wait
    progress shown;
    while (!x.complete()) {
      if (clock::now() - progressed > silence_limit)
        return {"it does not answer any more, or not with what it is asked for"};
      if (!x.begun() && clock::now() - begun > snapshot_limit)
        return {fmt::format("it has given no snapshot of slot {} or later for {} min: see its log", x.slot_out(),
                            std::chrono::duration_cast<std::chrono::minutes>(snapshot_limit).count())};
      auto got = ask(x);
      if (!got)
        continue;
      switch (x.take(*got)) {
        case download::outcome::taken:
          if (auto failure = append(got->getBytes()))
            return {synod::text_of(failure), true};
          progressed = clock::now();
          if (!shown)
            shown = shown_.of("copying from node " + node_.name);
          if (shown)
            shown(x.bytes_there(), x.bytes());
          break;
        case download::outcome::nothing:
          progressed = clock::now();
          shown_.show("node " + node_.name + ": waits for a snapshot of slot " + std::to_string(x.slot_out()));
          pause(poll_interval);
          break;
        case download::outcome::useless:
          pause(poll_interval);
          break;
        case download::outcome::failed:
          return {"the snapshot that was begun with is not there any more"};
      }
    }
    return {};
  }

  message<schema::SnapshotChunk> ask(const download& x) {
    builder<schema::AskSnapshot> question;
    x.write(*question);
    send(question);
    message<schema::SnapshotChunk> got;
    self_->receive([&](const message<schema::SnapshotChunk>& chunk) { got = chunk; },
                   [](const message<schema::Answers>&) {}, // One of a query that was asked again.
                   caf::after(ask_again) >> [] {});
    return got;
  }

  caf::error append(capnp::Data::Reader chunk) {
    std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(chunk.begin()), chunk.size()};
    pause(milliseconds{1000 * bytes.size() / bytes_per_second_});
    return to_.append(std::span{&bytes, 1});
  }

  caf::scoped_actor& self_;
  node_connection& from_;
  const node_description& node_;
  unfinished_file& to_;
  terminal_progress& shown_;
  uint64_t bytes_per_second_;
};

/// Nodes with a replica that are reached, the active leader's last.
std::vector<answer> sources(const cluster& file, const std::string& only) {
  auto found = ask_nodes(file, only);
  std::erase_if(found, [](auto& x) { return !role_of(x, "replica"); });
  std::stable_partition(found.begin(), found.end(), [](auto& x) { return text_of(x, "leader", "state") != "active"; });
  return found;
}

int show(const std::filesystem::path& path, const snapshot_description& x, const char* done, bool json) {
  if (json)
    std::cout << nlohmann::json{{"file", path.string()},
                                {"cluster", x.whose.cluster},
                                {"state machine", x.whose.machine},
                                {"slot_out", x.what.slot_out},
                                {"log time ms", x.log_time},
                                {"bytes", x.what.bytes},
                                {"token", fmt::format("{:016x}", x.what.token)}}
                   .dump(2)
              << std::endl;
  else
    std::cout << fmt::format("{}: {}: backup {:016x} of cluster '{}', state machine {}, every slot below {}, log time {} UTC, "
                             "{} bytes",
                             path.string(), done, x.what.token, x.whose.cluster, x.whose.machine, x.what.slot_out,
                             time_text(x.log_time), x.what.bytes)
              << std::endl;
  return exit_status::clean;
}

/// Reads all of it.
caf::expected<snapshot_description> check_backup(disk& files, const std::filesystem::path& path, terminal_progress& shown) {
  auto head = describe_snapshot(files, path);
  if (!head)
    return head;
  auto whole = check_snapshot(files, path, {}, shown.of("reading " + path.string()));
  shown.clear();
  return whole ? head : caf::expected<snapshot_description>{whole.error()};
}

/// The file is there, under another name; looks at what has come, and gives it its own.
ending finish(disk& files, unfinished_file& there, const std::filesystem::path& to, terminal_progress& shown, bool json) {
  auto checked = check_backup(files, there.temporary_path(), shown);
  if (!checked)
    return {"its snapshot is damaged: " + synod::text_of(checked.error())};
  std::error_code none;
  if (std::filesystem::exists(to, none))
    return {to.string() + ": is there meanwhile", true};
  if (auto failure = there.finish())
    return {synod::text_of(failure), true};
  show(to, *checked, "written", json);
  return {};
}

} // namespace

int backup(const cluster& file, const std::string& only, const std::filesystem::path& to, bool json) {
  std::error_code none;
  if (std::filesystem::exists(to, none))
    return fail(to.string() + ": is there already: expected a new file");
  terminal_progress shown;
  system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor self{system};
  local_disk files;
  auto from = sources(file, only);
  if (from.empty() && !only.empty() && !file.find(only))
    return bad_arguments("unknown node '" + only + "'");
  if (from.empty())
    return fail(only.empty() ? "no node with a replica is reached at an address of the cluster file"
                             : "node " + only + " is not reached, or has no replica");
  auto rate = file.options_of("replica").bytes("snapshot-rate");
  auto mark = fmt::format(".{:08x}", random_number() >> 32); // Nobody else writes there.
  std::string problems;
  for (auto& each : from) {
    unfinished_file unfinished{files, std::filesystem::absolute(to), mark.c_str()};
    if (auto failure = unfinished.append({})) // Before anybody is asked for anything.
      return fail(synod::text_of(failure));
    node_connection node{self, file, each.node.address};
    ending end{node.problem()};
    if (end.problem.empty())
      end = fetching{self, node, each.node, unfinished, shown, rate}.run();
    shown.clear();
    if (end.problem.empty())
      end = finish(files, unfinished, to, shown, json);
    if (end.problem.empty())
      return exit_status::clean;
    unfinished.discard();
    problems += (problems.empty() ? "node " : "; node ") + each.node.name + ": " + end.problem;
    if (end.is_here)
      break;
  }
  return fail("no backup: " + problems);
}

// -- restore ------------------------------------------------------------------

namespace {

/// Nothing is in any of them yet: a look before anything is begun.
caf::error look_at_directories(disk& files, const std::vector<std::filesystem::path>& all) {
  for (auto& each : all)
    if (std::filesystem::exists(each))
      if (auto failure = check_empty(files, each))
        return failure;
  return caf::none;
}

/// Reads all of it, as the state machine does; one of a user's own, which is not known here, finds out itself what it can make of
/// it.
caf::error check_state(disk& files, const std::filesystem::path& backup, const cluster& config, terminal_progress& shown) {
  auto* machine = built_in().machine(config.state_machine);
  if (!machine) {
    auto whole = check_backup(files, backup, shown);
    return whole ? caf::error{} : whole.error();
  }
  auto& own = config.options_of("replica");
  replicated_state state{machine->make(config.machine_options, random_number()),
                         session_table{own.duration("session-lifetime").count()},
                         0,
                         1,
                         config.members(),
                         static_cast<uint64_t>(own.number("window"))};
  auto done = restore_snapshot(files, backup, {{}, config.state_machine}, state, shown.of("reading " + backup.string()));
  shown.clear();
  return done ? caf::error{} : done.error();
}

caf::error restore_node(disk& files, const std::filesystem::path& directory, const cluster& config, const node_description& node,
                        const std::filesystem::path& from, const snapshot_description& backup, terminal_progress& shown) {
  if (auto failure = files.make_directory(directory))
    return failure;
  directory_lock lock;
  if (auto wrong = lock.take(directory))
    return caf::make_error(caf::sec::invalid_argument, wrong->text);
  return restore_data_directory(built_in(), files, directory, config, node, from, backup, random_number,
                                [&](const std::string& what) { return shown.of(what); });
}

} // namespace

int restore(const cluster& file, const std::string& only, const std::filesystem::path& from,
            const std::filesystem::path& directory, bool json) {
  terminal_progress shown;
  local_disk files;
  auto backup = describe_snapshot(files, from);
  if (!backup)
    return fail(synod::text_of(backup.error()));
  auto config = file;
  config.origin = origin_of(*backup);
  std::vector<const node_description*> nodes;
  std::vector<std::filesystem::path> paths;
  for (auto& node : config.nodes)
    if (only.empty() || node.name == only) {
      nodes.push_back(&node);
      paths.push_back(only.empty() ? directory / node.name : directory);
    }
  if (auto problem = look_at_directories(files, paths))
    return fail(synod::text_of(problem));
  auto problem = check_state(files, from, config, shown);
  if (problem)
    return fail(synod::text_of(problem));
  auto done = nlohmann::json::array();
  for (size_t i = 0; i < nodes.size(); ++i) {
    problem = restore_node(files, paths[i], config, *nodes[i], from, *backup, shown);
    shown.clear();
    if (problem)
      return fail(synod::text_of(problem)
                  + " (what was begun there, and what is in other nodes' directories, is to be removed"
                    " before another try)");
    if (json)
      done.push_back({{"node", nodes[i]->name}, {"directory", paths[i].string()}, {"slot_out", backup->what.slot_out}});
    else
      std::cout << fmt::format("{}: node {} of cluster '{}' begins here with {}", paths[i].string(), nodes[i]->name, config.name,
                               config.origin)
                << std::endl;
  }
  if (json)
    std::cout << done.dump(2) << std::endl;
  return exit_status::clean;
}

int verify_backup(const std::filesystem::path& file, bool json) {
  terminal_progress shown;
  local_disk files;
  auto found = check_backup(files, file, shown);
  return found ? show(file, *found, "is whole", json) : fail(synod::text_of(found.error()));
}

} // namespace synod::ctl
