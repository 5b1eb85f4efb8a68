#include "synod/actors/gateway/request_buffer.hpp"

namespace synod {

void request_buffer::add_list(kind what, arguments list) {
  operations_.push_back({what, static_cast<uint32_t>(spans_.size()), static_cast<uint32_t>(list.size())});
  for (auto each : list) {
    spans_.emplace_back(bytes_.size(), each.size());
    bytes_ += each;
  }
}

void request_buffer::add(arguments args) {
  add_list(kind::arguments, args);
}

void request_buffer::add_versions(arguments keys) {
  add_list(kind::versions, keys);
}

void request_buffer::add_transaction(std::vector<std::vector<std::string>> commands,
                                     std::vector<std::pair<std::string, uint64_t>> watched) {
  operations_.push_back({kind::transaction, static_cast<uint32_t>(transactions_.size()), 0});
  transactions_.push_back({std::move(commands), std::move(watched)});
}

void request_buffer::add_keep_alive() {
  operations_.push_back({kind::keep_alive});
}

void request_buffer::write(schema::Operation::Builder target, const operation& source) {
  auto write_list = [&](capnp::List<capnp::Data>::Builder list) {
    for (uint32_t i = 0; i < source.count; ++i) {
      auto [offset, size] = spans_[source.first + i];
      list.set(i, as_data(std::string_view{bytes_}.substr(offset, size)));
    }
  };
  switch (source.what) {
    case kind::arguments:
      return write_list(target.initArguments(source.count));
    case kind::versions:
      return write_list(target.initVersions(source.count));
    case kind::keep_alive:
      target.setKeepAlive();
      return;
    case kind::transaction:
      break;
  }
  auto& from = transactions_[source.first];
  auto to = target.initTransaction();
  auto commands = to.initCommands(static_cast<unsigned>(from.commands.size()));
  for (unsigned i = 0; i < commands.size(); ++i) {
    auto list = commands.init(i, static_cast<unsigned>(from.commands[i].size()));
    for (unsigned j = 0; j < list.size(); ++j)
      list.set(j, as_data(from.commands[i][j]));
  }
  auto watched = to.initWatched(static_cast<unsigned>(from.watched.size()));
  for (unsigned i = 0; i < watched.size(); ++i) {
    watched[i].setKey(as_data(from.watched[i].first));
    watched[i].setVersion(from.watched[i].second);
  }
}

size_t request_buffer::expected_bytes() const {
  constexpr size_t operation_bytes = 40, span_bytes = 16;
  return bytes_.size() + span_bytes * spans_.size() + operation_bytes * operations_.size() + 64;
}

void request_buffer::write(capnp::List<schema::Operation>::Builder list) {
  for (unsigned i = 0; i < list.size(); ++i)
    write(list[i], operations_[i]);
  operations_.clear();
  spans_.clear();
  bytes_.clear();
  transactions_.clear();
}

message<schema::Request> request_buffer::take_request(uint64_t session, uint64_t first_cid) {
  builder<schema::Request> built{expected_bytes()};
  auto commands = built->initCommands();
  commands.setSession(session);
  commands.setFirstCid(first_cid);
  write(commands.initOperations(static_cast<unsigned>(operations_.size())));
  return built.finish();
}

message<schema::Query> request_buffer::take_query(uint64_t number) {
  builder<schema::Query> built{expected_bytes()};
  built->setNumber(number);
  write(built->initOperations(static_cast<unsigned>(operations_.size())));
  return built.finish();
}

} // namespace synod
