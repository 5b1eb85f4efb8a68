#include "download.hpp"

#include "synod/actors/replica/snapshot_serving.hpp"

namespace synod::ctl {

void download::write(schema::AskSnapshot::Builder question) const {
  question.setAbove(slot_out_ - 1);
  question.setToken(token_);
  question.setOffset(offset_);
}

download::outcome download::take(schema::SnapshotChunk::Reader chunk) {
  if (chunk.getNode() != from_) // Of one that was asked before.
    return outcome::useless;
  if (chunk.getToken() == 0)
    return begun() ? outcome::failed : outcome::nothing;
  if (begun() && chunk.getToken() != token_)
    return outcome::failed;
  auto bytes = chunk.getBytes();
  auto fits = chunk.getSlotOut() >= slot_out_ && chunk.getOffset() == offset_ && bytes.size() > 0
              && bytes.size() <= chunk.getFileBytes() - offset_;
  if (!fits || chunk.getChecksum() != chunk_checksum(bytes, chunk.getToken(), offset_))
    return outcome::useless;
  token_ = chunk.getToken();
  slot_out_ = chunk.getSlotOut();
  bytes_ = chunk.getFileBytes();
  offset_ += bytes.size();
  return outcome::taken;
}

} // namespace synod::ctl
