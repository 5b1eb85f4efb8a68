// What an acceptor's answers wait for.
#pragma once

#include "synod/actors/acceptor/accepted.hpp"

#include <caf/actor_control_block.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace synod {

/// Holds back what an acceptor may not tell before it is durable (PMMC section 4.3), and lets it go when that is so. Each
/// answer waits for one record of the log, and nothing waits without need:
/// - a vote waits for the record of what it accepts; votes of one leader and ballot that wait for the same write are one answer;
/// - a refusal waits until the ballot that it names is durable, often it is already;
/// - a piece (of a p1b, of what a replica learns) waits for the last record in it, and for values that are read from disk.
/// What is told is how things were when the question came, so that no answer waits longer because of what came behind it.
///
/// Bounds: one piece for each asker, `most_pieces` in all, of which `most_reads` read values. A question beyond that is not
/// answered; it is asked again. Votes: what leaders may have on the way.
class durable_answers {
public:
  static constexpr size_t most_pieces = 64;
  static constexpr size_t most_reads = 4;

  using asker = caf::strong_actor_ptr;

  /// A P2b to be sent.
  struct vote {
    asker leader;
    ballot under; ///< not the leader's: it refuses
    std::vector<slot_number> slots;
    uint64_t mark = 0; ///< the highest one that came with these
  };

  /// Asked by a leader for a scout, or by a replica. It is the same question when it asks for the same.
  struct question {
    bool learns = false; ///< a Learn, not a P1a
    uint64_t scout = 0;
    slot_number first = 1;
    slot_number end = 0;
    bool with_values = true;

    bool operator==(const question&) const = default;
  };

  /// A P1b or Learned to be sent.
  struct answer {
    asker to;
    question asked;
    ballot promised;
    slot_number decided_below = 1;
    uint64_t mark = 0;
    accepted_pvalues::piece content;
  };

  explicit durable_answers(ballot promised) : durable_ballot_{promised}, ballot_{promised} {}

  // -- promises

  /// The acceptor's ballot goes up, with that record (A1).
  void raise(ballot to, record_number record);
  /// The highest ballot that others may be told of.
  ballot durable_ballot() const { return durable_ballot_; }
  /// The record that the present ballot waits for; 0: it is durable.
  record_number ballot_waits_for() const { return raised_.empty() ? 0 : raised_.back().record; }

  // -- votes

  void accept(const asker& leader, ballot under, slot_number slot, uint64_t mark, record_number record);
  /// The pvalue came before and has that record.
  void accept_again(const asker& leader, ballot under, slot_number slot, uint64_t mark, record_number record);
  /// It asked under a ballot below the present one.
  void refuse(const asker& leader, ballot asked, uint64_t mark);
  /// It may accept, and does not, for want of room. What the leader is told is no vote, and preempts nobody.
  void decline(const asker& leader, uint64_t mark);
  /// What waits from now on does so for a later write.
  void write_begins() { write_begins_at_ = votes_.size(); }

  // -- pieces

  /// The same question waits already.
  bool waits(const asker& from, const question& asked) const;
  /// What is to be read from disk for an answer.
  struct read {
    uint64_t number;
    std::vector<record_position> where;
    std::shared_ptr<std::vector<block_ptr>> into;
  };

  /// Takes an answer that waits for this record, and for values that are not in memory. It takes the place of an earlier one to
  /// the same asker, who has turned to something else. False: there is no room, or a read for that asker is under way; the
  /// answer is dropped. `begins` is set when the caller is to read.
  bool hold(answer x, record_number record, std::optional<read>& begins);
  /// A read is done.
  void values_read(uint64_t number);

  // -- what may go

  struct due {
    std::vector<vote> votes;
    std::vector<answer> answers;
  };

  /// Everything up to this record is durable: what waited for no more than that.
  due release(record_number durable);
  /// Something may go without waiting for a write.
  bool some_due() const { return votes_due_ > 0; }

  size_t pieces() const { return pieces_.size(); }
  size_t reads() const { return reads_.size(); }
  void clear();

private:
  struct raised {
    record_number record;
    ballot to;
  };
  struct waiting_vote {
    record_number record;
    vote what;
  };
  struct waiting_piece {
    record_number record;
    uint64_t read = 0; // its number; 0: all values are there
    answer what;
  };

  struct running_read {
    uint64_t number;
    std::shared_ptr<std::vector<block_ptr>> values;
  };

  vote& vote_for(const asker& leader, ballot under, record_number record);
  static void fill(answer& x, const std::vector<block_ptr>& values);

  ballot durable_ballot_;
  ballot ballot_;
  record_number durable_ = 0;
  std::deque<raised> raised_; // not durable
  std::vector<waiting_vote> votes_;
  size_t write_begins_at_ = 0; // votes from here on wait for a write that has not begun
  size_t votes_due_ = 0;
  std::vector<waiting_piece> pieces_;
  std::vector<running_read> reads_;
  uint64_t next_read_ = 1;
};

} // namespace synod
