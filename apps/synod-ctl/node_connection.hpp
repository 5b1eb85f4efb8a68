// A connection with one node.
#pragma once

#include "synod/actors/node/connector.hpp"
#include "synod/actors/role/cluster.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/node.capnp.h"

#include <caf/all.hpp>

#include <cstdint>
#include <string>

namespace synod::ctl {

/// A connection with a node of the cluster, for as long as it is needed. Blocks, each step for `answer_limit` at most.
class node_connection {
public:
  node_connection(caf::scoped_actor& self, const cluster& file, const endpoint& where);
  ~node_connection() { self_->send_exit(connector_, caf::exit_reason::user_shutdown); }
  node_connection(const node_connection&) = delete;
  node_connection& operator=(const node_connection&) = delete;

  /// Why there is none, or what went wrong last; empty: nothing.
  const std::string& problem() const { return problem_; }
  const caf::strong_actor_ptr& node() const { return node_; }

  /// Null: `problem` says why.
  message<schema::ChangeState> ask(const message<schema::Change>& what);
  message<schema::NodeStatus> status();

private:
  caf::scoped_actor& self_;
  connector_actor connector_;
  caf::strong_actor_ptr node_;
  std::string problem_;
};

/// Names a question, a change, a file: nobody else draws the same.
uint64_t random_number();

} // namespace synod::ctl
