// Records of a file, one after the other.
#pragma once

#include "synod/actors/role/record.hpp"

#include <optional>
#include <vector>

namespace synod {

/// A file of records, a part of it in memory at a time: at most the largest record.
class record_window {
public:
  /// The file outlives it.
  record_window(const disk::file& file, log_token token) : file_{file}, token_{token} {}

  /// From now on records have this one.
  void set_token(log_token token) { token_ = token; }
  size_t file_bytes() const { return file_.size(); }

  /// The bytes from `offset` on, at least `least` of them where the file has so many; valid until the next call. `offset` is a
  /// multiple of 8. Blocks.
  caf::expected<std::span<const std::byte>> from(size_t offset, size_t least);

  /// The record at `offset`, if it is whole; its content is valid until the next call. Blocks.
  caf::expected<std::optional<found_record>> record(size_t offset);

private:
  static constexpr size_t usual_bytes = 1u << 20;

  const disk::file& file_;
  log_token token_;
  std::vector<uint64_t> words_;
  size_t begin_ = 0;
  size_t bytes_ = 0;
};

/// What a record's header says, whether or not the record is whole.
size_t content_bytes(std::span<const std::byte> header);

} // namespace synod
