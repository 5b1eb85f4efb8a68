// Snapshots of the key-value state machine.
#include "synod/actors/replica/key_value/machine.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace synod::key_value {

// The format, version 1. Numbers have eight bytes, the lowest first. The first piece begins with
//   "synkv" 0 0 1            the format and its version
//   log time, last version
//   number of shards that keys were removed from; of each: its index, and the version of the last removal.
// Then, in every piece, whole entries: key size, key, value size, value, expiry (log time; 0: never), version. In any order.

namespace {

constexpr std::string_view format{"synkv\0\0\1", 8};

template <class T>
void put_number(std::string& to, T number) {
  auto bits = static_cast<uint64_t>(number);
  char bytes[sizeof bits];
  for (size_t i = 0; i < sizeof bits; ++i)
    bytes[i] = static_cast<char>(bits >> (8 * i) & 0xff);
  to.append(bytes, sizeof bytes);
}

template <class T>
bool take_number(std::string_view& from, T& number) {
  if (from.size() < sizeof(uint64_t))
    return false;
  uint64_t bits = 0;
  for (size_t i = sizeof bits; i-- > 0;)
    bits = bits << 8 | static_cast<unsigned char>(from[i]);
  number = static_cast<T>(bits);
  from.remove_prefix(sizeof bits);
  return true;
}

bool take_bytes(std::string_view& from, std::string_view& bytes) {
  uint64_t size = 0;
  if (!take_number(from, size) || from.size() < size)
    return false;
  bytes = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

void put_entry(std::string& to, const entry& x) {
  put_number(to, x.key().size());
  to += x.key();
  put_number(to, x.value().size());
  to += x.value();
  put_number(to, x.expires());
  put_number(to, x.version());
}

std::string head_of(const store& data) {
  std::string head{format};
  put_number(head, data.now());
  put_number(head, data.last_version());
  auto& removals = data.removals();
  put_number(head, std::count_if(removals.begin(), removals.end(), [](auto x) { return x != 0; }));
  for (uint64_t i = 0; i < removals.size(); ++i)
    if (removals[i] != 0) {
      put_number(head, i);
      put_number(head, removals[i]);
    }
  return head;
}

/// The store at the moment when this was made, told shard by shard. Each entry has its version, and whatever changes it gives it
/// a higher one: so an entry is as it was at that moment while its version is not above the last one of then. One of a shard
/// that was not told yet is kept, as it is written, before it changes.
///
/// What is held grows with the keys that are changed meanwhile, by their size once each; with FLUSHALL by all that was not told.
class store_at_a_moment final : public snapshot_source, private store::watcher {
public:
  explicit store_at_a_moment(store& of) : store_{of}, last_version_{of.last_version()}, head_{head_of(of)} { store_.watch(this); }
  ~store_at_a_moment() override { store_.watch(nullptr); }

  std::string_view next() override {
    piece_ = std::exchange(head_, {});
    for (; told_ < store::shard_count && piece_.size() < snapshot_piece_bytes; ++told_) {
      tell(cleared_.empty() ? store_.at(told_) : cleared_[told_]);
      if (!cleared_.empty())
        store::shard{}.swap(cleared_[told_]);
    }
    for (; !kept_.empty() && piece_.size() < snapshot_piece_bytes; kept_.pop_front()) {
      piece_ += kept_.front();
      kept_bytes_ -= kept_.front().size();
    }
    return piece_;
  }

  size_t held_bytes() const override { return kept_bytes_ + cleared_shard_bytes_ * (store::shard_count - told_); }

private:
  bool is_of_then(const entry& x) const { return x.version() <= last_version_; }

  void tell(const store::shard& all) {
    for (auto* each : store::sorted(all))
      if (is_of_then(*each))
        put_entry(piece_, *each);
  }

  void before_change(size_t shard_index, const entry& x) override {
    if (shard_index < told_ || !cleared_.empty() || !is_of_then(x))
      return;
    if (kept_.empty() || kept_.back().size() >= kept_piece_bytes)
      kept_.emplace_back().reserve(kept_piece_bytes);
    auto before = kept_.back().size();
    put_entry(kept_.back(), x);
    kept_bytes_ += kept_.back().size() - before;
  }

  void before_clear(store::shards& all) override {
    if (!cleared_.empty())
      return;
    cleared_.resize(store::shard_count);
    cleared_shard_bytes_ = store_.bytes() / store::shard_count;
    for (auto i = told_; i < store::shard_count; ++i)
      cleared_[i].swap(all[i]);
  }

  static constexpr size_t kept_piece_bytes = 64u << 10;

  store& store_;
  uint64_t last_version_;
  std::string head_;
  size_t told_ = 0;                   // shards
  std::deque<std::string> kept_;      // entries as they were
  size_t kept_bytes_ = 0;             // of these
  size_t cleared_shard_bytes_ = 0;    // as a rule
  std::vector<store::shard> cleared_; // all that was there when the store was cleared; empty: it was not
  std::string piece_;
};

} // namespace

/// By shards, which are the same everywhere, and by keys within them.
void machine::snapshot(const std::function<void(std::string_view)>& write) const {
  auto piece = head_of(data_);
  for (size_t i = 0; i < store::shard_count; ++i) {
    for (auto* each : store::sorted(data_.at(i))) {
      put_entry(piece, *each);
      if (piece.size() >= snapshot_piece_bytes) {
        write(piece);
        piece.clear();
      }
    }
  }
  write(piece);
}

std::unique_ptr<snapshot_source> machine::begin_snapshot() {
  return std::make_unique<store_at_a_moment>(data_);
}

bool machine::restore_head(std::string_view& rest) {
  int64_t now = 0;
  uint64_t version = 0, removals = 0, index = 0, removal = 0;
  if (!rest.starts_with(format))
    return false;
  rest.remove_prefix(format.size());
  if (!take_number(rest, now) || !take_number(rest, version) || !take_number(rest, removals))
    return false;
  data_.restore_clock(now, version);
  for (size_t i = 0; i < store::shard_count; ++i)
    data_.restore_removal(i, 0);
  for (; removals > 0; --removals) {
    if (!take_number(rest, index) || !take_number(rest, removal) || index >= store::shard_count)
      return false;
    data_.restore_removal(index, removal);
  }
  return true;
}

std::optional<std::string> machine::restore(const std::function<std::string()>& read) {
  data_.clear();
  if (auto problem = restore_pieces(read)) {
    data_.clear(); // Never half a state.
    return problem;
  }
  return std::nullopt;
}

std::optional<std::string> machine::restore_pieces(const std::function<std::string()>& read) {
  bool first = true;
  for (auto piece = read(); !piece.empty(); piece = read()) {
    std::string_view rest{piece};
    if (std::exchange(first, false) && !restore_head(rest))
      return "this is no snapshot of the key-value state machine in format 1, or its beginning is damaged";
    while (!rest.empty()) {
      std::string_view key, value;
      int64_t expires = 0;
      uint64_t entry_version = 0;
      if (!take_bytes(rest, key) || !take_bytes(rest, value) || !take_number(rest, expires) || !take_number(rest, entry_version))
        return "an entry of the snapshot is cut short";
      if (entry_version > entry::most_version)
        return "an entry of the snapshot has a version that there cannot be";
      data_.restore(key, value, expires, entry_version);
    }
  }
  return first ? std::optional<std::string>{"the snapshot is empty"} : std::nullopt;
}

} // namespace synod::key_value
