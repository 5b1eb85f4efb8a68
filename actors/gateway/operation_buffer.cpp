#include "synod/actors/gateway/operation_buffer.hpp"

#include "synod/actors/role/upheld.hpp"

#include <utility>

namespace synod {

namespace {

// What a message holds beside the texts: each has a pointer and is filled up to a whole word.
constexpr size_t message_bytes = 64, operation_bytes = 40, list_bytes = 16, span_bytes = 16, watched_bytes = 16;

} // namespace

// -- collecting -----------------------------------------------------------------

void operation_buffer::add_span(std::string_view text) {
  spans_.push_back({text_.size(), text.size()});
  text_ += text;
  bytes_ += span_bytes + text.size();
}

template <class List>
void operation_buffer::add_list(const List& list) {
  list_sizes_.push_back(static_cast<uint32_t>(list.size()));
  for (auto& each : list)
    add_span(each);
}

void operation_buffer::end_operation(kind what, uint32_t lists, uint32_t watched, size_t bytes_before) {
  bytes_ += operation_bytes;
  operations_.push_back({what, lists, watched, bytes_ - bytes_before});
}

void operation_buffer::add(arguments args) {
  auto before = bytes_;
  add_list(args);
  end_operation(kind::arguments, 1, 0, before);
}

void operation_buffer::add_versions(arguments keys) {
  auto before = bytes_;
  add_list(keys);
  end_operation(kind::versions, 1, 0, before);
}

void operation_buffer::add_transaction(const transaction& whole) {
  auto before = bytes_;
  uint32_t lists = 0;
  for (auto& each : whole.commands())
    if (!each.local()) {
      add_list(each.args);
      bytes_ += list_bytes;
      ++lists;
    }
  for (auto& [key, version] : whole.watched()) {
    add_span(key);
    versions_.push_back(version);
    bytes_ += watched_bytes;
  }
  end_operation(kind::transaction, lists, static_cast<uint32_t>(whole.watched().size()), before);
}

void operation_buffer::add_keep_alive() {
  end_operation(kind::keep_alive, 0, 0, bytes_);
}

void operation_buffer::clear() {
  operations_.clear();
  list_sizes_.clear();
  spans_.clear();
  versions_.clear();
  text_.clear();
  bytes_ = taken_ = next_list_ = next_span_ = next_version_ = 0;
}

// -- building messages ------------------------------------------------------------

capnp::Data::Reader operation_buffer::next_span() {
  auto [offset, size] = spans_[next_span_++];
  return as_data(std::string_view{text_}.substr(offset, size));
}

void operation_buffer::write_list(capnp::List<capnp::Data>::Builder target) {
  for (unsigned i = 0; i < target.size(); ++i)
    target.set(i, next_span());
}

void operation_buffer::write_transaction(schema::Operation::Transaction::Builder target, const operation& source) {
  auto commands = target.initCommands(source.lists);
  for (unsigned i = 0; i < source.lists; ++i)
    write_list(commands.init(i, list_sizes_[next_list_++]));
  auto watched = target.initWatched(source.watched);
  for (auto each : watched) {
    each.setKey(next_span());
    each.setVersion(versions_[next_version_++]);
  }
}

void operation_buffer::write(schema::Operation::Builder target, const operation& source) {
  switch (source.what) {
    case kind::arguments:
      return write_list(target.initArguments(list_sizes_[next_list_++]));
    case kind::versions:
      return write_list(target.initVersions(list_sizes_[next_list_++]));
    case kind::transaction:
      return write_transaction(target.initTransaction(), source);
    case kind::keep_alive:
      return target.setKeepAlive();
  }
}

/// So many operations go into the next message; `bytes` is its size, at most.
size_t operation_buffer::count_for_message(size_t& bytes) const {
  bytes = bytes_;
  if (!full())
    return size();
  bytes = 0;
  size_t count = 0;
  while (count < size() && count < full_count && bytes < full_bytes)
    bytes += operations_[taken_ + count++].bytes;
  return count;
}

void operation_buffer::write(capnp::List<schema::Operation>::Builder list) {
  for (auto each : list) {
    auto& source = operations_[taken_++];
    write(each, source);
    took(source);
  }
  if (empty())
    clear();
}

void operation_buffer::took(const operation& x) {
  upheld(bytes_ >= x.bytes, "operation bytes", "{} of {} are taken", x.bytes, bytes_);
  bytes_ -= x.bytes;
}

void operation_buffer::drop() {
  auto& source = operations_[taken_++];
  for (uint32_t i = 0; i < source.lists; ++i)
    next_span_ += list_sizes_[next_list_++];
  next_span_ += source.watched;
  next_version_ += source.watched;
  took(source);
  if (empty())
    clear();
  else
    cut_off();
}

/// Where operations are dropped one by one others come behind them, and it is never empty.
void operation_buffer::cut_off() {
  auto text_begin = next_span_ < spans_.size() ? spans_[next_span_].offset : text_.size();
  if (2 * (text_begin + operation_bytes * taken_) < text_.size() + operation_bytes * operations_.size())
    return;
  auto drop_first = [](auto& all, size_t& count) {
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(std::exchange(count, 0)));
  };
  drop_first(operations_, taken_);
  drop_first(list_sizes_, next_list_);
  drop_first(spans_, next_span_);
  drop_first(versions_, next_version_);
  text_.erase(0, text_begin);
  for (auto& [offset, size] : spans_)
    offset -= text_begin;
}

message<schema::Request> operation_buffer::take_request(uint64_t session, uint64_t first_cid) {
  size_t bytes = 0;
  auto count = count_for_message(bytes);
  builder<schema::Request> built{message_bytes + bytes};
  auto commands = built->initCommands();
  commands.setSession(session);
  commands.setFirstCid(first_cid);
  write(commands.initOperations(static_cast<unsigned>(count)));
  return built.finish();
}

message<schema::Query> operation_buffer::take_query(uint64_t number) {
  size_t bytes = 0;
  auto count = count_for_message(bytes);
  builder<schema::Query> built{message_bytes + bytes};
  built->setNumber(number);
  write(built->initOperations(static_cast<unsigned>(count)));
  return built.finish();
}

} // namespace synod
