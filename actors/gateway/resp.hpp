// The Redis serialization protocol, versions 2 and 3: bytes to commands, replies to bytes.
#pragma once

#include "synod/messages/client.capnp.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synod::resp {

struct limits {
  size_t command_bytes = 8u << 20; ///< all arguments of one command; a larger one is refused, its bytes are skipped
};

constexpr int64_t most_arguments = INT32_MAX;    ///< announced numbers above it end the connection, as with Redis
constexpr int64_t most_bulk_bytes = 512ll << 20; ///< announced lengths above it end the connection, as with Redis
constexpr size_t line_bytes = 64u << 10;         ///< an inline command or a length line

/// Splits a byte stream into commands: arrays of bulk strings, or inline lines.
/// Holds what it was fed and has not given out, and about as much of what it has; little when nothing is left.
class parser {
public:
  enum class outcome {
    incomplete, ///< more bytes are needed
    command,    ///< `arguments` holds one
    too_large,  ///< a command was above the limit and has been skipped; `error` tells
    broken,     ///< not the protocol; `error` tells, nothing more can be read
  };

  explicit parser(limits bounds) : limits_{bounds} {}

  void feed(std::string_view bytes);

  /// The next command; empty lines and empty arrays are passed over.
  outcome next();

  /// Of the last command; views are valid until the next `feed` or `next`.
  const std::vector<std::string_view>& arguments() const { return arguments_; }
  const std::string& error() const { return error_; }
  const limits& bounds() const { return limits_; }
  size_t buffered_bytes() const { return buffer_.size() - position_; }
  /// For whoever checks bounds: what it has room for.
  size_t held_bytes() const {
    return buffer_.capacity() + spans_.capacity() * sizeof(decltype(spans_)::value_type)
           + arguments_.capacity() * sizeof(decltype(arguments_)::value_type);
  }

private:
  outcome next_inline(std::string_view line);
  void forget_taken();
  outcome read_bulk();
  bool take_line(std::string_view& line);
  outcome take_length(char first, std::optional<int64_t>& number, const char* too_long);
  outcome fail(std::string text);
  bool split_inline(std::string_view line);
  static bool take_quoted(std::string_view line, size_t& i, std::string& word);

  limits limits_;
  std::string buffer_;
  size_t position_ = 0;     // of the first byte not yet taken
  size_t searched_ = 0;     // no line end before here
  int64_t remaining_ = 0;   // arguments of the array under way
  int64_t bulk_bytes_ = -1; // of the argument under way; -1: its length line comes next
  uint64_t skip_bytes_ = 0; // of an argument that is passed over
  bool too_large_ = false;  // the command under way is
  uint64_t command_bytes_ = 0;
  std::vector<std::pair<size_t, size_t>> spans_; // of the arguments so far: offset and size
  std::vector<std::string> unquoted_;
  std::vector<std::string_view> arguments_;
  std::string error_;
  bool broken_ = false;
};

/// Empties a string or a list, and frees what it held: assigned an empty one it may keep that.
template <class T>
void give_back(T& x) {
  x.clear();
  x.shrink_to_fit();
}

/// Appends replies to a buffer in the protocol version of a connection.
///
/// Bound: where one is given the buffer gets one byte more and no further; what it holds then is no reply. Whoever writes much
/// may stop there.
class writer {
public:
  static constexpr size_t no_limit = SIZE_MAX / 2;

  writer(std::string& out, int version, size_t limit_bytes = no_limit)
    : out_{out}, version_{version}, limit_bytes_{limit_bytes} {}

  /// The buffer has more than its limit.
  bool full() const { return out_.size() > limit_bytes_; }

  void nil();
  void no_array();
  void status(std::string_view text);
  void error(std::string_view text);
  void integer(int64_t number);
  void bulk(std::string_view bytes);
  void array(size_t size);
  void map(size_t pairs); ///< an array of twice the size in version 2
  void set(size_t size);
  void verbatim(std::string_view text); ///< a bulk string in version 2
  void boolean(bool value);
  void reply(schema::Reply::Reader source);

  /// Writes to the same bytes in another version.
  writer in_version(int version) const { return {out_, version, limit_bytes_}; }
  int version() const { return version_; }

private:
  void put(std::string_view bytes) { out_ += bytes.substr(0, full() ? 0 : limit_bytes_ + 1 - out_.size()); }
  void header(char type, int64_t number);

  std::string& out_;
  int version_;
  size_t limit_bytes_;
};

} // namespace synod::resp
