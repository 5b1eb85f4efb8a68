#include "synod/actors/acceptor/log/log.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>
#include <utility>

namespace synod {

caf::expected<std::unique_ptr<write_ahead_log>> write_ahead_log::open(disk& files, log_segments::options opts,
                                                                      const log_recovery::visitor& visit, progress told) {
  auto segments = std::make_shared<log_segments>(std::move(opts));
  auto end = log_recovery{files, *segments, std::move(told)}.run(visit);
  if (!end)
    return end.error();
  return std::unique_ptr<write_ahead_log>{new write_ahead_log{files, std::move(segments), std::move(*end)}};
}

write_ahead_log::write_ahead_log(disk& files, std::shared_ptr<const log_segments> segments, log_end end)
  : files_{files},
    segments_{std::move(segments)},
    cut_{std::move(end.cut)},
    closing_bytes_{segments_->start_bytes()},
    last_{end.segment, end.segment_bytes},
    offset_{end.offset},
    sequence_{end.sequence},
    open_segment_{end.segment},
    written_offset_{end.offset},
    durable_{end.sequence},
    first_segment_{end.first_segment},
    released_before_{end.first_segment},
    first_free_{end.first_segment} {
  tail_->file = std::move(end.file);
}

// -- appending ----------------------------------------------------------------

write_ahead_log::placed write_ahead_log::append(record_kind kind, const block_ptr& content) {
  upheld(content->size_bytes() <= record_limit_bytes, "record limit", "a record of {} bytes", content->size_bytes());
  if (auto bytes = record_bytes(content); offset_ + bytes + closing_bytes_ > last_.bytes)
    enter_next(bytes);
  return place(kind, content);
}

bool write_ahead_log::has_room(record_kind kind, size_t content_bytes, bool full) const {
  if (!full && !lacks_segment_)
    return true;
  auto record = record_header_bytes + content_bytes;
  if (auto needs = segments_->start_bytes() + record + closing_bytes_;
      is_there(last_.number) && prepared_.number == last_.number + 1 && needs <= prepared_.bytes)
    return true;
  auto kept = kind == record_kind::pvalue ? last_.bytes / 2 : kind == record_kind::promise ? last_.bytes / 4 : 0;
  return is_there(last_.number) && offset_ + record + closing_bytes_ + kept <= last_.bytes;
}

/// Goes on in the next segment: one with room for a record of that size.
void write_ahead_log::enter_next(size_t record) {
  last_ = {last_.number + 1, std::max(segments_->segment_bytes(), segments_->start_bytes() + record + closing_bytes_)};
  entered_.push_back(last_);
  offset_ = 0;
  place(record_kind::segment_start, segments_->start_of(last_.number, last_.bytes, carried_));
}

write_ahead_log::placed write_ahead_log::place(record_kind kind, const block_ptr& content) {
  record_position where{last_.number, offset_, record_bytes(content)};
  offset_ += where.bytes;
  waiting_.push_back({++sequence_, kind, content, where});
  return {sequence_, where};
}

// -- at the disk --------------------------------------------------------------

std::optional<write_ahead_log::work> write_ahead_log::next_write() {
  if (writing() || waiting_.empty())
    return std::nullopt;
  auto number = waiting_.front().where.segment;
  auto begins = number != open_segment_;
  if (begins && (prepared_.number != number || prepared_.bytes < entered_.front().bytes))
    return std::nullopt;
  if (begins) {
    entered_.pop_front();
    prepared_ = {};
    open_segment_ = number;
  }
  auto batch = std::make_shared<std::vector<waiting>>();
  auto end = std::find_if(waiting_.begin(), waiting_.end(), [&](auto& x) { return x.where.segment != number; });
  if (end == waiting_.end()) {
    batch->swap(waiting_);
  } else {
    batch->assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  writing_until_ = batch->back().number;
  written_offset_ = batch->back().where.offset + batch->back().where.bytes;
  return work{disk::lane::durable, write_number,
              [&files = files_, segments = segments_, to = tail_, batch, durable = durable_, begins, number]() -> caf::error {
                if (begins && !to->ended) {
                  auto file = segments->open(files, number);
                  if (!file) {
                    to->ended = true; // What follows belongs into that file, the record of an orderly end too.
                    return file.error();
                  }
                  to->file = std::move(*file);
                }
                return write(*to, *batch, durable, segments->token());
              }};
}

/// Writes records where they belong, one behind the other, and syncs.
caf::error write_ahead_log::write(tail& to, const std::vector<waiting>& batch, record_number durable, log_token token) {
  if (to.ended)
    return caf::make_error(caf::sec::runtime_error, "the log has ended, or an earlier write has failed");
  std::vector<record_header> headers;
  std::vector<std::span<const std::byte>> parts;
  headers.reserve(batch.size());
  parts.reserve(2 * batch.size());
  for (auto& each : batch) {
    headers.push_back(header_of(each.number, durable, each.kind, each.content, token));
    parts.push_back(std::as_bytes(std::span{&headers.back(), 1}));
    parts.push_back(std::as_bytes(each.content->words()));
  }
  auto failure = to.file->write(batch.front().where.offset, parts);
  if (!failure)
    failure = to.file->sync();
  to.ended = static_cast<bool>(failure); // What the disk holds now is not known: never tried again, never answered.
  return failure;
}

std::optional<write_ahead_log::work> write_ahead_log::next_segment() {
  auto wanted = entered_.empty() ? segment{last_.number + 1, segments_->segment_bytes()} : entered_.front();
  if (waits_for_room_ || preparing_.number > 0 || (prepared_.number == wanted.number && prepared_.bytes >= wanted.bytes))
    return std::nullopt;
  preparing_ = wanted;
  auto again = first_free_ < released_before_ ? first_free_++ : 0;
  return work{disk::lane::background, segment_number,
              [&files = files_, segments = segments_, wanted, first = std::max(released_before_, releasing_before_), again] {
                return segments->prepare(files, wanted.number, wanted.bytes, first, again);
              }};
}

void write_ahead_log::segment_failed() {
  preparing_ = {};
  lacks_segment_ = waits_for_room_ = true;
}

void write_ahead_log::release_before(std::optional<uint64_t> segment) {
  first_segment_ = std::max(first_segment_, std::min(segment.value_or(open_segment_), open_segment_));
}

std::optional<write_ahead_log::work> write_ahead_log::next_release() {
  auto too_many_free = released_before_ > first_free_ + most_free_;
  if (preparing_.number > 0) // It might not be made: then the extent must not count it.
    return std::nullopt;
  if (releasing_before_ > 0 || (first_segment_ == released_before_ && !too_many_free))
    return std::nullopt;
  releasing_before_ = first_segment_;
  auto delete_from = first_free_;
  first_free_ = std::max(first_free_, releasing_before_ - std::min(most_free_, releasing_before_ - first_free_));
  auto last = std::max(open_segment_, prepared_.number);
  return work{disk::lane::background, release_number,
              [&files = files_, segments = segments_, extent = log_segments::extent{releasing_before_, last}, delete_from,
               delete_end = first_free_] { return segments->release(files, extent, delete_from, delete_end); }};
}

void write_ahead_log::done(uint64_t number) {
  if (number == write_number) {
    upheld(writing_until_ > durable_, "log", "a write up to record {} is done, and {} is durable", writing_until_, durable_);
    durable_ = std::exchange(writing_until_, 0);
  } else if (number == segment_number) {
    prepared_ = std::exchange(preparing_, {});
    lacks_segment_ = false;
  } else if (number == release_number) {
    released_before_ = std::exchange(releasing_before_, 0);
  }
}

write_ahead_log::work write_ahead_log::read(uint64_t number, std::vector<record_position> where,
                                            std::shared_ptr<std::vector<block_ptr>> into) const {
  return {disk::lane::background, number,
          [&files = files_, segments = segments_, where = std::move(where), into = std::move(into)]() -> caf::error {
            auto found = segments->read(files, where);
            if (!found)
              return found.error();
            *into = std::move(*found);
            return caf::none;
          }};
}

write_ahead_log::work write_ahead_log::close() {
  waiting_.clear();
  auto before = std::max(durable_, writing_until_);
  auto content = segments_->start_of(open_segment_, 0, carried_);
  auto batch = std::make_shared<std::vector<waiting>>();
  batch->push_back({before + 1, record_kind::closed, content, {open_segment_, written_offset_, record_bytes(content)}});
  return {disk::lane::durable, write_number, [to = tail_, batch, before, token = segments_->token()] {
            auto failure = write(*to, *batch, before, token);
            to->ended = true;
            return failure;
          }};
}

} // namespace synod
