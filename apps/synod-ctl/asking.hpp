// What nodes say of themselves.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <optional>
#include <string>
#include <vector>

namespace synod::ctl {

/// What one node says, of itself or of a slot.
struct answer {
  node_description node;
  message<schema::NodeStatus> status; ///< null: it is not reached, and
  std::string problem;                ///< why not
};

/// Asks the members, or that one `only`, all at the same time: for their status, or of a slot. Each step, to connect and to
/// answer, has `answer_limit`. Members are those of the latest configuration that a node of the cluster file tells; other nodes
/// of the file are asked, too, if they are there. In the order of the file, those that it does not name behind.
std::vector<answer> ask_nodes(const cluster& config, const std::string& only, std::optional<uint64_t> slot = {});
constexpr std::chrono::seconds answer_limit{5};

/// True: every node has answered.
bool all_reached(const std::vector<answer>& answers);

/// The entry of that role's of that node; none: it does not tell.
std::optional<int64_t> number_of(const answer& from, const std::string& role, const std::string& entry);
std::optional<std::string> text_of(const answer& from, const std::string& role, const std::string& entry);
/// Null: the node has no such role, or that does not tell.
std::optional<schema::RoleStatus::Reader> role_of(const answer& from, const std::string& role);

} // namespace synod::ctl
