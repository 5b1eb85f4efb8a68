#include "synod/actors/acceptor/log/segments.hpp"

#include "synod/actors/role/durable_message.hpp"

#include <algorithm>
#include <charconv>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr const char* suffix = ".log";
constexpr size_t digits = 12;

/// The number that a segment's name says; 0: it is no segment's.
uint64_t number_of(const std::string& name) {
  uint64_t number = 0;
  auto* end = name.data() + name.size() - std::min(name.size(), std::string_view{suffix}.size());
  auto [rest, failure] = std::from_chars(name.data(), end, number);
  return name.ends_with(suffix) && failure == std::errc{} && rest == end ? number : 0;
}

} // namespace

caf::error log_problem(const fs::path& file, const std::string& what) {
  return caf::make_error(caf::sec::invalid_argument, file.string() + ": " + what);
}

caf::error log_part_missing(const fs::path& file, const std::string& why) {
  return caf::make_error(caf::sec::invalid_argument, file.string() + ": is missing, although " + why
                                                       + ": the log is damaged, bring back its directory as it was");
}

fs::path log_segments::path_of(uint64_t number) const {
  auto name = std::to_string(number);
  return options_.directory / (std::string(digits - std::min(digits, name.size()), '0') + name + suffix);
}

block_ptr log_segments::start_of(uint64_t number, uint64_t first, size_t bytes) const {
  builder<schema::SegmentStart> start;
  start->setFormatVersion(format_version);
  start->setCluster(options_.cluster);
  start->setNode(options_.node);
  start->setSegment(number);
  start->setSize(bytes);
  start->setFirstSegment(first);
  start->setToken(options_.token);
  return start.finish().content();
}

caf::error log_segments::check_start(schema::SegmentStart::Reader start, uint64_t number, size_t file_bytes) const {
  auto path = path_of(number);
  if (start.getFormatVersion() != format_version)
    return log_problem(path, "has format version " + std::to_string(start.getFormatVersion()) + ", this program knows "
                               + std::to_string(format_version));
  if (start.getCluster() != options_.cluster.c_str() || start.getNode() != options_.node.c_str())
    return log_problem(path, "belongs to node '" + std::string{start.getNode().cStr()} + "' of cluster '"
                               + start.getCluster().cStr() + "', not to '" + options_.node + "' of '" + options_.cluster + "'");
  if (start.getSize() > file_bytes)
    return log_problem(path, "is " + std::to_string(file_bytes) + " bytes long and was made with "
                               + std::to_string(start.getSize()) + ": the log is damaged (truncated at offset "
                               + std::to_string(file_bytes) + ")");
  if (start.getSegment() != number)
    return log_problem(path, "offset 0: says that it is segment " + std::to_string(start.getSegment()) + ": the log is damaged");
  return caf::none;
}

caf::expected<std::vector<uint64_t>> log_segments::find(disk& files) const {
  if (auto failure = files.make_directory(options_.directory))
    return failure;
  auto names = files.list(options_.directory);
  if (!names)
    return names.error();
  std::vector<uint64_t> numbers;
  for (auto& name : *names)
    if (name.ends_with(unfinished_suffix))
      // The crash came before this segment was whole. Left there it does no harm.
      static_cast<void>(files.remove(options_.directory / name));
    else if (auto number = number_of(name))
      numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] != numbers[i - 1] + 1)
      return log_part_missing(path_of(numbers[i - 1] + 1), "there are later segments");
  return numbers;
}

caf::expected<std::unique_ptr<disk::file>> log_segments::open(disk& files, uint64_t number) const {
  auto path = path_of(number);
  auto file = files.open(path);
  if (file && (*file)->size() < smallest_bytes)
    return log_problem(path, "is only " + std::to_string((*file)->size()) + " bytes long: the log is damaged (truncated)");
  return file;
}

caf::error log_segments::prepare(disk& files, uint64_t number, size_t bytes) const {
  static const std::vector<std::byte> zeros(1u << 20);
  auto left = std::max(bytes, smallest_bytes);
  auto failure = write_whole(files, path_of(number), [&] {
    auto piece = std::span{zeros}.first(std::min(left, zeros.size()));
    left -= piece.size();
    return piece;
  });
  return failure ? failure : set_extent(files, number);
}

caf::expected<std::optional<uint64_t>> log_segments::find_extent(disk& files) {
  auto names = files.list(options_.directory);
  if (!names)
    return names.error();
  if (std::find(names->begin(), names->end(), extent_path().filename().string()) == names->end())
    return std::optional<uint64_t>{};
  auto found = read_message<schema::LogExtent>(files, extent_path());
  if (!found)
    return found.error();
  options_.token = (*found)->getToken();
  return std::optional{(*found)->getLastSegment()};
}

caf::error log_segments::set_extent(disk& files, uint64_t last) const {
  builder<schema::LogExtent> extent;
  extent->setLastSegment(last);
  extent->setToken(options_.token);
  return write_message(files, extent_path(), extent.finish().content());
}

caf::expected<std::vector<block_ptr>> log_segments::read(disk& files, const std::vector<record_position>& where) const {
  std::vector<block_ptr> found;
  found.reserve(where.size());
  std::unique_ptr<disk::file> file;
  uint64_t number = 0;
  for (auto& each : where) {
    if (!file || each.segment != number) { // Most pieces are of one segment.
      auto opened = open(files, each.segment);
      if (!opened)
        return opened.error();
      file = std::move(*opened);
      number = each.segment;
    }
    auto content = read_record(*file, path_of(number), each, options_.token);
    if (!content)
      return content.error();
    found.push_back(std::move(*content));
  }
  return found;
}

} // namespace synod
