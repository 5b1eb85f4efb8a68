// What an acceptor needs of stable storage, and the one that lives in memory.
#pragma once

#include "synod/messages/message.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace synod {

/// Kinds of records in an acceptor's storage.
enum class record_kind : uint32_t {
  segment_start = 1, ///< schema::SegmentStart, written and read by the log itself
  pvalue = 2,        ///< schema::Pvalue, accepted
  promise = 3,       ///< schema::Promise
  closed = 4,        ///< schema::SegmentStart again: everything before it is durable, the log was closed in order
};

/// Stable storage: what was appended survives a crash once `sync` has returned
/// without an error. A failed append or sync is final (paxos.md, stable storage).
class storage {
public:
  /// Where a record is; meaningful to the storage only.
  struct position {
    uint64_t segment = 0;
    uint64_t offset = 0;
  };

  using visitor = std::function<void(record_kind, const block_ptr&, position)>;

  virtual ~storage() = default;

  /// Calls `visit` for each record in order; called once, before anything else.
  virtual caf::error replay(const visitor& visit) = 0;

  virtual caf::expected<position> append(record_kind kind, const block_ptr& content) = 0;

  /// Makes durable all that was appended.
  virtual caf::error sync() = 0;

  /// Reads a record back.
  virtual caf::expected<block_ptr> read(position where) = 0;

  /// Marks an orderly end; nothing is appended after it.
  virtual caf::error close() { return caf::none; }
};

/// Keeps records in memory; `crash` forgets what was not synced. For tests and simulations.
class memory_storage : public storage {
public:
  caf::error replay(const visitor& visit) override;
  caf::expected<position> append(record_kind kind, const block_ptr& content) override;
  caf::error sync() override;
  caf::expected<block_ptr> read(position where) override;

  void crash() { records_.resize(synced_); }
  void fail_next_sync() { sync_fails_ = true; }
  size_t synced() const { return synced_; }
  size_t size() const { return records_.size(); }

private:
  struct record {
    record_kind kind;
    block_ptr content;
  };
  std::vector<record> records_;
  size_t synced_ = 0;
  bool sync_fails_ = false;
};

} // namespace synod
