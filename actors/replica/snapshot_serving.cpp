#include "synod/actors/replica/snapshot_serving.hpp"

#include <xxhash.h>

#include <algorithm>

namespace synod {

uint64_t chunk_checksum(capnp::Data::Reader bytes, log_token token, uint64_t offset) {
  return XXH3_64bits_withSeed(bytes.begin(), bytes.size(), token + offset);
}

/// Null: there are too many.
snapshot_serving::one* snapshot_serving::find(const asker& from, time_point now) {
  std::erase_if(askers_, [&](auto& x) { return x.until <= now && x.reading == 0; });
  auto known = std::find_if(askers_.begin(), askers_.end(), [&](auto& x) { return x.who == from; });
  if (known != askers_.end())
    return &*known;
  if (askers_.size() >= most_askers)
    return nullptr;
  return &askers_.emplace_back(one{from, {}, now, 0, 0, nullptr});
}

bool snapshot_serving::waits(const asker& from) const {
  return std::any_of(askers_.begin(), askers_.end(), [&](auto& x) { return x.who == from && x.reading > 0; });
}

std::optional<disk_work> snapshot_serving::on_ask(const asker& from, schema::AskSnapshot::Reader asked, snapshots& have,
                                                  time_point now) {
  auto* wanted = asked.getToken() != 0 ? have.find(asked.getToken()) : nullptr;
  auto offset = wanted ? asked.getOffset() : 0; // Of another one than it has begun with, from the beginning.
  auto* what = wanted ? wanted : have.latest();
  if (!what || what->slot_out <= asked.getAbove() || offset >= what->bytes)
    return std::nullopt;
  auto* to = find(from, now);
  if (!to || to->reading > 0)
    return std::nullopt;
  to->what = *what;
  to->until = now + patience;
  to->offset = offset;
  to->reading = next_number_++;
  to->bytes = std::make_shared<std::vector<std::byte>>(std::min<uint64_t>(chunk_bytes_, what->bytes - offset));
  have.pin(*what, to->until);
  return disk_work{disk::lane::bulk, to->reading,
                   [&files = files_, path = have.path_of(*what), offset, into = to->bytes]() -> caf::error {
                     auto file = files.open(path);
                     return file ? (*file)->read(offset, *into) : file.error();
                   }};
}

message<schema::SnapshotChunk> snapshot_serving::nothing() const {
  builder<schema::SnapshotChunk> chunk;
  chunk->setNode(here_);
  return chunk.finish();
}

std::optional<snapshot_serving::answer> snapshot_serving::done(uint64_t number, const caf::error& failure) {
  auto found = std::find_if(askers_.begin(), askers_.end(), [&](auto& x) { return x.reading == number; });
  if (found == askers_.end())
    return std::nullopt;
  found->reading = 0;
  auto bytes = std::move(found->bytes);
  if (failure)
    return answer{found->who, nothing()};
  capnp::Data::Reader data{reinterpret_cast<const capnp::byte*>(bytes->data()), bytes->size()};
  builder<schema::SnapshotChunk> chunk{bytes->size() + 128};
  chunk->setNode(here_);
  chunk->setToken(found->what.token);
  chunk->setSlotOut(found->what.slot_out);
  chunk->setFileBytes(found->what.bytes);
  chunk->setOffset(found->offset);
  chunk->setBytes(data);
  chunk->setChecksum(chunk_checksum(data, found->what.token, found->offset));
  return answer{found->who, chunk.finish()};
}

} // namespace synod
