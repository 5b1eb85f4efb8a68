// The data of the key-value state machine.
#pragma once

#include "synod/actors/replica/key_value/entry.hpp"

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace synod::key_value {

/// Keys and values with expiry in log time. A key whose deadline has passed is absent,
/// whether or not it was removed yet.
///
/// Keys lie in shards by their hash, the same on every host: a scan that goes on at
/// another replica meets every key that was there throughout.
///
/// `bytes` depends on the keys and values alone, so it is the same at every replica. What an entry holds beyond its size is not
/// counted, and never more than a quarter of that and some bytes.
class store {
public:
  static constexpr size_t shard_count = 16384;
  static constexpr size_t expiries_per_batch = 10000;

  /// Stands for the first entry that may have a hash.
  struct likely {
    size_t hash;
  };
  struct hash {
    using is_transparent = void;
    size_t operator()(likely x) const { return x.hash; }
    size_t operator()(std::string_view key) const;
    size_t operator()(const entry_ptr& x) const { return operator()(x->key()); }
  };
  struct same_key {
    using is_transparent = void;
    bool operator()(const entry_ptr& a, const entry_ptr& b) const { return a->key() == b->key(); }
    bool operator()(const entry_ptr& a, std::string_view b) const { return a->key() == b; }
    bool operator()(const entry_ptr&, likely) const { return true; }
  };
  /// Small tables: one that grows holds up nobody. Their order differs from host to host, and from run to run.
  using shard = absl::flat_hash_set<entry_ptr, hash, same_key>;
  using shards = std::array<shard, shard_count>;

  /// Hears of each entry before it is changed or removed.
  class watcher {
  public:
    virtual void before_change(size_t shard_index, const entry& x) = 0;
    /// All will be removed: it may take them.
    virtual void before_clear(shards& all) = 0;

  protected:
    ~watcher() = default;
  };
  /// Null: nobody any more. It outlives the watch.
  void watch(watcher* who) { watcher_ = who; }

  /// Moves log time on and removes what is due, at most `expiries_per_batch` keys.
  void advance(int64_t now);
  int64_t now() const { return now_; }
  std::optional<int64_t> next_deadline() const;

  /// These keys, `most_foreseen` at most, will be looked up: has what that reads brought near, for all of them at once.
  static constexpr size_t most_foreseen = 16;
  void foresee(std::span<const std::string_view> keys) const;
  const entry* find(std::string_view key) const;
  /// Gives the value of a key that is there a size, which is at least the one that it has, before it is changed in place; what is
  /// new is zero.
  char* grow(std::string_view key, size_t size);

  void put(std::string_view key, std::string_view value, int64_t expires);
  bool erase(std::string_view key);
  void set_expiry(std::string_view key, int64_t expires);
  void clear();

  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }
  size_t expiring() const { return deadlines_.size(); }
  /// The time that keys have left, as far as they expire: the mean of some, milliseconds.
  int64_t mean_time_left() const;

  /// Differs from what it was whenever the key's value may have changed, also where the key is absent again.
  uint64_t version(std::string_view key) const;
  /// By shard, the version of its absent keys.
  const std::array<uint64_t, shard_count>& removals() const { return removals_; }

  bool expired(const entry& x) const { return x.may_expire() && x.expires() <= now_; }
  const shard& at(size_t index) const { return shards_[index]; }
  /// A shard's entries in the order of their keys: the same everywhere. Valid until the store is changed.
  static std::vector<const entry*> sorted(const shard& x);
  uint64_t last_version() const { return version_; }

  /// For restoring: as put, with the version it had.
  void restore(std::string_view key, std::string_view value, int64_t expires, uint64_t version);
  void restore_removal(size_t shard_index, uint64_t version) { removals_[shard_index] = version; }
  void restore_clock(int64_t now, uint64_t version);

private:
  /// Where a key is, or would be.
  struct place {
    size_t shard_index;
    shard::const_iterator found;
  };
  static size_t shard_of(size_t hash) { return hash >> 50; } // the upper 14 bits
  place look_up(std::string_view key) const;
  bool is_there(const place& x) const { return x.found != shards_[x.shard_index].end(); }
  void remove(const place& x);
  void before_change(const place& x) {
    if (watcher_)
      watcher_->before_change(x.shard_index, **x.found);
  }
  entry& fit(const place& x, size_t value_bytes, size_t room, int64_t expires);

  shards shards_;
  std::array<uint64_t, shard_count> removals_{};             // the version of absent keys: none that is there has it
  std::set<std::pair<int64_t, std::string_view>> deadlines_; // views of the keys in the entries
  int64_t now_ = 0;
  uint64_t version_ = 0;
  size_t size_ = 0;
  size_t bytes_ = 0;
  watcher* watcher_ = nullptr;
};

} // namespace synod::key_value
