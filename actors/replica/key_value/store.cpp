#include "synod/actors/replica/key_value/store.hpp"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace synod::key_value {

namespace {

constexpr auto gone = uint64_t{1} << 63; // in the versions of absent keys
constexpr size_t overhead_bytes = 96;    // of an entry and its place in a shard, at most

size_t footprint(size_t key, size_t value) {
  return key + value + overhead_bytes;
}

constexpr size_t line_bytes = 64;
constexpr size_t near_bytes = 2 * line_bytes; // of an entry: what is larger is waited for

/// Has the processor fetch it, whatever it is, while it goes on. (The compiler would drop what leads to an address that nothing
/// else is made of.)
void bring_near(const void* what, size_t bytes) {
  auto* from = static_cast<const char*>(what);
  asm volatile("" : : "r"(from));
  for (size_t i = 0; i < bytes; i += line_bytes)
    __builtin_prefetch(from + i);
}

/// What an entry of that size may hold: a quarter more, which an allocator may give beyond what was asked for, and a little.
size_t most_held(size_t size) {
  return size + size / 4 + 64;
}

} // namespace

size_t store::hash::operator()(std::string_view key) const {
  return XXH3_64bits(key.data(), key.size());
}

store::place store::look_up(std::string_view key) const {
  auto hash = store::hash{}(key);
  auto index = shard_of(hash);
  return {index, shards_[index].find(key, hash)};
}

/// Of each key the table, the place in it and the entry are read, each where the one before says: with all keys at the same step
/// the memory is waited for together.
void store::foresee(std::span<const std::string_view> keys) const {
  std::array<size_t, most_foreseen> hashes;
  keys = keys.first(std::min(keys.size(), hashes.size()));
  for (size_t i = 0; i < keys.size(); ++i) {
    hashes[i] = hash{}(keys[i]);
    bring_near(&shards_[shard_of(hashes[i])], sizeof(shard));
  }
  for (size_t i = 0; i < keys.size(); ++i)
    shards_[shard_of(hashes[i])].prefetch(likely{hashes[i]});
  for (size_t i = 0; i < keys.size(); ++i) {
    auto& its = shards_[shard_of(hashes[i])];
    if (auto found = its.find(likely{hashes[i]}, hashes[i]); found != its.end())
      bring_near(found->get(), near_bytes);
  }
}

std::vector<const entry*> store::sorted(const shard& x) {
  std::vector<const entry*> all;
  all.reserve(x.size());
  for (auto& each : x)
    all.push_back(each.get());
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
  return all;
}

void store::advance(int64_t now) {
  now_ = now;
  for (size_t i = 0; i < expiries_per_batch && !deadlines_.empty() && deadlines_.begin()->first <= now_; ++i) {
    remove(look_up(deadlines_.begin()->second));
  }
}

std::optional<int64_t> store::next_deadline() const {
  if (deadlines_.empty())
    return std::nullopt;
  return deadlines_.begin()->first;
}

int64_t store::mean_time_left() const {
  // By their hashes keys lie in no order: the first ones are as good as any.
  constexpr size_t most_looked_at = 1000;
  size_t looked_at = 0, count = 0;
  double sum = 0;
  for (size_t i = 0; i < shard_count && looked_at < most_looked_at; ++i)
    for (auto* x : sorted(shards_[i])) {
      ++looked_at;
      if (x->expires() != 0 && !expired(*x)) {
        ++count;
        sum += static_cast<double>(x->expires() - now_);
      }
    }
  return count == 0 ? 0 : static_cast<int64_t>(std::min(sum / static_cast<double>(count), 9e18));
}

const entry* store::find(std::string_view key) const {
  auto where = look_up(key);
  return !is_there(where) || expired(**where.found) ? nullptr : where.found->get();
}

/// Of an absent key: the last removal in its shard, or what one that is over was, whichever is later. So the version changes
/// when a key is over and not again when that is removed; and a key that came and went is not what it was.
uint64_t store::version(std::string_view key) const {
  auto where = look_up(key);
  if (!is_there(where))
    return removals_[where.shard_index];
  auto& x = **where.found;
  return expired(x) ? std::max(removals_[where.shard_index], x.version() | gone) : x.version();
}

/// Has an entry fit a value of that size, with what it has of one, and a deadline; where it is made anew, with room for a value
/// of `room` bytes.
entry& store::fit(const place& where, size_t value_bytes, size_t room, int64_t expires) {
  auto& x = const_cast<entry_ptr&>(*where.found); // What it is looked up by stays the same.
  auto size = x->size_with(value_bytes);
  auto moves = size > x->held_bytes() || x->held_bytes() > most_held(size) || x->may_expire() != (expires != 0);
  auto again = moves || x->expires() != expires;
  if (again && x->expires() != 0)
    deadlines_.erase({x->expires(), x->key()});
  if (moves) {
    auto moved = entry::make(x->key(), room, expires != 0);
    auto kept = x->value().substr(0, value_bytes);
    std::copy(kept.begin(), kept.end(), moved->resize(kept.size()));
    moved->version(x->version());
    x = std::move(moved);
  }
  if (again && expires != 0) {
    x->expires(expires);
    deadlines_.insert({expires, x->key()});
  }
  return *x;
}

char* store::grow(std::string_view key, size_t size) {
  auto where = look_up(key);
  before_change(where);
  auto before = (*where.found)->value().size();
  auto& x = fit(where, size, size + size / 8, (*where.found)->expires()); // It may grow again, by a little.
  x.version(++version_);
  bytes_ += size - before;
  auto* value = x.resize(size);
  std::fill(value + before, value + size, '\0');
  return value;
}

void store::put(std::string_view key, std::string_view value, int64_t expires) {
  restore(key, value, expires, ++version_);
}

void store::restore(std::string_view key, std::string_view value, int64_t expires, uint64_t version) {
  auto where = look_up(key);
  if (is_there(where)) {
    before_change(where);
    bytes_ -= (*where.found)->value().size();
  } else {
    where.found = shards_[where.shard_index].insert(entry::make(key, value.size(), expires != 0)).first;
    ++size_;
    bytes_ += footprint(key.size(), 0);
  }
  bytes_ += value.size();
  auto& x = fit(where, value.size(), value.size(), expires);
  std::copy(value.begin(), value.end(), x.resize(value.size()));
  x.version(version);
}

void store::restore_clock(int64_t now, uint64_t version) {
  now_ = now;
  version_ = version;
}

bool store::erase(std::string_view key) {
  auto where = look_up(key);
  if (!is_there(where))
    return false;
  auto was_there = !expired(**where.found);
  remove(where);
  return was_there;
}

void store::set_expiry(std::string_view key, int64_t expires) {
  auto where = look_up(key);
  if (!is_there(where))
    return;
  before_change(where);
  auto bytes = (*where.found)->value().size();
  fit(where, bytes, bytes, expires).version(++version_);
}

void store::clear() {
  deadlines_.clear();
  auto version = ++version_;
  for (size_t i = 0; i < shard_count; ++i)
    for (auto& x : shards_[i]) // An absent key, and one that was over, is what it was.
      removals_[i] = std::max(removals_[i], (expired(*x) ? x->version() : version) | gone);
  if (watcher_)
    watcher_->before_clear(shards_);
  for (auto& each : shards_)
    shard{}.swap(each);
  size_ = bytes_ = 0;
}

void store::remove(const place& where) {
  before_change(where);
  auto& x = **where.found;
  auto version = expired(x) ? x.version() : ++version_;
  auto& removal = removals_[where.shard_index];
  removal = std::max(removal, version | gone);
  if (x.expires() != 0)
    deadlines_.erase({x.expires(), x.key()});
  --size_;
  bytes_ -= footprint(x.key().size(), x.value().size());
  shards_[where.shard_index].erase(where.found);
}

} // namespace synod::key_value
