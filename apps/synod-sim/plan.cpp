#include "plan.hpp"

#include "workload.hpp"

#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/command_line.hpp"
#include "synod/actors/role/error_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace synod::simulation {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const std::array<fault_description, fault_count>& fault_descriptions() {
  static const std::array<fault_description, fault_count> all{{
    {"drop", "messages between roles are lost"},
    {"delay", "messages of some links take long for a while"},
    {"duplicate", "messages arrive twice"},
    {"reorder", "messages overtake each other"},
    {"cut", "nothing passes between two nodes for a while, in one or both directions; connections break"},
    {"partition", "nodes fall into groups that do not hear each other, or only by way of one node"},
    {"flap", "a link goes and comes many times in a row"},
    {"kill", "processes are killed and started again"},
    {"power", "hosts lose their power, one or all at once: what was not synced may be lost"},
    {"torn", "what a power cut leaves of unsynced writes is any part of them"},
    {"stall", "a disk takes its time"},
    {"disk-error", "a write or a sync fails"},
    {"lost-disk", "a host loses its disk, and goes on with an empty one: no other takes it any more"},
    {"clock", "one wall clock at a time jumps and drifts"},
    {"slow-node", "a node needs long for everything"},
    {"pause", "processes are stopped, and go on"},
    {"slow-client", "clients and their connections are slow"},
    {"duel", "leaders are impatient: they preempt each other"},
    {"members", "nodes join, leave, and take each other's place"},
    {"full", "a host's disk is full for a while, or nearly so; of one or of all"},
    {"drift", "the clocks that leases rely on are too fast or too slow, up to the bound of the cluster file"},
  }};
  return all;
}

std::optional<std::string> parse_faults(const std::string& text, fault_set& chosen) {
  chosen.reset();
  if (text.starts_with('-'))
    chosen.set();
  std::stringstream words{text + ','};
  for (std::string word; std::getline(words, word, ',');) {
    auto out = word.starts_with('-');
    auto name = out ? word.substr(1) : word;
    if (name == "all" || name == "none") {
      (name == "all") != out ? chosen.set() : chosen.reset();
      continue;
    }
    auto found = std::find_if(fault_descriptions().begin(), fault_descriptions().end(), [&](auto& x) { return name == x.name; });
    if (found == fault_descriptions().end())
      return "unknown fault '" + name + "'";
    chosen.set(static_cast<size_t>(found - fault_descriptions().begin()), !out);
  }
  return std::nullopt;
}

std::string to_string(const fault_set& faults) {
  std::string text;
  for (size_t i = 0; i < fault_count; ++i)
    if (faults.test(i))
      text += std::string{text.empty() ? "" : ","} + fault_descriptions()[i].name;
  return text.empty() ? "none" : text;
}

namespace {

/// Roles together and apart.
std::vector<std::vector<std::string>> draw_layout(random_stream& random, unsigned acceptors) {
  std::vector<std::vector<std::string>> nodes;
  auto kind = random.below(10);
  if (kind < 6) { // Every role on every node, with gateways or without.
    nodes.assign(acceptors, {"replica", "leader", "acceptor"});
    for (auto& each : nodes)
      if (kind > 0)
        each.push_back("gateway");
  } else if (kind < 8) { // Acceptors alone; replicas beside leaders.
    nodes.assign(acceptors, {"acceptor"});
    for (auto i = random.between(2, 3); i > 0; --i)
      nodes.push_back({"replica", "leader"});
    nodes.push_back({"gateway"});
  } else { // Leaders without a replica, replicas without a leader, acceptors with either.
    for (unsigned i = 0; i < acceptors; ++i)
      nodes.push_back(i % 2 == 0 ? std::vector<std::string>{"acceptor", "leader"}
                                 : std::vector<std::string>{"acceptor", "replica"});
    nodes.push_back({"replica", "gateway"});
  }
  return nodes;
}

/// Given in any order, or not at all.
std::vector<uint64_t> draw_ids(random_stream& random, size_t count) {
  std::vector<uint64_t> ids;
  if (random.below(2) == 0)
    return ids;
  for (size_t i = 0; i < count; ++i)
    ids.insert(ids.begin() + static_cast<long>(random.below(ids.size() + 1)), i + 1);
  return ids;
}

/// On one node, or on more.
void place(random_stream random, const std::string& role, std::vector<std::vector<std::string>>& nodes) {
  nodes[random.below(nodes.size())].push_back(role);
  for (auto& each : nodes)
    if (each.back() != role && random.below(3) == 0)
      each.push_back(role);
}

std::string write_cluster(random_stream& random, const plan& x, const std::vector<std::vector<std::string>>& nodes) {
  std::string text = "cluster = \"simulated\"\n";
  auto say = [&](const char* what, auto value, const char* unit = "") {
    auto quote = *unit ? "\"" : "";
    text += fmt::format("{} = {}{}{}{}\n", what, quote, value, unit, quote);
  };
  auto duel = x.has(fault::duel);
  text += "\n[replica]\n";
  auto window = random.of<int>({1, 2, 4, 16, 64, 256});
  say("window", window);
  say("batch-limit", random.of<int>({1, 4, 64, 1024}), "KiB");
  // With fewer in flight clients ask for more than is decided, and what they gave up is performed before what they ask for last.
  constexpr int least_in_flight = 16;
  say("batch-count", std::max(random.of<int>({1, 2, 8, 64, 4096}), least_in_flight / window));
  say("session-lifetime", random.of<int>({20, 3600, 3600, 3600, 3600}), "s");
  random_stream snapshots{x.options.seed, "snapshots"};
  say("snapshot-after", snapshots.of<int>({4, 16, 64, 65536}), "KiB");
  say("snapshot-rate", snapshots.of<int>({64, 1024, 65536}), "KiB");
  say("snapshot-chunk", snapshots.of<int>({1, 4, 256}), "KiB");
  text += "\n[leader]\n";
  say("ping-interval", duel ? 20 : 100, "ms");
  say("smallest-timeout", duel ? random.between(40, 100) : 500, "ms");
  say("largest-timeout", duel ? 1000 : 5000, "ms");
  random_stream leases{x.options.seed, "leases"};
  if (auto lease = leases.of<int>({0, 0, 0, 200, 1000, 5000}); lease > 0) {
    say("lease", lease, "ms");
    say("lease-clock-drift", leases.of<int>({1000, 10'000, 100'000, 300'000}));
  }
  text += "\n[acceptor]\n";
  say("segment-size", 64, "KiB");
  say("disk-reserve", random_stream{x.options.seed, "disk reserve"}.of<int>({0, 64, 256}), "KiB");
  say("cache-size", random.of<int>({0, 4, 64, 65536}), "KiB");
  say("piece-size", random.of<int>({4, 64, 1024}), "KiB");
  text += "\n[gateway]\n";
  say("request-timeout", random.of<int>({1000, 5000}), "ms");
  auto ids = draw_ids(random, nodes.size());
  if (auto* user = x.options.of_user) {
    text += fmt::format("\n[state-machine]\nname = \"{}\"\n", user->machine);
    for (auto& [name, value] : user->options)
      text += fmt::format("{} = {}\n", name, value);
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::string roles;
    for (auto& each : nodes[i])
      roles += (roles.empty() ? "\"" : ", \"") + each + "\"";
    text += fmt::format("\n[[node]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\nroles = [{}]\n", static_cast<char>('a' + i),
                        7001 + i, roles);
    if (!ids.empty())
      text += fmt::format("id = {}\n", ids[i]);
    if (std::find(nodes[i].begin(), nodes[i].end(), "gateway") != nodes[i].end())
      text += fmt::format("resp = \"127.0.0.1:{}\"\n", 6001 + i);
  }
  return text;
}

/// Limits smaller than a cluster file may say.
void make_limits_small(random_stream random, plan& x, std::map<std::string, option_values>& options) {
  auto set = [&](const char* role, const char* name, int64_t bytes) {
    options[role].set(name, bytes);
    x.cluster_file += fmt::format("\n# beyond what a file may say: [{}] {} = {}", role, name, bytes);
  };
  auto largest_request = 1024 + int64_t{9} * x.large_value_bytes; // of a client: three operations of three values, or of a user's
  if (random.below(3) == 0)
    set("replica", "waiting-limit", random.between(largest_request, 4 * largest_request));
  if (random.below(3) == 0) {
    set("gateway", "command-limit", 16384);
    set("gateway", "outstanding-limit", random.between(1024, 16384));
  }
  if (random.below(3) == 0)
    set("gateway", "unread-limit", random.between(4096, 65536));
  auto piece = random.below(3) == 0 ? random.between(256, 4096) : 0;
  if (piece > 0 && x.latency < milliseconds{1}) // Over long ways, learning a slot at a time takes longer than liveness allows.
    set("acceptor", "piece-size", piece);
  if (random.below(3) == 0)
    for (auto role : {"leader", "replica"})
      set(role, "peer-limit", largest_request + random.between(4096, 65536));
}

/// As few as a cluster needs to go on.
std::vector<uint32_t> draw_spared(random_stream random, const cluster& config) {
  std::vector<uint32_t> spared, order;
  for (uint32_t i = 0; i < config.nodes.size(); ++i) {
    spared.push_back(i);
    order.insert(order.begin() + static_cast<long>(random.below(order.size() + 1)), i);
  }
  auto with = [&](const std::vector<uint32_t>& nodes, const char* role) {
    return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [&](auto i) { return config.nodes[i].has(role); }));
  };
  for (auto each : order) {
    auto fewer = spared;
    std::erase(fewer, each);
    if (2 * with(fewer, "acceptor") > config.nodes_with("acceptor").size() && with(fewer, "leader") > 0
        && with(fewer, "replica") > 0)
      spared = fewer;
  }
  return spared;
}

} // namespace

plan draw(const run_options& options, const registry& known) {
  plan x;
  x.options = options;
  random_stream shape{options.seed, "shape"};
  for (size_t i = 0; i < fault_count; ++i)
    // Each by its own stream: leaving one out leaves the others as they are.
    x.faults.set(i, options.faults.test(i)
                      && (!options.draws_faults || random_stream{options.seed, "has fault", i}.chance(450'000)));
  auto drawn_nodes = static_cast<unsigned>(shape.of<int>({3, 3, 3, 5, 7}));
  auto layout = draw_layout(shape, options.nodes.value_or(drawn_nodes));
  if (x.has(fault::members)) {
    random_stream more{options.seed, "joiners"};
    for (auto count = more.between(1, 4); count > 0; --count) {
      x.joiners.push_back(static_cast<uint32_t>(layout.size()));
      layout.push_back({"replica", "leader", "acceptor"});
      if (more.below(2) == 0)
        layout.back().push_back("gateway");
    }
    x.faults.reset(static_cast<size_t>(fault::lost_disk)); // Together more may go than a cluster can do without.
  }
  if (options.of_user)
    for (auto& role : options.of_user->roles)
      place(random_stream{options.seed, "user's role " + role}, role, layout);
  x.cluster_file = write_cluster(shape, x, layout);
  auto config = parse_cluster(x.cluster_file, "simulated cluster", known);
  if (!config) { // The text above is not what a cluster file is, or a user's part of it is not.
    std::fputs((text_of(config.error()) + "\n" + x.cluster_file).c_str(), stderr);
    std::abort();
  }
  random_stream load{options.seed, "load"};
  auto drawn_clients = static_cast<unsigned>(load.between(1, 12));
  x.clients = options.clients.value_or(drawn_clients);
  x.latency = load.below(5) == 0 ? duration{milliseconds{load.between(2, 30)}} : duration{microseconds{load.between(20, 500)}};
  x.jitter = x.latency / load.between(1, 8);
  // Few clients ask often, many ask seldom: together up to some hundred times a second.
  x.think = milliseconds{load.of<int>({50, 100, 200, 400}) + 10 * x.clients};
  x.client_timeout = milliseconds{load.of<int>({300, 1000, 3000})};
  x.groups = static_cast<unsigned>(load.between(1, 5));
  x.pipeline = static_cast<unsigned>(load.of<int>({1, 1, 2, 4}));
  x.reads_percent = static_cast<unsigned>(load.between(10, 70));
  x.large_value_bytes = static_cast<unsigned>(load.of<int>({0, 0, 300, 3000}));
  x.socket_buffer_bytes = random_stream{options.seed, "sockets"}.of<size_t>({64u << 10, 64u << 10, 1024, 100});
  if (options.of_user)
    x.groups = 1; // Any command may touch any key.
  make_limits_small(random_stream{options.seed, "limits"}, x, config->role_options);
  if (random_stream spare{options.seed, "spared"}; spare.below(3) == 0)
    x.spared = draw_spared(spare, *config);
  if (x.has(fault::members))
    x.spared.clear(); // Any node may go.
  if (random_stream width{options.seed, "width"}; width.below(3) == 0)
    x.bytes_per_second = width.of<uint64_t>({1'000'000, 10'000'000});
  auto begun = *config;
  std::erase_if(begun.nodes,
                [&](auto& each) { return x.joins(static_cast<uint32_t>(config->find(each.id) - config->nodes.data())); });
  x.begun = std::make_shared<const cluster>(std::move(begun));
  x.config = std::make_shared<const cluster>(std::move(*config));
  return x;
}

} // namespace synod::simulation
