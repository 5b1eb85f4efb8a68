// Ballots, slots and node ids as values.
#pragma once

#include "synod/messages/paxos.capnp.h"

#include <compare>
#include <cstdint>
#include <string>

namespace synod {

/// Names a node in messages and in ballots: given once in the cluster file, or derived from the node's name, never its place
/// in a list.
using node_id = uint32_t;

/// Index, from 1, of one position in the sequence of batches.
using slot_number = uint64_t;

/// <round, leader id>, ordered lexicographically; a default one is the bottom, below every other.
struct ballot {
  uint64_t round = 0;
  node_id leader = 0;       ///< the leader's node
  uint32_t incarnation = 0; ///< from 1; which start of that leader

  auto operator<=>(const ballot&) const = default;
};

/// Higher than any round that leaders come to: a message that bears one is not heard, since no round would be left above it.
constexpr uint64_t most_round = uint64_t{1} << 62;

inline ballot ballot_of(schema::Ballot::Reader source) {
  return {source.getRound(), source.getLeader(), source.getIncarnation()};
}

inline void write(ballot source, schema::Ballot::Builder target) {
  target.setRound(source.round);
  target.setLeader(source.leader);
  target.setIncarnation(source.incarnation);
}

inline std::string to_string(ballot x) {
  return "<" + std::to_string(x.round) + "," + std::to_string(x.leader) + "." + std::to_string(x.incarnation) + ">";
}

} // namespace synod
