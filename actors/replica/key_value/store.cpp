#include "synod/actors/replica/key_value/store.hpp"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace synod::key_value {

namespace {

constexpr auto gone = uint64_t{1} << 63; // in the versions of absent keys
constexpr size_t overhead_bytes = 96;    // of an entry, its node and its place in a shard

size_t footprint(size_t key, size_t value) {
  return key + value + overhead_bytes;
}

/// What a value of that size may hold: a quarter more, and a little. Assigned to, or growing by itself, a string keeps what it
/// had, or doubles, and that would be counted nowhere.
size_t most_held(size_t size) {
  return size + size / 4 + 64;
}

/// Has the value hold so much, neither more nor less.
void hold(std::string& value, size_t bytes) {
  std::string other;
  other.reserve(bytes);
  other.append(value, 0, bytes);
  value.swap(other);
}

} // namespace

size_t store::hash::operator()(std::string_view key) const {
  return XXH3_64bits(key.data(), key.size());
}

size_t store::shard_of(std::string_view key) {
  return XXH3_64bits(key.data(), key.size()) >> 50; // the upper 14 bits; the map within uses the lower ones
}

void store::advance(int64_t now) {
  now_ = now;
  for (size_t i = 0; i < expiries_per_batch && !deadlines_.empty() && deadlines_.begin()->first <= now_; ++i) {
    auto key = deadlines_.begin()->second;
    auto index = shard_of(key);
    remove(index, shards_[index].find(key));
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
    for (auto& [key, x] : shards_[i]) {
      ++looked_at;
      if (x.expires != 0 && !expired(x)) {
        ++count;
        sum += static_cast<double>(x.expires - now_);
      }
    }
  return count == 0 ? 0 : static_cast<int64_t>(std::min(sum / static_cast<double>(count), 9e18));
}

const entry* store::find(std::string_view key) const {
  auto& where = shards_[shard_of(key)];
  auto found = where.find(key);
  return found == where.end() || expired(found->second) ? nullptr : &found->second;
}

/// Of an absent key: the last removal in its shard, or what one that is over was, whichever is later. So the version changes
/// when a key is over and not again when that is removed; and a key that came and went is not what it was.
uint64_t store::version(std::string_view key) const {
  auto index = shard_of(key);
  auto found = shards_[index].find(key);
  if (found == shards_[index].end())
    return removals_[index];
  auto& x = found->second;
  return expired(x) ? std::max(removals_[index], x.version | gone) : x.version;
}

entry& store::resize(std::string_view key, size_t size) {
  auto index = shard_of(key);
  auto found = shards_[index].find(key);
  before_change(index, found);
  auto& x = found->second;
  x.version = ++version_;
  bytes_ += size;
  bytes_ -= x.value.size();
  if (size > x.value.capacity())
    hold(x.value, size + size / 8); // It may grow again, by a little.
  x.value.resize(size);
  return x;
}

void store::put(std::string_view key, std::string_view value, int64_t expires) {
  restore(key, value, expires, ++version_);
}

void store::restore(std::string_view key, std::string_view value, int64_t expires, uint64_t version) {
  auto index = shard_of(key);
  auto& where = shards_[index];
  auto found = where.find(key);
  if (found == where.end()) {
    found = where.emplace(std::string{key}, entry{}).first;
    ++size_;
    bytes_ += footprint(key.size(), 0);
  } else {
    before_change(index, found);
  }
  auto& x = found->second;
  bytes_ += value.size();
  bytes_ -= x.value.size();
  if (value.size() > x.value.capacity() || x.value.capacity() > most_held(value.size()))
    std::string{value}.swap(x.value);
  else
    x.value.assign(value);
  x.version = version;
  if (x.expires != expires) {
    if (x.expires != 0)
      deadlines_.erase({x.expires, found->first});
    if (expires != 0)
      deadlines_.insert({expires, found->first});
    x.expires = expires;
  }
}

void store::restore_clock(int64_t now, uint64_t version) {
  now_ = now;
  version_ = version;
}

bool store::erase(std::string_view key) {
  auto index = shard_of(key);
  auto found = shards_[index].find(key);
  if (found == shards_[index].end())
    return false;
  auto was_there = !expired(found->second);
  remove(index, found);
  return was_there;
}

void store::set_expiry(std::string_view key, int64_t expires) {
  auto index = shard_of(key);
  auto found = shards_[index].find(key);
  if (found == shards_[index].end())
    return;
  before_change(index, found);
  auto& x = found->second;
  if (x.expires != 0)
    deadlines_.erase({x.expires, found->first});
  if (expires != 0)
    deadlines_.insert({expires, found->first});
  x.expires = expires;
  x.version = ++version_;
}

void store::clear() {
  deadlines_.clear();
  auto version = ++version_;
  for (size_t i = 0; i < shard_count; ++i)
    for (auto& [key, x] : shards_[i]) // An absent key, and one that was over, is what it was.
      removals_[i] = std::max(removals_[i], (expired(x) ? x.version : version) | gone);
  if (watcher_)
    watcher_->before_clear(shards_);
  for (auto& each : shards_)
    each.clear();
  size_ = bytes_ = 0;
}

void store::remove(size_t shard_index, shard::iterator x) {
  before_change(shard_index, x);
  auto version = expired(x->second) ? x->second.version : ++version_;
  removals_[shard_index] = std::max(removals_[shard_index], version | gone);
  if (x->second.expires != 0)
    deadlines_.erase({x->second.expires, x->first});
  --size_;
  bytes_ -= footprint(x->first.size(), x->second.value.size());
  shards_[shard_index].erase(x);
}

} // namespace synod::key_value
