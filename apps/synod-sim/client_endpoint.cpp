#include "client_endpoint.hpp"

namespace synod::simulation {

void client_endpoint::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  auto from = what->sender;
  auto number = what->mid.request_id().integer_value();
  auto content = what->move_content_to_message();
  take_(number, content);
  if (content.match_elements<message<schema::Responses>>())
    return_mark(from, content.get_as<message<schema::Responses>>(0)->getMark());
  else if (content.match_elements<message<schema::Answers>>())
    return_mark(from, content.get_as<message<schema::Answers>>(0)->getMark());
}

void client_endpoint::return_mark(const caf::strong_actor_ptr& to, uint64_t mark) {
  if (!to || mark == 0)
    return;
  builder<schema::Received> received;
  received->setMark(mark);
  send_as_client(caf::actor_cast<caf::actor>(this), to, received.finish());
}

caf::actor make_client_endpoint(timeline& in, client_endpoint::handler take) {
  caf::actor_config config;
  auto& system = in.system();
  return caf::make_actor<client_endpoint, caf::actor>(system.next_actor_id(), system.node(), &system, config, std::move(take));
}

} // namespace synod::simulation
