#include "node_connection.hpp"

#include "asking.hpp"

#include "synod/actors/node/connector.hpp"
#include "synod/actors/role/error_text.hpp"
#include "synod/messages/roles.hpp"

#include <random>

namespace synod::ctl {

node_connection::node_connection(caf::scoped_actor& self, const cluster& file, const endpoint& where)
  : self_{self}, connector_{spawn_connector(self->system(), key_of(file), {})} {
  self_->request(connector_, answer_limit, caf::connect_atom::value, where.host, where.port)
    .receive([&](const caf::strong_actor_ptr& found) { node_ = found; },
             [&](const caf::error& why) { problem_ = synod::text_of(why); });
  if (!node_ && problem_.empty())
    problem_ = "nobody is there";
}

message<schema::ChangeState> node_connection::ask(const message<schema::Change>& what) {
  message<schema::ChangeState> got;
  self_->request(caf::actor_cast<node_actor>(node_), answer_limit, what)
    .receive([&](const message<schema::ChangeState>& state) { got = state; },
             [&](const caf::error& why) { problem_ = synod::text_of(why); });
  return got;
}

message<schema::NodeStatus> node_connection::status() {
  message<schema::NodeStatus> got;
  self_->request(caf::actor_cast<node_actor>(node_), answer_limit, status_atom_v)
    .receive([&](const message<schema::NodeStatus>& status) { got = status; },
             [&](const caf::error& why) { problem_ = synod::text_of(why); });
  return got;
}

uint64_t random_number() {
  static std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

} // namespace synod::ctl
