// A snapshot on its way from a replica to a backup.
#pragma once

#include "synod/messages/ballot.hpp"
#include "synod/messages/replica.capnp.h"

#include <string>

namespace synod::ctl {

/// Asks one replica for a snapshot, piece by piece, and says what becomes of each answer. Knows no actors and no clock: whoever
/// uses it sends the questions, writes the bytes, and knows how long to wait.
class download {
public:
  /// `at_least`: an earlier slot_out is of no use.
  download(node_id from, uint64_t at_least) : from_{from}, slot_out_{at_least} {}

  /// What is to be asked now.
  void write(schema::AskSnapshot::Builder question) const;

  enum class outcome {
    taken,   ///< the chunk's bytes come next
    nothing, ///< the replica has nothing to give now: it is about to take a snapshot, or gives others theirs
    useless, ///< not what was asked for, or damaged on its way: the same is to be asked again
    failed,  ///< the snapshot that was begun with is not there any more
  };
  outcome take(schema::SnapshotChunk::Reader chunk);

  bool begun() const { return token_ != 0; }
  bool complete() const { return begun() && offset_ == bytes_; }
  uint64_t bytes_there() const { return offset_; }
  uint64_t bytes() const { return bytes_; }
  /// Of the snapshot; the one that it has to have at least, until it has begun.
  uint64_t slot_out() const { return slot_out_; }

private:
  node_id from_;
  uint64_t slot_out_;
  uint64_t token_ = 0; // of the snapshot that was begun with; 0: of none
  uint64_t offset_ = 0;
  uint64_t bytes_ = 0;
};

} // namespace synod::ctl
