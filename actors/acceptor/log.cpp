#include "synod/actors/acceptor/log.hpp"

#include "synod/messages/log.capnp.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr uint32_t format_version = 1;
constexpr size_t header_bytes = 32;
constexpr size_t smallest_segment_bytes = 4096;
constexpr size_t checksum_bytes = sizeof(uint64_t);

caf::error problem(const fs::path& file, const std::string& what) {
  return caf::make_error(caf::sec::runtime_error, file.string() + ": " + what);
}

/// Of a record: its content, seeded with what is behind the checksum in its header.
uint64_t checksum_of(const void* header, const void* content, size_t size) {
  auto seed = XXH3_64bits(static_cast<const char*>(header) + checksum_bytes, header_bytes - checksum_bytes);
  return XXH3_64bits_withSeed(content, size, seed);
}

uint64_t checksum_of(const void* header, const block_ptr& content) {
  return checksum_of(header, content->words().data(), content->size_bytes());
}

const capnp::StructSchema* schema_of(record_kind kind) {
  static const capnp::StructSchema start = capnp::Schema::from<schema::SegmentStart>();
  static const capnp::StructSchema pvalue = capnp::Schema::from<schema::Pvalue>();
  static const capnp::StructSchema promise = capnp::Schema::from<schema::Promise>();
  switch (kind) {
    case record_kind::segment_start:
    case record_kind::closed:
      return &start;
    case record_kind::pvalue:
      return &pvalue;
    case record_kind::promise:
      return &promise;
  }
  return nullptr;
}

} // namespace

/// How far replay has come, and where.
struct file_log::scan {
  size_t index = 0; // of the segment
  size_t offset = 0;
  bool ended = false;
  bool closed = false;                                // the last record says so
  std::deque<std::pair<uint64_t, size_t>> not_synced; // sequence and offset of records that none behind says to be durable
};

file_log::file_log(options opts) : options_{std::move(opts)} {
  static_assert(sizeof(record_header) == header_bytes);
}

file_log::~file_log() {
  if (prepared_.valid())
    prepared_.wait();
}

fs::path file_log::path_of(uint64_t number) const {
  auto name = std::to_string(number);
  return options_.directory / (std::string(12 - std::min<size_t>(12, name.size()), '0') + name + ".log");
}

block_ptr file_log::segment_start(uint64_t number, size_t size) const {
  builder<schema::SegmentStart> start;
  start->setFormatVersion(format_version);
  start->setCluster(options_.cluster);
  start->setNode(options_.node);
  start->setSegment(number);
  start->setSize(size);
  return start.finish().content();
}

caf::error file_log::open_files() {
  auto names = options_.files->list(options_.directory);
  if (!names)
    return names.error();
  std::set<std::string> found;
  for (auto& name : *names) {
    // The crash came before this segment was whole. Left there it does no harm.
    if (name.ends_with(".new"))
      static_cast<void>(options_.files->remove(options_.directory / name));
    else if (name.ends_with(".log"))
      found.insert(name);
  }
  for (size_t number = 1; number <= found.size(); ++number) {
    auto path = path_of(number);
    if (!found.contains(path.filename().string()))
      return problem(path, "is missing, although there are later segments: the log is damaged");
    auto file = options_.files->open(path);
    if (!file)
      return file.error();
    auto size = (*file)->size();
    if (size < smallest_segment_bytes)
      return problem(path, "is only " + std::to_string(size) + " bytes long: the log is damaged (truncated)");
    segments_.push_back({std::move(*file), path});
  }
  return caf::none;
}

namespace {

struct found_record {
  uint64_t sequence;
  uint64_t durable;
  record_kind kind;
  std::span<const uint64_t> content;
};

/// The record at `offset`, if it is whole.
std::optional<found_record> record_at(std::span<const std::byte> bytes, size_t offset) {
  if (offset + header_bytes > bytes.size())
    return std::nullopt;
  uint64_t checksum, sequence, durable;
  uint32_t words, kind;
  auto* at = bytes.data() + offset;
  std::memcpy(&checksum, at, 8);
  std::memcpy(&sequence, at + 8, 8);
  std::memcpy(&durable, at + 16, 8);
  std::memcpy(&words, at + 24, 4);
  std::memcpy(&kind, at + 28, 4);
  size_t size = size_t{words} * sizeof(uint64_t);
  if (sequence == 0 || words == 0 || size > bytes.size() - offset - header_bytes)
    return std::nullopt;
  if (checksum != checksum_of(at, at + header_bytes, size))
    return std::nullopt;
  return found_record{
    sequence, durable, static_cast<record_kind>(kind), {reinterpret_cast<const uint64_t*>(at + header_bytes), words}};
}

} // namespace

caf::error file_log::replay_segment(scan& state, const visitor& visit) {
  auto& current = segments_[state.index];
  auto map = current.file->map();
  if (!map)
    return map.error();
  auto before = sequence_;
  for (state.offset = 0;;) {
    auto found = record_at(map->bytes, state.offset);
    if (!found || found->sequence != sequence_ + 1)
      break;
    auto* expected = schema_of(found->kind);
    auto content = expected ? check(found->content, *expected) : nullptr;
    if (!content)
      return problem(current.path, "offset " + std::to_string(state.offset)
                                     + ": a record whose checksum is right has a content that this version does not know");
    if (found->kind == record_kind::segment_start) {
      message<schema::SegmentStart> start{content};
      if (start->getFormatVersion() != format_version)
        return problem(current.path, "has format version " + std::to_string(start->getFormatVersion()) + ", this program knows "
                                       + std::to_string(format_version));
      if (start->getCluster() != options_.cluster.c_str() || start->getNode() != options_.node.c_str())
        return problem(current.path, "belongs to node '" + std::string{start->getNode().cStr()} + "' of cluster '"
                                       + start->getCluster().cStr() + "', not to '" + options_.node + "' of '" + options_.cluster
                                       + "'");
      auto size = current.file->size();
      if (start->getSize() > size)
        return problem(current.path, "is " + std::to_string(size) + " bytes long and was made with "
                                       + std::to_string(start->getSize()) + ": the log is damaged (truncated at offset "
                                       + std::to_string(size) + ")");
      if (start->getSegment() != state.index + 1 || state.offset != 0)
        return problem(current.path,
                       "offset " + std::to_string(state.offset) + ": segment start out of place: the log is damaged");
    } else if (state.offset == 0) {
      return problem(current.path, "offset 0: does not begin with a segment start: the log is damaged");
    } else if (found->kind != record_kind::closed) {
      visit(found->kind, content, {state.index, state.offset});
    }
    sequence_ = found->sequence;
    durable_ = std::max(durable_, found->durable);
    state.closed = found->kind == record_kind::closed;
    state.not_synced.emplace_back(sequence_, state.offset);
    while (!state.not_synced.empty() && state.not_synced.front().first <= durable_)
      state.not_synced.pop_front();
    state.offset += header_bytes + found->content.size_bytes();
  }
  // No record of this segment continues the log: the log ended in the segment before.
  state.ended = sequence_ == before;
  return caf::none;
}

/// Looks behind the end that replay found: a record that counts the missing one as durable proves damage.
caf::error file_log::check_behind(const scan& state) const {
  auto missing = sequence_ + 1;
  for (auto index = state.index; index < segments_.size(); ++index) {
    auto& current = segments_[index];
    auto map = current.file->map();
    if (!map)
      return map.error();
    auto bytes = map->bytes;
    auto begin = index == state.index ? state.offset : 0;
    for (auto offset = begin; offset + header_bytes <= bytes.size(); offset += sizeof(uint64_t)) {
      uint64_t durable;
      std::memcpy(&durable, bytes.data() + offset + 16, 8);
      if (durable < missing) // Cheap, and true for zeros.
        continue;
      auto found = record_at(bytes, offset);
      if (found && found->sequence > missing)
        return problem(segments_[state.index].path,
                       "offset " + std::to_string(state.offset) + ": record " + std::to_string(missing)
                         + " is damaged: it was durable before record " + std::to_string(found->sequence) + " was written ("
                         + current.path.filename().string() + ", offset " + std::to_string(offset) + ")");
    }
  }
  return caf::none;
}

/// Reports what lies behind the end.
caf::error file_log::report_tail(const scan& state) {
  for (auto index = state.index; index < segments_.size(); ++index) {
    auto& current = segments_[index];
    auto begin = index == state.index ? state.offset : 0;
    auto map = current.file->map();
    if (!map)
      return map.error();
    auto rest = map->bytes.subspan(std::min(begin, map->bytes.size()));
    auto last = std::find_if(rest.rbegin(), rest.rend(), [](std::byte x) { return x != std::byte{0}; });
    if (last != rest.rend())
      cut_ += (cut_.empty() ? "" : "; ") + current.path.string() + ": cut " + std::to_string(rest.rend() - last)
              + " bytes of an unfinished write at offset " + std::to_string(begin);
  }
  return caf::none;
}

/// Makes the end what replay took it for, durably. The records that an earlier process may not have synced are written
/// again, not synced alone: a kernel that failed to write them back does not try again. What lies behind becomes zeros,
/// whatever is read there now, so that a later record never meets remains of a cut one.
caf::error file_log::mend_tail(const scan& state) {
  auto& last = *segments_[state.index].file;
  if (!state.not_synced.empty()) {
    auto begin = state.not_synced.front().second;
    std::vector<std::byte> records(state.offset - begin);
    if (auto failure = last.read(begin, records))
      return failure;
    std::span<const std::byte> whole{records};
    if (auto failure = last.write(begin, {&whole, 1}))
      return failure;
    if (auto failure = last.sync())
      return failure;
  }
  return last.write_zeros(state.offset, last.size());
}

caf::error file_log::replay(const visitor& visit) {
  if (auto failure = open_files())
    return failure;
  scan state, end;
  for (; state.index < segments_.size(); ++state.index) {
    if (auto failure = replay_segment(state, visit))
      return failure;
    if (state.ended)
      break;
    end = state;
  }
  if (!segments_.empty()) {
    if (auto failure = check_behind(end))
      return failure;
    if (auto failure = report_tail(end))
      return failure;
    // Segments behind the end hold nothing; they were prepared.
    for (; segments_.size() > end.index + 1; segments_.pop_back())
      if (auto failure = options_.files->remove(segments_.back().path))
        return failure;
    if (!end.closed)
      if (auto failure = mend_tail(end))
        return failure;
  }
  durable_ = sequence_;
  offset_ = write_offset_ = end.offset;
  if (segments_.empty() || sequence_ == 0) {
    if (auto failure = segments_.empty() ? start_segment(0) : caf::error{})
      return failure;
    if (sequence_ == 0)
      if (auto written = append(record_kind::segment_start, segment_start(1, segments_.back().file->size())); !written)
        return written.error();
    if (auto failure = sync())
      return failure;
  }
  prepare_next();
  return caf::none;
}

/// Prepares the segment behind the last one, so that no append waits for it.
void file_log::prepare_next() {
  auto path = path_of(segments_.size() + 1);
  prepared_ = options_.files->make_aside(path, options_.segment_bytes);
}

/// Opens the next segment; one with room for a record of `room` bytes.
caf::error file_log::start_segment(size_t room) {
  auto path = path_of(segments_.size() + 1);
  auto failure = prepared_.valid() ? prepared_.get() : options_.files->make(path, options_.segment_bytes);
  if (failure)
    return failure;
  auto file = options_.files->open(path);
  if (!file)
    return file.error();
  // A record larger than a segment gets a segment of its own size.
  if (room > (*file)->size())
    if (auto grown = (*file)->write_zeros((*file)->size(), room))
      return grown;
  segments_.push_back({std::move(*file), path});
  offset_ = write_offset_ = 0;
  return caf::none;
}

caf::expected<storage::position> file_log::append(record_kind kind, const block_ptr& content) {
  auto size = header_bytes + content->size_bytes();
  if (content->size_bytes() > record_limit_bytes)
    return problem(options_.directory, "a record of " + std::to_string(content->size_bytes()) + " bytes is too large");
  if (kind != record_kind::segment_start && offset_ + size > segments_.back().file->size()) {
    // The full segment is made durable first: only the last one may end torn.
    if (auto failure = sync())
      return failure;
    auto start_bytes = header_bytes + segment_start(segments_.size() + 1, 0)->size_bytes();
    if (auto failure = start_segment(start_bytes + size))
      return failure;
    if (auto written = append(record_kind::segment_start, segment_start(segments_.size(), segments_.back().file->size()));
        !written)
      return written;
    prepare_next();
  }
  record_header header{0, ++sequence_, durable_, static_cast<uint32_t>(content->words().size()), static_cast<uint32_t>(kind)};
  header.checksum = checksum_of(&header, content);
  waiting_.push_back({header, content});
  position where{segments_.size() - 1, offset_};
  offset_ += size;
  return where;
}

caf::error file_log::write_waiting() {
  parts_.clear();
  size_t bytes = 0;
  for (auto& each : waiting_) {
    parts_.push_back(std::as_bytes(std::span{&each.header, 1}));
    parts_.push_back(std::as_bytes(each.content->words()));
    bytes += header_bytes + each.content->size_bytes();
  }
  auto failure = segments_.back().file->write(write_offset_, parts_);
  if (!failure)
    write_offset_ += bytes;
  return failure;
}

caf::error file_log::sync() {
  if (failed_)
    return problem(options_.directory, "an earlier write failed");
  if (waiting_.empty())
    return caf::none;
  auto failure = write_waiting();
  if (!failure)
    failure = segments_.back().file->sync();
  if (failure) {
    failed_ = true; // What the disk holds now is not known: never tried again, never answered.
    return failure;
  }
  waiting_.clear();
  durable_ = sequence_;
  return caf::none;
}

caf::expected<block_ptr> file_log::read(position where) {
  if (where.segment >= segments_.size())
    return problem(options_.directory, "no such segment");
  // What waits is written first, so that any position can be read.
  if (where.segment == segments_.size() - 1 && where.offset >= write_offset_)
    if (auto failure = sync())
      return failure;
  auto& source = segments_[where.segment];
  record_header header{};
  auto damaged = [&] { return problem(source.path, "offset " + std::to_string(where.offset) + ": the record is damaged"); };
  if (auto failure = source.file->read(where.offset, std::as_writable_bytes(std::span{&header, 1})))
    return failure;
  if (header.words == 0 || size_t{header.words} * sizeof(uint64_t) > record_limit_bytes)
    return damaged();
  auto words = std::make_unique_for_overwrite<uint64_t[]>(header.words);
  if (auto failure = source.file->read(where.offset + header_bytes, std::as_writable_bytes(std::span{words.get(), header.words})))
    return failure;
  auto content = caf::make_counted<block>(std::move(words), header.words);
  if (checksum_of(&header, content) != header.checksum)
    return damaged();
  return content;
}

caf::error file_log::close() {
  if (failed_ || segments_.empty())
    return caf::none;
  if (auto failure = sync())
    return failure;
  if (auto written = append(record_kind::closed, segment_start(segments_.size(), segments_.back().file->size())); !written)
    return written.error();
  return sync();
}

} // namespace synod
