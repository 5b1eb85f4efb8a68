// What two ends of a link write to each other.
#pragma once

#include "synod/messages/message.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace synod {

/// A link (remote_link.hpp) carries frames: the size of what follows, in 4 bytes, and then what it is, in one. Numbers are
/// little-endian. An actor of the sender's is named by a number that the sender gives it, its handle; 0: none.
///
// clang-format off
/// | frame | then | it says |
/// |---|---|---|
/// | shown | handle, process | first of all, from both ends: the actor that the other end connects with; a number that no other process has |
/// | type | name | has the next number from here on, the first one `first_type` |
/// | message | to (the receiver's handle), from, CAF's number of the message, count of elements (a byte); of each its type's number, and itself | |
/// | ended | handle, error | that actor has ended, and is named no more |
/// | alive | | nothing: something is to come from time to time |
// clang-format on
///
/// Elements are as CAF writes them, but for two: `handles`, a count and so many of them, and an error (code, category, text).
/// Handles inside of other types do not travel; of CAF's own types numbers, texts and atoms do.
namespace frames {

constexpr size_t size_bytes = 4;
/// Without its size. Room for one message of Synod's of any size, and what goes with it.
constexpr size_t longest = message_limit_bytes + (1u << 20);
constexpr uint16_t handles_type = 0, error_type = 1, first_type = 2;
constexpr uint16_t most_types = 1024;
constexpr size_t longest_reason = 4096; // of an error's text; the rest is cut off

using handle_list = std::vector<caf::strong_actor_ptr>;

} // namespace frames

/// Writes frames into a buffer, which its user takes.
class frame_writer {
public:
  /// `handle_of`: that of an actor, which is not null, for the other end.
  frame_writer(const caf::uniform_type_info_map& types, std::function<uint64_t(const caf::strong_actor_ptr&)> handle_of)
    : types_{types}, handle_of_{std::move(handle_of)} {}

  void shown(uint64_t handle, uint64_t process);
  /// An error: it cannot travel, and nothing of it is written.
  caf::error message(uint64_t to, uint64_t from, caf::message_id number, const caf::type_erased_tuple& content);
  void ended(uint64_t handle, const caf::error& reason);
  void alive();

  std::vector<char>& bytes() { return bytes_; }

private:
  uint16_t type_number(const caf::type_erased_tuple& content, size_t i);
  caf::error element(const caf::type_erased_tuple& content, size_t i, uint16_t type);
  size_t begin(uint8_t kind);
  void finish(size_t at);
  void error(const caf::error& x);
  void text(std::string_view x);
  template <class T>
  void number(T x);

  const caf::uniform_type_info_map& types_;
  std::function<uint64_t(const caf::strong_actor_ptr&)> handle_of_;
  std::vector<caf::rtti_pair> known_; // by their numbers, from first_type
  std::vector<uint16_t> types_of_;    // the elements of the message that is being written
  std::vector<char> bytes_;
};

/// What frames say.
class frame_events {
public:
  virtual ~frame_events() = default;
  virtual void on_shown(uint64_t handle, uint64_t process) = 0;
  virtual void on_message(uint64_t to, uint64_t from, caf::message_id number, caf::message content) = 0;
  /// It has a type that this process does not know.
  virtual void on_unknown(uint64_t to, uint64_t from, caf::message_id number) = 0;
  virtual void on_ended(uint64_t handle, caf::error reason) = 0;
  /// The actor behind a handle of the other end's, which is not 0; null: there are too many.
  virtual caf::strong_actor_ptr actor_of(uint64_t handle) = 0;
};

class frame_reader {
public:
  explicit frame_reader(const caf::uniform_type_info_map& types) : types_{types} {}

  /// One frame, without its size. False: that is none, and what follows cannot be read either.
  bool read(std::string_view frame, frame_events& events);

private:
  class cursor;

  bool read_type(cursor& from);
  bool read_message(cursor& from, frame_events& events);
  caf::type_erased_value_ptr read_element(cursor& from, uint16_t type, frame_events& events);

  const caf::uniform_type_info_map& types_;
  std::vector<caf::type_erased_value_ptr> known_; // one of each, to be copied; null: not in this process
};

} // namespace synod
