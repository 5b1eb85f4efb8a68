// What tests of the acceptor's log share.
#pragma once

#include "harness.hpp"

#include "synod/actors/acceptor/log/log.hpp"

namespace synod::test {

/// Does what the log wants done at the disk, at once, until there is nothing more; the first failure ends it.
inline caf::error settle(write_ahead_log& log) {
  for (;;) {
    auto next = log.next_write();
    if (!next)
      next = log.next_segment();
    if (!next)
      return caf::none;
    if (auto failure = next->run())
      return failure;
    log.done(next->number);
  }
}

/// A pvalue to be told from others by its time.
inline block_ptr numbered(int64_t number) {
  return value_of({1, 0, 1}, static_cast<slot_number>(number), number).content();
}

inline int64_t number_of(const block_ptr& pvalue) {
  return message<schema::Pvalue> {
    pvalue
    } -> getValue().getTime();
}

inline std::vector<int64_t> numbers(int64_t first, int64_t last) {
  std::vector<int64_t> all;
  for (; first <= last; ++first)
    all.push_back(first);
  return all;
}

/// Opens a log and keeps the numbers of the pvalues in it.
struct opened_log {
  opened_log(disk& files, const log_segments::options& options) {
    auto opened = write_ahead_log::open(files, options, [this](record_kind kind, const block_ptr& content, const auto& where) {
      if (kind == record_kind::pvalue) {
        found.push_back(number_of(content));
        positions.push_back(where);
      }
    });
    if (opened)
      log = std::move(*opened);
    else
      failure = opened.error();
  }

  std::unique_ptr<write_ahead_log> log; ///< null: it was refused
  caf::error failure;
  std::vector<int64_t> found;
  std::vector<record_position> positions;
};

} // namespace synod::test
