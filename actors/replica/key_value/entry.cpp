#include "synod/actors/replica/key_value/entry.hpp"

#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace synod::key_value {

void entry_deleter::operator()(entry* x) const {
  std::free(x);
}

entry_ptr entry::make(std::string_view key, size_t value_room, bool may_expire) {
  auto is_long = key.size() >= long_key;
  auto rest = (is_long ? long_key : static_cast<uint32_t>(key.size())) << key_shift | (may_expire ? expiry_bit : 0);
  auto before = sizeof(entry) + (is_long ? sizeof(uint32_t) : 0) + (may_expire ? sizeof(int64_t) : 0);
  auto* memory = std::malloc(before + key.size() + value_room);
  if (!memory)
    throw std::bad_alloc{};
  entry_ptr made{new (memory) entry{rest}};
  auto long_size = static_cast<uint32_t>(key.size());
  if (is_long)
    std::memcpy(made->bytes() + sizeof(entry), &long_size, sizeof long_size);
  if (may_expire)
    made->expires(0);
  std::memcpy(made->bytes() + before, key.data(), key.size());
  return made;
}

size_t entry::key_size() const {
  if (auto size = short_key_size(); size != long_key)
    return size;
  uint32_t size = 0;
  std::memcpy(&size, bytes() + sizeof(entry), sizeof size);
  return size;
}

int64_t entry::expires() const {
  int64_t x = 0;
  if (may_expire())
    std::memcpy(&x, bytes() + expiry_offset(), sizeof x);
  return x;
}

size_t entry::held_bytes() const {
  return ::malloc_usable_size(const_cast<entry*>(this));
}

void entry::version(uint64_t x) {
  version_low_ = static_cast<uint32_t>(x);
  rest_ = (rest_ & ~version_bits) | static_cast<uint32_t>(x >> 32 & version_bits);
}

void entry::expires(int64_t x) {
  std::memcpy(bytes() + expiry_offset(), &x, sizeof x);
}

} // namespace synod::key_value
