#include "synod/messages/operations.hpp"

namespace synod {

namespace {

using kind = operation::kind;

/// What is left to be read; everything that is taken lies within.
class cursor {
public:
  explicit cursor(std::span<const uint8_t> bytes) : at_{bytes.data()}, end_{bytes.data() + bytes.size()} {}

  std::span<const uint8_t> rest() const { return {at_, end_}; }

  bool take(uint8_t& x) {
    if (at_ == end_)
      return false;
    x = *at_++;
    return true;
  }
  /// A number of at most 28 bits: nothing in a message is larger.
  bool take_number(size_t& x) {
    uint8_t byte = 0x80;
    x = 0;
    for (unsigned shift = 0; (byte & 0x80) != 0; shift += 7) {
      if (shift == 28 || !take(byte))
        return false;
      x |= size_t{byte & 0x7fu} << shift;
    }
    return true;
  }
  bool take_text(std::string_view& x) {
    size_t size = 0;
    if (!take_number(size) || size > static_cast<size_t>(end_ - at_))
      return false;
    x = {reinterpret_cast<const char*>(at_), size};
    at_ += size;
    return true;
  }
  bool take_whole(uint64_t& x) {
    if (end_ - at_ < 8)
      return false;
    x = 0;
    for (int i = 0; i < 8; ++i)
      x |= uint64_t{*at_++} << 8 * i;
    return true;
  }

private:
  const uint8_t* at_;
  const uint8_t* end_;
};

/// Hears what an operation is made of, and keeps nothing.
struct ignoring {
  void on_text(std::string_view) {}
  void on_list() {}
  void on_watched(std::string_view, uint64_t) {}
};

/// So many follow; lists take room as texts do.
bool take_count(cursor& from, size_t& room, size_t& count) {
  if (!from.take_number(count) || count > room)
    return false;
  room -= count;
  return true;
}

template <class Listener>
bool take_list(cursor& from, size_t& room, Listener& told) {
  size_t count = 0;
  if (!take_count(from, room, count))
    return false;
  std::string_view text;
  for (; count > 0; --count) {
    if (!from.take_text(text))
      return false;
    told.on_text(text);
  }
  told.on_list();
  return true;
}

template <class Listener>
bool take_transaction(cursor& from, size_t& room, Listener& told) {
  size_t count = 0;
  if (!take_count(from, room, count))
    return false;
  std::string_view key;
  uint64_t version = 0;
  for (; count > 0; --count) {
    if (!from.take_text(key) || !from.take_whole(version))
      return false;
    told.on_watched(key, version);
  }
  if (!take_count(from, room, count))
    return false;
  for (; count > 0; --count)
    if (!take_list(from, room, told))
      return false;
  return true;
}

template <class Listener>
bool take_operation(cursor& from, kind& what, Listener& told) {
  uint8_t byte = 0;
  if (!from.take(byte))
    return false;
  what = static_cast<kind>(byte);
  auto room = operation::most_texts;
  switch (what) {
    case kind::command:
    case kind::versions:
      return take_list(from, room, told);
    case kind::transaction:
      return take_transaction(from, room, told);
    case kind::close:
    case kind::keep_alive:
      return true;
  }
  return false; // Of a later version: a reader would take it for one of these.
}

} // namespace

bool is_sound(schema::Operations::Reader operations) {
  if (operations.getCount() > most_operations)
    return false;
  cursor from{operations.getPacked()};
  ignoring nobody;
  auto what = kind::close;
  for (auto left = operations.getCount(); left > 0; --left)
    if (!take_operation(from, what, nobody))
      return false;
  return from.rest().empty();
}

void operation_reader::begin(schema::Operations::Reader all) {
  rest_ = all.getPacked();
  left_ = all.getCount();
}

bool operation_reader::next(operation& into) {
  struct keeping {
    operation& into;
    void on_text(std::string_view x) { into.texts_.push_back(x); }
    void on_list() { into.ends_.push_back(into.texts_.size()); }
    void on_watched(std::string_view key, uint64_t version) { into.watched_.push_back({key, version}); }
  };
  into.texts_.clear();
  into.ends_.clear();
  into.watched_.clear();
  cursor from{rest_};
  keeping told{into};
  if (left_ == 0 || !take_operation(from, into.what_, told)) {
    left_ = 0;
    return false;
  }
  --left_;
  rest_ = from.rest();
  return true;
}

void operation_writer::write(schema::Operations::Builder to, extent part, extent skipped) const {
  to.setCount(part.count);
  auto bytes = std::string_view{bytes_}.substr(skipped.bytes, part.bytes);
  to.setPacked({reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()});
}

void operation_writer::drop_front(extent part) {
  count_ -= part.count;
  bytes_.erase(0, part.bytes);
}

} // namespace synod
