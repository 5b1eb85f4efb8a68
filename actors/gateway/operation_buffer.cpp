#include "synod/actors/gateway/operation_buffer.hpp"

#include <span>
#include <string>

namespace synod {

namespace {

constexpr size_t message_bytes = 96; // beside the operations

} // namespace

// -- collecting -----------------------------------------------------------------

template <class Pack>
void operation_buffer::add_packed(Pack pack) {
  auto before = packed_.size_bytes();
  pack();
  sizes_.push_back(packed_.size_bytes() - before);
}

void operation_buffer::add(arguments args) {
  add_packed([&] { packed_.command(args); });
}

void operation_buffer::add_versions(arguments keys) {
  add_packed([&] { packed_.versions(keys); });
}

void operation_buffer::add_transaction(const transaction& whole) {
  std::vector<std::span<const std::string>> commands;
  for (auto& each : whole.commands())
    if (!each.local())
      commands.push_back(each.args);
  add_packed([&] { packed_.transaction(whole.watched(), commands); });
}

void operation_buffer::add_keep_alive() {
  add_packed([&] { packed_.keep_alive(); });
}

void operation_buffer::clear() {
  packed_.clear();
  sizes_.clear();
  taken_ = extent{};
}

// -- taking -----------------------------------------------------------------------

operation_buffer::extent operation_buffer::next_message() const {
  extent part{static_cast<uint32_t>(size()), bytes()};
  if (!full())
    return part;
  for (part = extent{}; part.count < size() && part.count < full_count && part.bytes < full_bytes; ++part.count)
    part.bytes += sizes_[taken_.count + part.count];
  return part;
}

void operation_buffer::took(extent part) {
  taken_.count += part.count;
  taken_.bytes += part.bytes;
  empty() ? clear() : cut_off();
}

/// Where few leave at a time others come behind them, and it is never empty.
void operation_buffer::cut_off() {
  if (2 * taken_.bytes < packed_.size_bytes() && size_t{2} * taken_.count < sizes_.size())
    return;
  packed_.drop_front(taken_);
  sizes_.erase(sizes_.begin(), sizes_.begin() + taken_.count);
  taken_ = extent{};
}

void operation_buffer::drop() {
  took({1, sizes_[taken_.count]});
}

message<schema::Request> operation_buffer::take_request(uint64_t session, uint64_t first_cid) {
  auto part = next_message();
  builder<schema::Request> built{message_bytes + part.bytes};
  auto commands = built->initCommands();
  commands.setSession(session);
  commands.setFirstCid(first_cid);
  packed_.write(commands.initOperations(), part, taken_);
  took(part);
  return built.finish();
}

message<schema::Query> operation_buffer::take_query(uint64_t number) {
  auto part = next_message();
  builder<schema::Query> built{message_bytes + part.bytes};
  built->setNumber(number);
  packed_.write(built->initOperations(), part, taken_);
  took(part);
  return built.finish();
}

} // namespace synod
