#include "synod/actors/role/cluster.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace synod {

std::string to_string(const endpoint& x) {
  auto host = x.host.find(':') == std::string::npos ? x.host : "[" + x.host + "]";
  return host + ":" + std::to_string(x.port);
}

std::optional<endpoint> parse_endpoint(const std::string& text, const char* default_host) {
  auto colon = text.rfind(':');
  if (colon == std::string::npos && !default_host)
    return std::nullopt;
  auto host = colon == std::string::npos ? std::string{default_host} : text.substr(0, colon);
  auto port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos)
    return std::nullopt;
  uint16_t number = 0;
  auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || port.empty() || failure != std::errc{} || end != port.data() + port.size())
    return std::nullopt;
  return endpoint{host, number};
}

bool is_loopback(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
    return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
  in6_addr six{};
  if (::inet_pton(AF_INET6, host.c_str(), &six) == 1)
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == IN_LOOPBACKNET);
  return host == "localhost";
}

bool is_ip_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

bool node_description::has(const std::string& role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

node_id id_of_name(const std::string& name) {
  auto hash = XXH3_64bits(name.data(), name.size());
  return std::max<node_id>(1, static_cast<node_id>(hash ^ (hash >> 32)));
}

node_set cluster::nodes_with(const std::string& role) const {
  node_set found;
  for (auto& each : nodes)
    if (each.has(role))
      found.insert(each.id);
  return found;
}

configurations cluster::members() const {
  if (!decided.empty())
    return decided;
  std::vector<member> all;
  for (auto& each : nodes) {
    all.push_back({each.id, each.name, each.address.host, each.address.port, each.roles, 0});
    std::sort(all.back().roles.begin(), all.back().roles.end());
  }
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.id < b.id; }); // The order in the file means nothing.
  return configurations{configuration{0, std::move(all)}};
}

const node_description* cluster::find(node_id id) const {
  auto found = std::find_if(nodes.begin(), nodes.end(), [&](auto& x) { return x.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

const node_description* cluster::find(const std::string& node) const {
  auto found = std::find_if(nodes.begin(), nodes.end(), [&](auto& x) { return x.name == node; });
  return found == nodes.end() ? nullptr : &*found;
}

} // namespace synod
