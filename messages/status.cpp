#include "synod/messages/status.hpp"

namespace synod {

namespace {

template <class Entries>
message<schema::RoleStatus> write_status(const char* role, const Entries& entries) {
  builder<schema::RoleStatus> status{1024};
  status->setRole(role);
  auto list = status->initEntries(static_cast<unsigned>(entries.size()));
  unsigned i = 0;
  for (auto& [name, value] : entries) {
    list[i].setName(name);
    if (auto* number = std::get_if<int64_t>(&value))
      list[i].setNumber(*number);
    else
      list[i].setText(std::get<std::string>(value));
    ++i;
  }
  return status.finish();
}

} // namespace

message<schema::RoleStatus> role_status(const char* role, std::initializer_list<status_entry> entries) {
  return write_status(role, entries);
}

message<schema::RoleStatus> role_status(const char* role, const std::vector<status_entry>& entries) {
  return write_status(role, entries);
}

} // namespace synod
