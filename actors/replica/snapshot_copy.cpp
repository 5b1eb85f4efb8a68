#include "synod/actors/replica/snapshot_copy.hpp"

#include "synod/actors/replica/snapshot_serving.hpp"
#include "synod/actors/role/error_text.hpp"

#include <algorithm>
#include <utility>

namespace synod {

void snapshot_copy::next_source() {
  source_.reset();
  ++sources_;
  begin_anew();
}

void snapshot_copy::begin_anew() {
  if (present_.file || present_.state)
    dropped_.push_back(std::exchange(present_, {}));
  what_ = {};
  offset_ = 0;
  asked_ = false;
  attempts_ = 0;
}

void snapshot_copy::add_credit(time_point now) {
  auto passed = std::min<time_point::duration>(now - credited_, most_credit);
  credited_ = now;
  auto most = std::max<int64_t>(1, static_cast<int64_t>(options_.bytes_per_second) * most_credit.count() / 1000);
  auto earned = std::chrono::duration_cast<std::chrono::microseconds>(passed).count()
                * static_cast<int64_t>(options_.bytes_per_second) / 1'000'000;
  credit_bytes_ = std::min(most, credit_bytes_ + earned);
}

std::optional<snapshot_copy::question> snapshot_copy::to_ask(const node_set& reached, std::optional<node_id> leading,
                                                             time_point now) {
  if (!wanted_ || working_ || !after_failure_.due(now) || (what_.token != 0 && offset_ == what_.bytes))
    return std::nullopt;
  add_credit(now);
  if (asked_ && !again_.due(now))
    return std::nullopt;
  if (!asked_ && (credit_bytes_ <= 0 || (what_.token == 0 && !again_.due(now))))
    return std::nullopt;
  // One that is not reached may come back, and what it has given so far is worth something.
  if (source_ && (attempts_ >= most_attempts || (!reached.contains(*source_) && what_.token == 0)))
    next_source();
  if (!source_) {
    std::vector<node_id> order{reached.begin(), reached.end()};
    std::stable_partition(order.begin(), order.end(), [&](auto each) { return each != leading; });
    if (order.empty())
      return std::nullopt;
    source_ = order[sources_ % order.size()];
  }
  ++attempts_;
  if (std::exchange(asked_, true) == false)
    again_.reset();
  again_.tried(now);
  if (!reached.contains(*source_))
    return std::nullopt;
  return question{*source_, slot_out_, what_.token, offset_};
}

std::optional<disk_work> snapshot_copy::on_chunk(schema::SnapshotChunk::Reader chunk) {
  if (!wanted_ || !asked_ || chunk.getNode() != source_ || working_)
    return std::nullopt;
  if (chunk.getToken() == 0) { // Nothing there: the next one is asked after the pause.
    next_source();
    return std::nullopt;
  }
  auto bytes = chunk.getBytes();
  auto fits = chunk.getOffset() + bytes.size() <= chunk.getFileBytes() && bytes.size() > 0
              && bytes.size() <= snapshot_serving::most_chunk_bytes;
  if (!fits || chunk.getChecksum() != chunk_checksum(bytes, chunk.getToken(), chunk.getOffset()))
    return std::nullopt; // It is asked for again.
  if (chunk.getToken() != what_.token) {
    if (chunk.getOffset() != 0 || chunk.getSlotOut() <= slot_out_)
      return std::nullopt;
    begin_anew();
    what_ = {chunk.getSlotOut(), chunk.getToken(), chunk.getFileBytes()};
    present_.file = std::make_shared<unfinished_file>(files_, snapshot_path(options_.directory, what_.slot_out), ".fetched");
  }
  if (chunk.getOffset() != offset_)
    return std::nullopt; // One that came before.
  asked_ = false;
  attempts_ = 0;
  working_ = true;
  writing_bytes_ = bytes.size();
  credit_bytes_ -= static_cast<int64_t>(bytes.size());
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<capnp::byte*>(copy->data()));
  return disk_work{disk::lane::bulk, write_number, [to = present_.file, copy] {
                     std::span<const std::byte> part{*copy};
                     return to->append({&part, 1});
                   }};
}

snapshot_copy::outcome snapshot_copy::done(uint64_t number, const caf::error& failure, time_point now) {
  if (number == discard_number)
    return outcome::goes_on;
  working_ = false;
  offset_ += std::exchange(writing_bytes_, 0);
  if (failure) {
    problem_ = text_of(failure);
    next_source();
    after_failure_.tried(now);
    return outcome::failed;
  }
  if (number == restore_number)
    return outcome::restored;
  return offset_ == what_.bytes ? outcome::complete : outcome::goes_on;
}

disk_work snapshot_copy::restore(replicated_state fresh) {
  present_.state = std::make_shared<replicated_state>(std::move(fresh));
  working_ = true;
  return {disk::lane::bulk, restore_number,
          [&files = files_, whose = options_.whose, what = what_, from = present_.file, into = present_.state]() -> caf::error {
            auto found = restore_snapshot(files, from->temporary_path(), whose, *into);
            auto failure = found ? caf::error{} : found.error();
            if (found && *found != what)
              failure = caf::make_error(caf::sec::invalid_argument,
                                        from->temporary_path().string() + ": is not the snapshot that was asked for");
            return failure ? failure : from->finish();
          }};
}

snapshot_copy::restored snapshot_copy::take() {
  restored x{std::move(*present_.state), what_};
  present_ = {};
  after_failure_.reset();
  wanted_ = false;
  source_.reset();
  sources_ = 0;
  begin_anew();
  return x;
}

void snapshot_copy::give_up() {
  if (working_)
    return;
  wanted_ = false;
  source_.reset();
  begin_anew();
}

std::optional<disk_work> snapshot_copy::discard() {
  if (dropped_.empty())
    return std::nullopt;
  auto these = std::make_shared<std::vector<begun>>(std::exchange(dropped_, {}));
  return disk_work{disk::lane::bulk, discard_number, [these]() -> caf::error {
                     for (auto& each : *these)
                       if (each.file)
                         each.file->discard();
                     these->clear();
                     return caf::none;
                   }};
}

} // namespace synod
