// What a gateway tells of itself and its clients, and what of it may change while it runs.
#include "synod/actors/gateway/gateway.hpp"

#include "synod/actors/role/redis_text.hpp"

namespace synod {

std::string gateway::info(arguments sections) const {
  std::string text;
  auto begin = [&](std::string_view name, std::string_view title) {
    auto wanted = redis::wants_section(sections, name);
    if (wanted)
      text.append(text.empty() ? "" : "\r\n").append("# ").append(title).append("\r\n");
    return wanted;
  };
  auto line = [&](std::string_view name, const std::string& value) {
    text.append(name).append(":").append(value).append("\r\n");
  };
  if (begin("server", "Server")) {
    auto uptime = std::chrono::duration_cast<std::chrono::seconds>(clock().now() - started_);
    line("redis_version", "7.0.15");
    line("synod_version", SYNOD_VERSION);
    line("redis_mode", "standalone");
    line("synod_node", options_.node_name);
    line("tcp_port", std::to_string(sockets_->port()));
    line("uptime_in_seconds", std::to_string(uptime.count()));
  }
  if (begin("clients", "Clients")) {
    line("connected_clients", std::to_string(clients_.size()));
    line("maxclients", std::to_string(options_.most_clients));
    line("unread_reply_bytes", std::to_string(unread_bytes_));
    line("blocked_clients", "0"); // No command blocks.
  }
  if (begin("persistence", "Persistence"))
    line("loading", "0");
  if (begin("stats", "Stats")) {
    auto now = counted();
    line("total_connections_received", std::to_string(now.connections - forgotten_.connections));
    line("rejected_connections", std::to_string(now.rejected - forgotten_.rejected));
    line("total_commands_processed", std::to_string(now.taken - forgotten_.taken));
    line("commands_timed_out", std::to_string(now.timed_out - forgotten_.timed_out));
  }
  if (begin("replication", "Replication")) {
    line("role", "master");
    line("connected_slaves", "0");
  }
  return text;
}

void gateway::reset_statistics() {
  forgotten_ = counted();
}

void gateway::change_setting(const setting& which, int64_t value) {
  if (which.name == "maxclients")
    options_.most_clients = static_cast<size_t>(value);
  else if (which.name == "timeout")
    options_.idle_timeout = std::chrono::seconds{value};
  for (auto& each : options_.settings)
    if (&each == &which)
      each.value = std::to_string(value);
}

std::vector<client_view> gateway::clients() const {
  std::vector<client_view> all;
  for (auto& [id, x] : clients_)
    if (!x.ended) {
      all.push_back(x.state.view());
      all.back().unsent_bytes += sockets_->unsent_bytes(id);
    }
  return all;
}

void gateway::end_client(uint64_t id) {
  auto found = clients_.find(id);
  if (found == clients_.end())
    return;
  found->second.ended = true; // At the end of the turn: it may be on the way to here.
  touch(found->second, id);
}

message<schema::RoleStatus> gateway::status() const {
  auto number = [](uint64_t x) { return static_cast<int64_t>(x); };
  return role_status("gateway", {{"port", number(sockets_->port())},
                                 {"clients", number(clients_.size())},
                                 {"commands", number(session_.taken())},
                                 {"commands timed out", number(session_.timed_out())},
                                 {"commands waiting", number(session_.waiting())},
                                 {"bytes at the replica", number(session_.bytes_at_replica())},
                                 {"bytes of replies unread", number(unread_bytes_)},
                                 {"session", number(session_.session())}});
}

} // namespace synod
