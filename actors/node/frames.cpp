#include "synod/actors/node/frames.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/detail/dynamic_message_data.hpp>
#include <caf/make_type_erased_value.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <set>
#include <string>

namespace synod {

static_assert(std::endian::native == std::endian::little);

namespace {

enum kind : uint8_t { shown_frame, type_frame, message_frame, ended_frame, alive_frame };

constexpr size_t most_elements = UINT8_MAX;

/// CAF reads most of its own types without a look at how much there is, and some of them into themselves for ever; it marks them
/// with an @. Others are Synod's, or a user's.
bool travels(const std::string& name) {
  static const std::set<std::string> own{"@atom", "@i8", "@i16", "@i32", "@i64", "@u8", "@u16", "@u32", "@u64", "@str"};
  return !name.starts_with('@') || own.contains(name);
}

} // namespace

// -- writing --------------------------------------------------------------------

template <class T>
void frame_writer::number(T x) {
  auto at = bytes_.size();
  bytes_.resize(at + sizeof x);
  std::memcpy(bytes_.data() + at, &x, sizeof x);
}

void frame_writer::text(std::string_view x) {
  number(static_cast<uint32_t>(x.size()));
  bytes_.insert(bytes_.end(), x.begin(), x.end());
}

void frame_writer::error(const caf::error& x) {
  number(x ? x.code() : uint8_t{0}); // No error has none.
  number(x ? static_cast<uint64_t>(x.category()) : uint64_t{0});
  auto context = x ? x.context() : caf::message{};
  auto why = context.size() > 0 && context.match_element<std::string>(0) ? context.get_as<std::string>(0) : std::string{};
  text(std::string_view{why}.substr(0, frames::longest_reason));
}

/// Where it begins.
size_t frame_writer::begin(uint8_t kind) {
  auto at = bytes_.size();
  number(uint32_t{0}); // Its size comes here.
  number(kind);
  return at;
}

void frame_writer::finish(size_t at) {
  auto size = static_cast<uint32_t>(bytes_.size() - at - frames::size_bytes);
  std::memcpy(bytes_.data() + at, &size, sizeof size);
}

void frame_writer::shown(uint64_t handle, uint64_t process) {
  auto at = begin(shown_frame);
  number(handle);
  number(process);
  finish(at);
}

void frame_writer::ended(uint64_t handle, const caf::error& reason) {
  auto at = begin(ended_frame);
  number(handle);
  error(reason);
  finish(at);
}

void frame_writer::alive() {
  finish(begin(alive_frame));
}

/// The other end is told of it first, if it is new; 0xffff: it does not travel, or there are too many.
uint16_t frame_writer::type_number(const caf::type_erased_tuple& content, size_t i) {
  if (content.match_element<frames::handle_list>(i))
    return frames::handles_type;
  if (content.match_element<caf::error>(i))
    return frames::error_type;
  auto type = content.type(i);
  auto found = std::find(known_.begin(), known_.end(), type);
  if (found == known_.end()) {
    auto& name = types_.portable_name(type);
    if (!travels(name) || !types_.make_value(name) || known_.size() == frames::most_types)
      return UINT16_MAX;
    auto at = begin(type_frame);
    text(name);
    finish(at);
    found = known_.insert(known_.end(), type);
  }
  return static_cast<uint16_t>(found - known_.begin() + frames::first_type);
}

caf::error frame_writer::element(const caf::type_erased_tuple& content, size_t i, uint16_t type) {
  number(type);
  if (type == frames::handles_type) {
    auto& all = content.get_as<frames::handle_list>(i);
    number(static_cast<uint32_t>(all.size()));
    for (auto& each : all)
      number(each ? handle_of_(each) : uint64_t{0});
    return {};
  }
  if (type == frames::error_type) {
    error(content.get_as<caf::error>(i));
    return {};
  }
  caf::binary_serializer sink{nullptr, bytes_};
  return content.save(i, sink);
}

caf::error frame_writer::message(uint64_t to, uint64_t from, caf::message_id number_of_it,
                                 const caf::type_erased_tuple& content) {
  if (content.size() > most_elements)
    return caf::make_error(caf::sec::invalid_argument, "a message of too many elements");
  types_of_.clear();
  for (size_t i = 0; i < content.size(); ++i) // What is new is told before the frame begins.
    if (types_of_.emplace_back(type_number(content, i)) == UINT16_MAX)
      return caf::make_error(caf::sec::unknown_type, "a message of a type that does not travel");
  auto at = begin(message_frame);
  number(to);
  number(from);
  number(number_of_it.integer_value());
  number(static_cast<uint8_t>(content.size()));
  caf::error problem;
  for (size_t i = 0; i < content.size() && !problem; ++i)
    problem = element(content, i, types_of_[i]);
  if (!problem && bytes_.size() - at - frames::size_bytes > frames::longest)
    problem = caf::make_error(caf::sec::invalid_argument, "a message that is too long");
  if (problem)
    bytes_.resize(at);
  else
    finish(at);
  return problem;
}

// -- reading --------------------------------------------------------------------

class frame_reader::cursor {
public:
  explicit cursor(std::string_view bytes) : left_{bytes} {}

  template <class T>
  bool take(T& x) {
    if (left_.size() < sizeof x)
      return false;
    std::memcpy(&x, left_.data(), sizeof x);
    left_.remove_prefix(sizeof x);
    return true;
  }
  bool take_text(std::string& x) {
    uint32_t size = 0;
    if (!take(size) || left_.size() < size)
      return false;
    x.assign(left_, 0, size);
    left_.remove_prefix(size);
    return true;
  }
  bool take_error(caf::error& x) {
    uint8_t code = 0;
    uint64_t category = 0;
    std::string text;
    if (!take(code) || !take(category) || !take_text(text))
      return false;
    text.resize(std::min(text.size(), frames::longest_reason));
    if (code == 0 && category == 0)
      x = {};
    else
      x = text.empty() ? caf::error{code, static_cast<caf::atom_value>(category)}
                       : caf::error{code, static_cast<caf::atom_value>(category), caf::make_message(text)};
    return true;
  }
  bool load(caf::type_erased_value& x) {
    caf::binary_deserializer source{nullptr, left_.data(), left_.size()};
    try {
      if (x.load(source))
        return false;
    } catch (const std::exception&) { // Of a user's type.
      return false;
    }
    left_.remove_prefix(left_.size() - source.remaining());
    return true;
  }
  bool ended() const { return left_.empty(); }
  size_t left() const { return left_.size(); }

private:
  std::string_view left_;
};

bool frame_reader::read(std::string_view frame, frame_events& events) {
  cursor from{frame};
  uint8_t kind = 0;
  uint64_t handle = 0, process = 0;
  caf::error reason;
  if (!from.take(kind))
    return false;
  switch (kind) {
    case shown_frame:
      if (!from.take(handle) || !from.take(process) || !from.ended())
        return false;
      events.on_shown(handle, process);
      return true;
    case type_frame:
      return read_type(from);
    case message_frame:
      return read_message(from, events);
    case ended_frame:
      if (!from.take(handle) || !from.take_error(reason) || !from.ended())
        return false;
      events.on_ended(handle, std::move(reason));
      return true;
    case alive_frame:
      return from.ended();
    default:
      return false;
  }
}

bool frame_reader::read_type(cursor& from) {
  std::string name;
  if (known_.size() == frames::most_types || !from.take_text(name) || !from.ended())
    return false;
  known_.push_back(travels(name) ? types_.make_value(name) : nullptr);
  return true;
}

bool frame_reader::read_message(cursor& from, frame_events& events) {
  uint64_t to = 0, sender = 0, number = 0;
  uint8_t count = 0;
  if (!from.take(to) || !from.take(sender) || !from.take(number) || !from.take(count))
    return false;
  caf::message_id id{number};
  caf::detail::dynamic_message_data::elements elements;
  elements.reserve(count);
  while (elements.size() < count) {
    uint16_t type = 0;
    if (!from.take(type) || type >= frames::first_type + known_.size())
      return false;
    if (type >= frames::first_type && !known_[type - frames::first_type]) {
      events.on_unknown(to, sender, id); // How long it is only those know that know it.
      return true;
    }
    elements.push_back(read_element(from, type, events));
    if (!elements.back())
      return false;
  }
  if (!from.ended())
    return false;
  auto data = caf::make_counted<caf::detail::dynamic_message_data>(std::move(elements));
  events.on_message(to, sender, id, caf::message{caf::detail::message_data::cow_ptr{std::move(data)}});
  return true;
}

/// Null: it cannot be read.
caf::type_erased_value_ptr frame_reader::read_element(cursor& from, uint16_t type, frame_events& events) {
  if (type == frames::error_type) {
    caf::error x;
    return from.take_error(x) ? caf::make_type_erased_value<caf::error>(std::move(x)) : nullptr;
  }
  if (type != frames::handles_type) {
    auto x = known_[type - frames::first_type]->copy();
    return from.load(*x) ? std::move(x) : nullptr;
  }
  uint32_t count = 0;
  if (!from.take(count) || from.left() / sizeof(uint64_t) < count)
    return nullptr;
  frames::handle_list all;
  all.reserve(count);
  for (uint64_t handle = 0; all.size() < count;) {
    from.take(handle);
    all.push_back(handle == 0 ? nullptr : events.actor_of(handle));
    if (handle != 0 && !all.back())
      return nullptr;
  }
  return caf::make_type_erased_value<frames::handle_list>(std::move(all));
}

} // namespace synod
