#include "synod/actors/acceptor/log/recovery.hpp"

#include "synod/actors/role/record_window.hpp"

#include <algorithm>
#include <cstring>

namespace synod {

namespace {

std::string at(size_t offset) {
  return "offset " + std::to_string(offset) + ": ";
}

/// What a header can be, if it is one: looked at before its content is read and summed up, for any word of a value may look like
/// one.
enum class looks_like { nothing, unfinished, later };

looks_like look_at(std::span<const std::byte> bytes, record_number missing) {
  if (bytes.size() < record_header_bytes)
    return looks_like::nothing;
  record_header x;
  std::memcpy(&x, bytes.data(), sizeof x);
  // What is left of an earlier use of the segment has lower numbers.
  if (x.sequence < missing || x.durable >= x.sequence || !schema_of(x.kind))
    return looks_like::nothing;
  if (x.durable < missing)
    return looks_like::unfinished;
  return x.sequence > missing ? looks_like::later : looks_like::nothing;
}

caf::error write_bytes(disk::file& to, size_t offset, std::span<const std::byte> bytes) {
  return to.write(offset, {&bytes, 1});
}

caf::error write_zeros(disk::file& to, size_t from, size_t end) {
  const std::vector<std::byte> zeros(std::min<size_t>(1u << 20, end - std::min(from, end)));
  for (; from < end; from += std::min(zeros.size(), end - from))
    if (auto failure = write_bytes(to, from, std::span{zeros}.first(std::min(zeros.size(), end - from))))
      return failure;
  return caf::none;
}

} // namespace

caf::expected<log_end> log_recovery::run(const visitor& visit) {
  auto failure = files_.make_directory(segments_.directory());
  if (!failure)
    failure = find_segments();
  if (!failure && is_there_) // An earlier process may have been killed before it had synced it.
    failure = segments_.set_extent(files_, extent_);
  if (!failure)
    failure = segments_.clean_up(files_, numbers_.empty() ? 1 : numbers_.front());
  if (!failure && numbers_.empty())
    failure = begin_log();
  if (!failure)
    failure = replay(visit);
  if (!failure)
    failure = look_behind();
  if (!failure)
    failure = remove_unused();
  if (failure)
    return failure;
  return mend_end();
}

caf::error log_recovery::begin_log() {
  if (!is_there_)
    if (auto failure = segments_.set_extent(files_, {}))
      return failure;
  numbers_ = {1};
  return segments_.prepare(files_, 1, segments_.segment_bytes());
}

caf::expected<log_recovery::looked_at> log_recovery::look(const visitor& visit) {
  auto failure = find_segments();
  if (!failure)
    failure = replay(visit);
  if (!failure)
    failure = look_behind();
  if (failure)
    return failure;
  if (numbers_.empty())
    return looked_at{};
  return looked_at{numbers_.front(), numbers_[end_.index], sequence_, result_.cut};
}

/// Opens the last segment and leaves it as appends want it.
caf::expected<log_end> log_recovery::mend_end() {
  auto number = numbers_[end_.index];
  auto last = segments_.open(files_, number);
  if (!last)
    return last.error();
  result_.segment = number;
  result_.segment_bytes = (*last)->size();
  result_.file = std::move(*last);
  auto failure = mend(*result_.file);
  if (!failure && sequence_ == 0)
    failure = begin_first();
  if (failure)
    return failure;
  result_.sequence = sequence_;
  result_.offset = end_.offset;
  result_.first_segment = numbers_.front();
  return std::move(result_);
}

caf::error log_recovery::replay(const visitor& visit) {
  for (size_t index = 0; index < numbers_.size(); ++index) {
    auto continues = replay_segment(visit, index);
    if (!continues)
      return continues.error();
    if (!*continues)
      break; // No record of this segment continues the log: it ended in the segment before.
  }
  return caf::none;
}

caf::expected<bool> log_recovery::replay_segment(const visitor& visit, size_t index) {
  auto file = segments_.open(files_, numbers_[index]);
  if (!file)
    return file.error();
  record_window bytes{**file, segments_.token()};
  auto first_of_all = index == 0 && numbers_.front() > 1;
  for (size_t offset = 0;;) {
    auto found = bytes.record(offset);
    if (!found)
      return found.error();
    if (offset == 0 && first_of_all) {
      if (!*found)
        return log_problem(segments_.path_of(numbers_[index]),
                           "offset 0: does not begin with a segment start: the log is damaged");
      sequence_ = (*found)->sequence - 1; // What came before was dropped.
    }
    if (!*found || (*found)->sequence != sequence_ + 1)
      return offset > 0;
    if (auto failure = take(**found, {index, offset}, bytes.file_bytes(), visit))
      return failure;
    offset += (*found)->bytes();
    end_ = {index, offset};
    if (progress_)
      progress_(index * bytes.file_bytes() + offset, numbers_.size() * bytes.file_bytes());
  }
}

/// The next record of the log.
caf::error log_recovery::take(const found_record& found, place where, size_t file_bytes, const visitor& visit) {
  auto number = numbers_[where.index];
  auto path = segments_.path_of(number);
  auto* expected = schema_of(found.kind);
  auto content = expected ? check(found.content, *expected) : nullptr;
  if (!content)
    return log_problem(path, at(where.offset) + "a record whose checksum is right has a content that this version does not know");
  if ((found.kind == record_kind::segment_start) != (where.offset == 0))
    return log_problem(path, at(where.offset)
                               + (where.offset == 0 ? "does not begin with a segment start" : "segment start out of place")
                               + ": the log is damaged");
  if (found.kind == record_kind::segment_start) {
    message<schema::SegmentStart> start{content};
    if (auto wrong = segments_.check_start(*start, number, file_bytes))
      return wrong;
    if (start->getToken() != segments_.token())
      return log_problem(path, "offset 0: is of another log");
  }
  if (found.kind != record_kind::closed)
    visit(found.kind, content, {number, where.offset, found.bytes()});
  if (where.offset == 0)
    not_synced_.clear(); // A segment is begun when the one before it is durable.
  sequence_ = found.sequence;
  durable_ = std::max(durable_, found.durable);
  closed_ = found.kind == record_kind::closed;
  not_synced_.emplace_back(sequence_, where.offset);
  while (!not_synced_.empty() && not_synced_.front().first <= durable_)
    not_synced_.pop_front();
  return caf::none;
}

/// The log is there, from the segment on that it says to have kept up to the one that was made last.
caf::error log_recovery::find_segments() {
  auto extent = segments_.find_extent(files_);
  if (!extent)
    return extent.error();
  auto numbers = segments_.find(files_, *extent ? (*extent)->first : 1);
  if (!numbers)
    return numbers.error();
  numbers_ = std::move(*numbers);
  auto last = numbers_.empty() ? 0 : numbers_.back();
  if (!*extent && (last > 0 || segments_.is_begun()))
    return log_part_missing(segments_.extent_path(), last > 0 ? "there are segments" : "the log was begun");
  is_there_ = static_cast<bool>(*extent);
  if (!*extent)
    return caf::none;
  extent_ = **extent;
  if ((*extent)->last > last)
    return log_part_missing(segments_.path_of(std::max(last + 1, (*extent)->first)),
                            "the log went on to segment " + std::to_string((*extent)->last));
  if (last > 0 && numbers_.front() > (*extent)->first)
    return log_part_missing(segments_.path_of((*extent)->first), "there are later segments");
  return caf::none;
}

/// Looks behind the end: a record that counts the missing one as durable proves damage; what else is there is cut.
caf::error log_recovery::look_behind() {
  for (auto index = end_.index; index < numbers_.size(); ++index)
    if (auto failure = look_behind(index, index == end_.index ? end_.offset : 0))
      return failure;
  return caf::none;
}

caf::error log_recovery::look_behind(size_t index, size_t begin) {
  auto file = segments_.open(files_, numbers_[index]);
  if (!file)
    return file.error();
  record_window bytes{**file, segments_.token()}, records{**file, segments_.token()};
  auto missing = sequence_ + 1;
  auto unfinished = false;
  for (auto offset = begin; offset + sizeof(uint64_t) <= bytes.file_bytes();) {
    auto part = bytes.from(offset, sizeof(uint64_t));
    if (!part)
      return part.error();
    for (; part->size() >= sizeof(uint64_t); offset += sizeof(uint64_t), *part = part->subspan(sizeof(uint64_t))) {
      uint64_t word;
      std::memcpy(&word, part->data(), sizeof word);
      // This may be a record's word that says which one it is: the second one.
      constexpr auto in_header = offsetof(record_header, sequence);
      if (word < missing || offset < begin + in_header)
        continue;
      auto header = records.from(offset - in_header, record_header_bytes);
      if (!header)
        return header.error();
      auto looks = look_at(*header, missing);
      unfinished |= looks == looks_like::unfinished && offset == begin + in_header; // The missing one, not whole.
      if (looked_at_bytes_ > most_looked_at_bytes || looks == looks_like::nothing || content_bytes(*header) > record_limit_bytes)
        continue;
      looked_at_bytes_ += content_bytes(*header);
      auto found = records.record(offset - in_header);
      if (!found)
        return found.error();
      auto start = *found && (*found)->kind == record_kind::segment_start; // At another place it is part of a value.
      if (!*found || (start && offset != in_header))
        continue;
      unfinished |= looks == looks_like::unfinished; // One behind the missing one.
      if (looks == looks_like::later)
        return log_problem(segments_.path_of(numbers_[end_.index]), at(end_.offset) + "record " + std::to_string(missing)
                                                                      + " is damaged: it was durable before record "
                                                                      + std::to_string((*found)->sequence) + " was written ("
                                                                      + segments_.path_of(numbers_[index]).filename().string()
                                                                      + ", offset " + std::to_string(offset - in_header) + ")");
    }
  }
  if (unfinished)
    result_.cut += (result_.cut.empty() ? "" : "; ") + segments_.path_of(numbers_[index]).string()
                   + ": cut an unfinished write at offset " + std::to_string(begin);
  return caf::none;
}

/// Segments behind the end hold nothing; they were prepared.
caf::error log_recovery::remove_unused() {
  if (numbers_.size() == end_.index + 1)
    return caf::none;
  if (auto failure = segments_.set_extent(files_, {numbers_.front(), numbers_[end_.index]}))
    return failure;
  for (; numbers_.size() > end_.index + 1; numbers_.pop_back())
    if (auto failure = files_.remove(segments_.path_of(numbers_.back())))
      return failure;
  return files_.sync_directory(segments_.directory());
}

/// Makes the end what replay took it for, durably. The records that an earlier process may not have synced are written
/// again, not synced alone: a kernel that failed to write them back does not try again. What lies behind becomes zeros,
/// whatever is read there now, so that a later record never meets remains of a cut one. (Behind the record of an orderly end
/// there are zeros.)
caf::error log_recovery::mend(disk::file& last) {
  if (!not_synced_.empty()) {
    auto begin = not_synced_.front().second;
    std::vector<std::byte> records(end_.offset - begin);
    if (auto failure = last.read(begin, records))
      return failure;
    if (auto failure = write_bytes(last, begin, records))
      return failure;
    if (auto failure = last.sync())
      return failure;
  }
  if (closed_)
    return caf::none;
  if (auto failure = write_zeros(last, end_.offset, last.size()))
    return failure;
  return last.sync();
}

/// The very first record of a log.
caf::error log_recovery::begin_first() {
  auto content = segments_.start_of(numbers_.front(), result_.segment_bytes, {});
  auto header = header_of(1, 0, record_kind::segment_start, content, segments_.token());
  std::span<const std::byte> parts[]{std::as_bytes(std::span{&header, 1}), std::as_bytes(content->words())};
  if (auto failure = result_.file->write(0, parts))
    return failure;
  if (auto failure = result_.file->sync())
    return failure;
  sequence_ = 1;
  end_.offset = record_bytes(content);
  return caf::none;
}

} // namespace synod
