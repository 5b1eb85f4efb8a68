#include "synod/actors/gateway/operation_buffer.hpp"

#include <span>
#include <string>

namespace synod {

namespace {

constexpr size_t message_bytes = 96; // beside the operations

} // namespace

// -- collecting -----------------------------------------------------------------

void operation_buffer::note_size() {
  sizes_.push_back(packed_.size_bytes() - packed_end_);
  packed_end_ = packed_.size_bytes();
}

void operation_buffer::add(arguments args) {
  packed_.command(args);
  note_size();
}

void operation_buffer::add_versions(arguments keys) {
  packed_.versions(keys);
  note_size();
}

void operation_buffer::add_transaction(const transaction& whole) {
  std::vector<std::span<const std::string>> commands;
  for (auto& each : whole.commands())
    if (!each.local())
      commands.push_back(each.args);
  packed_.transaction(whole.watched(), commands);
  note_size();
}

void operation_buffer::add_keep_alive() {
  packed_.keep_alive();
  note_size();
}

void operation_buffer::clear() {
  packed_.clear();
  sizes_.clear();
  taken_ = extent{};
  packed_end_ = 0;
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
  packed_end_ -= taken_.bytes;
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
