// A key with its value.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace synod::key_value {

class entry;
struct entry_deleter {
  void operator()(entry* x) const;
};
using entry_ptr = std::unique_ptr<entry, entry_deleter>;

/// Lies with its key and its value in one piece of memory: of what is looked up at random each further piece would cost a wait
/// for memory. 12 bytes stand before them, 8 more where it may expire, 4 more where the key is long.
class entry {
public:
  /// As much is known of versions.
  static constexpr uint64_t most_version = (uint64_t{1} << 48) - 1;

  /// With an empty value and room for one of that size; `may_expire`: with room for a deadline. Throws `std::bad_alloc`.
  static entry_ptr make(std::string_view key, size_t value_room, bool may_expire);
  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;

  std::string_view key() const { return {bytes() + key_offset(), key_size()}; }
  std::string_view value() const { return {bytes() + value_offset(), value_size_}; }
  uint64_t version() const { return version_low_ | uint64_t{rest_ & version_bits} << 32; }
  /// Log time, milliseconds since 1970; 0: never.
  int64_t expires() const;

  bool may_expire() const { return (rest_ & expiry_bit) != 0; }
  /// Bytes that it and its key and a value take.
  size_t size_with(size_t value_bytes) const { return value_offset() + value_bytes; }
  /// Bytes that it has.
  size_t held_bytes() const;

  void version(uint64_t x);
  /// Only where it may expire.
  void expires(int64_t x);
  /// Within what it has. Of a larger value the rest is what happens to be there.
  char* resize(size_t value_bytes) {
    value_size_ = static_cast<uint32_t>(value_bytes);
    return bytes() + value_offset();
  }

private:
  // In `rest_`, above the upper 16 bits of the version: the size of the key, or `long_key`; and whether it may expire.
  static constexpr uint32_t version_bits = 0xffff;
  static constexpr uint32_t key_shift = 16;
  static constexpr uint32_t long_key = 0x7fff;
  static constexpr uint32_t expiry_bit = uint32_t{1} << 31;

  entry(uint32_t rest) : rest_{rest} {}
  ~entry() = default;

  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  char* bytes() { return reinterpret_cast<char*>(this); }
  uint32_t short_key_size() const { return rest_ >> key_shift & long_key; }
  size_t key_size() const;
  size_t expiry_offset() const { return sizeof(entry) + (short_key_size() == long_key ? sizeof(uint32_t) : 0); }
  size_t key_offset() const { return expiry_offset() + (may_expire() ? sizeof(int64_t) : 0); }
  size_t value_offset() const { return key_offset() + key_size(); }

  uint32_t version_low_ = 0;
  uint32_t rest_;
  uint32_t value_size_ = 0;
};

} // namespace synod::key_value
