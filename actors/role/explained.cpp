#include "synod/actors/role/explained.hpp"

#include "synod/messages/operations.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace synod {

namespace {

/// A client may have put any bytes there.
std::string name_of(arguments command) {
  if (command.empty())
    return "(no name)";
  std::string name;
  for (auto each : command[0].substr(0, longest_name))
    name += each >= 'a' && each <= 'z' ? static_cast<char>(each - 'a' + 'A') : each > ' ' && each < 127 ? each : '?';
  return name;
}

/// Names in the order in which they come.
class counted_names {
public:
  void add(std::string name) {
    auto found = std::find_if(names_.begin(), names_.end(), [&](auto& x) { return x.first == name; });
    if (found != names_.end())
      ++found->second;
    else if (names_.size() < most_names)
      names_.emplace_back(std::move(name), 1);
    else
      ++others_;
  }

  std::string text() const {
    std::string all;
    for (auto& [name, count] : names_)
      all += (all.empty() ? "" : ", ") + name + (count > 1 ? " " + std::to_string(count) : "");
    return others_ == 0 ? all : all + fmt::format(" and {} others", others_);
  }

private:
  std::vector<std::pair<std::string, uint64_t>> names_;
  uint64_t others_ = 0;
};

void add_names(counted_names& to, const operation& x) {
  switch (x.what()) {
    case operation::kind::command:
      return to.add(name_of(x.texts()));
    case operation::kind::transaction:
      to.add("EXEC");
      for (size_t i = 0; i < x.commands(); ++i)
        to.add(name_of(x.command(i)));
      return;
    case operation::kind::close:
      return to.add("close a session");
    case operation::kind::keep_alive:
      return to.add("keep a session alive");
    case operation::kind::versions:
      return to.add("versions of keys");
  }
}

} // namespace

std::string commands_of(schema::Batch::Reader batch) {
  counted_names names;
  operation_reader operations;
  for (auto request : batch.getRequests())
    if (request.isOpen())
      names.add("open a session");
    else if (request.isConfiguration())
      names.add("change the configuration");
    else
      for (operations.begin(request.getCommands().getOperations()); operations.next();)
        add_names(names, *operations);
  return names.text();
}

void add(std::vector<status_entry>& to, const char* name, int64_t value) {
  auto& x = to.emplace_back();
  x.name = name;
  x.value = value;
}

void add(std::vector<status_entry>& to, const char* name, std::string value) {
  auto& x = to.emplace_back();
  x.name = name;
  x.value = std::move(value);
}

void add_value(std::vector<status_entry>& to, const message<schema::Pvalue>& pvalue) {
  auto value = pvalue->getValue();
  add(to, "proposer", int64_t{pvalue->getProposer()});
  add(to, "requests", int64_t{value.getRequests().size()});
  add(to, "bytes", static_cast<int64_t>(pvalue.size_bytes()));
  add(to, "commands", commands_of(value));
}

} // namespace synod
