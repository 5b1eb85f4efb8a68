// What clients ask to be performed, packed into bytes.
#pragma once

#include "synod/messages/client.capnp.h"

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace synod {

/// A command's arguments, the command's name first. Views into the message that it came in.
using arguments = std::span<const std::string_view>;

/// One operation of a request or query. Packed it is a byte for its kind, and behind that
///
/// - a command: its arguments; versions: the keys. Such a list is its number, then each text as its size and its bytes. Numbers
///   and sizes have seven bits in each byte, the lowest first, and the eighth says that more follows;
/// - a transaction: the number of watched keys, each as a text and eight bytes of version, the lowest first; then the number of
///   commands, each a list;
/// - nothing else.
///
/// Bound: `most_texts` in all lists of an operation. (A text is kept as a view of 16 bytes, however small it is.) A transaction's
/// lists count as texts do.
class operation {
public:
  enum class kind : uint8_t {
    command,     ///< for the state machine
    versions,    ///< of keys, for a later transaction; the reply is a list of integers
    transaction, ///< commands, performed as one, if every watched key still has its version
    close,       ///< the session ends
    keep_alive,  ///< the session is still in use
  };
  static constexpr size_t most_texts = size_t{4} << 20;

  struct watched_key {
    std::string_view key;
    uint64_t version; ///< as the state machine's version() told it
  };

  kind what() const { return what_; }
  /// Of a command its arguments, of versions the keys.
  arguments texts() const { return texts_; }
  /// A transaction's.
  std::span<const watched_key> watched() const { return watched_; }
  size_t commands() const { return ends_.size(); }
  arguments command(size_t index) const {
    size_t begin = index == 0 ? 0 : ends_[index - 1];
    return arguments{texts_}.subspan(begin, ends_[index] - begin);
  }

private:
  friend class operation_reader;

  kind what_ = kind::keep_alive;
  std::vector<std::string_view> texts_; // of all its lists
  std::vector<size_t> ends_;            // of each list, in texts_
  std::vector<watched_key> watched_;
};

/// So many operations a request or query may have: an operation of a byte has a reply of 24, and more.
constexpr uint32_t most_operations = 64u << 10;

/// Whether each of them can be read, there are as many as they say, and not more than `most_operations`. What is not sound is not
/// read beyond its bytes, but ends early.
bool is_sound(schema::Operations::Reader operations);

/// Reads operations one after the other. Keeps its storage, so that in the steady state none is allocated.
class operation_reader {
public:
  operation_reader() = default;
  explicit operation_reader(schema::Operations::Reader all) { begin(all); }

  void begin(schema::Operations::Reader all);
  /// Goes on to the next one; false: there is no more.
  bool next() { return next(present_); }
  /// The same, kept by who reads several ahead.
  bool next(operation& into);
  /// The last one that `next` came to; until it is called again, and as long as the message lasts.
  const operation& operator*() const { return present_; }
  const operation* operator->() const { return &present_; }

private:
  std::span<const uint8_t> rest_;
  uint32_t left_ = 0;
  operation present_;
};

/// Packs operations. Texts are whatever converts to `std::string_view`. Throws `std::length_error` for an operation of more texts
/// than one may have; nothing can be packed behind it.
class operation_writer {
public:
  template <class Texts>
  void command(const Texts& words) {
    begin(operation::kind::command);
    list(words);
  }
  void command(std::initializer_list<std::string_view> words) { command<std::initializer_list<std::string_view>>(words); }

  template <class Texts>
  void versions(const Texts& keys) {
    begin(operation::kind::versions);
    list(keys);
  }
  void versions(std::initializer_list<std::string_view> keys) { versions<std::initializer_list<std::string_view>>(keys); }

  /// `watched`: pairs of a key and its version.
  template <class Watched, class Commands>
  void transaction(const Watched& watched, Commands&& commands) {
    begin(operation::kind::transaction);
    count(static_cast<size_t>(std::ranges::distance(watched)));
    for (auto& [key, version] : watched) {
      text(key);
      whole(version);
    }
    count(static_cast<size_t>(std::ranges::distance(commands)));
    for (auto&& each : commands)
      list(each);
  }

  void close() { begin(operation::kind::close); }
  void keep_alive() { begin(operation::kind::keep_alive); }

  uint32_t count() const { return count_; }
  size_t size_bytes() const { return bytes_.size(); }
  void write(schema::Operations::Builder to) const { write(to, {count_, bytes_.size()}); }

  /// So many of them, in so many bytes: who counts both as they are packed can take them out in parts.
  struct extent {
    uint32_t count;
    size_t bytes;
  };
  /// Those behind the first ones that `skipped` tells of.
  void write(schema::Operations::Builder to, extent part, extent skipped = {}) const;
  void drop_front(extent part);
  void clear() { drop_front({count_, bytes_.size()}); }

private:
  void begin(operation::kind what) {
    ++count_;
    room_ = operation::most_texts;
    bytes_ += static_cast<char>(what);
  }
  void number(size_t x) {
    for (; x >= 0x80; x >>= 7)
      bytes_ += static_cast<char>(x | 0x80);
    bytes_ += static_cast<char>(x);
  }
  void count(size_t x) {
    if (x > room_)
      throw std::length_error{"an operation has too many texts"};
    room_ -= x;
    number(x);
  }
  void text(std::string_view x) {
    number(x.size());
    bytes_ += x;
  }
  void whole(uint64_t x) {
    for (int i = 0; i < 8; ++i, x >>= 8)
      bytes_ += static_cast<char>(x);
  }
  template <class Texts>
  void list(const Texts& texts) {
    count(std::size(texts));
    for (auto& each : texts)
      text(each);
  }

  std::string bytes_;
  uint32_t count_ = 0;
  size_t room_ = 0; // for texts, in the last one
};

} // namespace synod
