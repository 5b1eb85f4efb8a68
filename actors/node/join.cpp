#include "synod/actors/node/join.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/connector.hpp"
#include "synod/actors/node/greeting.hpp"
#include "synod/actors/node/system_config.hpp"
#include "synod/actors/role/error_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <iostream>

namespace synod {

namespace {

constexpr std::chrono::seconds answer_limit{5};
constexpr std::chrono::milliseconds pause{500};
constexpr int told_every = 20; // rounds

/// What keeps the node from joining; empty: nothing.
std::string refusal(const cluster& file, const node_description& self, schema::Hello::Reader x) {
  if (x.getVersion() != greeting::protocol_version)
    return fmt::format("protocol version {}, expected {}", x.getVersion(), greeting::protocol_version);
  if (x.getCluster() != file.name.c_str())
    return fmt::format("cluster '{}', expected '{}'", x.getCluster().cStr(), file.name);
  auto now = file;
  now.origin = origin_in(x.getAgreement().cStr()); // Which no file says.
  if (auto differs = disagreement(without_members(agreement_of(now)), without_members(x.getAgreement().cStr())))
    return fmt::format("the cluster files differ: here it is \"{}\", there \"{}\"", differs->first, differs->second);
  auto told = configurations_of(x.getConfigurations());
  if (told.empty())
    return "it knows no configuration";
  if (told.knows(self.id) || told.latest().removed().contains(self.id) || told.latest().find(self.name))
    return fmt::format("the cluster has, or had, a node '{}' or one with id {}: a name and an id are given once", self.name,
                       self.id);
  return {};
}

} // namespace

message<schema::Hello> ask_greeting(caf::scoped_actor& asker, const cluster& file, const endpoint& where, std::string& problem) {
  message<schema::Hello> got;
  caf::strong_actor_ptr node;
  auto failed = [&](const caf::error& why) { problem = text_of(why); };
  auto connector = spawn_connector(asker->system(), key_of(file), {});
  asker->request(connector, answer_limit, caf::connect_atom::value, where.host, where.port)
    .receive([&](const caf::strong_actor_ptr& found) { node = found; }, failed);
  if (node)
    asker->request(caf::actor_cast<node_actor>(node), answer_limit, caf::get_atom::value)
      .receive([&](const message<schema::Hello>& found) { got = found; }, failed);
  else if (problem.empty())
    problem = "nobody is there";
  asker->send_exit(connector, caf::exit_reason::user_shutdown);
  return got;
}

caf::expected<told_members> ask_members(const cluster& file, const std::string& self) {
  auto& own = *file.find(self);
  if (file.nodes.size() < 2)
    return caf::make_error(caf::sec::invalid_argument,
                           "the cluster file names no other node: expected one that is there, to join");
  system_config settings;
  caf::actor_system system{settings};
  caf::scoped_actor asker{system};
  for (int round = 0;; ++round) {
    for (auto& each : file.nodes) {
      if (each.id == own.id)
        continue;
      std::string problem;
      auto greeting = ask_greeting(asker, file, each.address, problem);
      if (greeting && (problem = refusal(file, own, *greeting)).empty())
        return told_members{configurations_of(greeting->getConfigurations()), origin_in(greeting->getAgreement().cStr())};
      if (greeting)
        return caf::make_error(caf::sec::invalid_argument,
                               fmt::format("node {} at {} is not joined: {}", each.name, to_string(each.address), problem));
      if (round % told_every == 0)
        std::cerr << "waits for node " << each.name << " at " << to_string(each.address) << ": " << problem << std::endl;
    }
    asker->receive([] {}, caf::after(pause) >> [] {});
  }
}

} // namespace synod
