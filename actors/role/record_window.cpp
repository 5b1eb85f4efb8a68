#include "synod/actors/role/record_window.hpp"

#include <algorithm>
#include <cstring>

namespace synod {

size_t content_bytes(std::span<const std::byte> header) {
  uint32_t words = 0;
  std::memcpy(&words, header.data() + offsetof(record_header, words), sizeof words);
  return size_t{words} * sizeof(uint64_t);
}

caf::expected<std::span<const std::byte>> record_window::from(size_t offset, size_t least) {
  least = std::min(least, file_.size() - std::min(offset, file_.size()));
  if (offset < begin_ || offset + least > begin_ + bytes_) {
    begin_ = offset;
    bytes_ = std::min(std::max(least, usual_bytes), file_.size() - std::min(offset, file_.size()));
    words_.resize(bytes_ / sizeof(uint64_t) + 1);
    if (auto failure = file_.read(begin_, std::as_writable_bytes(std::span{words_}).first(bytes_)))
      return failure;
  }
  return std::as_bytes(std::span{words_}).first(bytes_).subspan(offset - begin_);
}

caf::expected<std::optional<found_record>> record_window::record(size_t offset) {
  auto header = from(offset, record_header_bytes);
  if (!header)
    return header.error();
  if (header->size() < record_header_bytes)
    return std::optional<found_record>{};
  auto size = record_header_bytes + content_bytes(*header);
  if (size > file_.size() - offset || size > record_header_bytes + record_limit_bytes)
    return std::optional<found_record>{};
  auto bytes = from(offset, size);
  if (!bytes)
    return bytes.error();
  return record_in(*bytes, token_);
}

} // namespace synod
