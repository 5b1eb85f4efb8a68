// What two nodes show each other before they take each other.
#pragma once

#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/role/cluster.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <memory>
#include <string>
#include <vector>

namespace synod {

/// This node's side of greetings (schema::Hello): what it shows, and what it thinks of what others show. It takes a node whose
/// cluster file says the same (agreement.hpp), which has the data directory that it always had (known_nodes.hpp), and which
/// knows others, this node too, as they are known here. Where one of the two knows of later configurations the other learns them,
/// so members are compared only between those that know the same. A node that wants to join, and one that was removed and has not
/// left yet, is taken, too: it counts for nothing.
class greeting {
public:
  static constexpr uint32_t protocol_version = 6;

  /// `config`: as the node knows the cluster now. `token`: of this node's data directory.
  greeting(std::shared_ptr<const cluster> config, node_id self, uint64_t token, std::shared_ptr<const known_nodes> known);

  /// To see the other's.
  message<schema::Hello> asking() const;
  /// Beside the handles of these roles.
  message<schema::Hello> taking(const std::vector<std::string>& roles) const;
  message<schema::Hello> refusing(const std::string& why) const;

  /// The member that sends it; null: it is none.
  const node_description* sender_of(schema::Hello::Reader x) const;
  /// Why its sender is not taken, or does not take this node. Empty: it is taken.
  std::string refusal_of(schema::Hello::Reader x) const;
  /// The data directories of other nodes that it shows, its sender's among them: one for each node of the cluster file at most.
  known_nodes::tokens told_by(schema::Hello::Reader x) const;

private:
  message<schema::Hello> make(const std::vector<std::string>* roles, const std::string& refusal) const;
  std::string refusal_of_members(schema::Hello::Reader x) const;
  std::string refusal_of_directories(schema::Hello::Reader x) const;
  const configuration& latest() const { return members_.latest(); }
  bool was_member(node_id node) const {
    return !latest().find(node) && (members_.knows(node) || latest().removed().contains(node));
  }
  const node_description& self() const { return *config_->find(self_); }

  std::shared_ptr<const cluster> config_;
  node_id self_;
  uint64_t token_;
  std::shared_ptr<const known_nodes> known_;
  std::string agreement_;
  configurations members_;
};

/// Of the latest configuration that the sender knows.
uint64_t configuration_number_of(schema::Hello::Reader x);

} // namespace synod
