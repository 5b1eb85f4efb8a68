#include "synod/actors/acceptor/log/segments.hpp"

#include "synod/actors/role/durable_message.hpp"

#include <algorithm>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr const char* suffix = ".log";
constexpr size_t digits = 12;

} // namespace

caf::error log_problem(const fs::path& file, const std::string& what) {
  return caf::make_error(caf::sec::invalid_argument, file.string() + ": " + what);
}

caf::error log_part_missing(const fs::path& file, const std::string& why) {
  return caf::make_error(caf::sec::invalid_argument, file.string() + ": is missing, although " + why
                                                       + ": the log is damaged, bring back its directory as it was");
}

fs::path log_segments::path_of(uint64_t number) const {
  return options_.directory / numbered_name(number, digits, suffix);
}

block_ptr log_segments::start_of(uint64_t number, size_t bytes, const carried& on) const {
  builder<schema::SegmentStart> start;
  start->setFormatVersion(format_version);
  start->setCluster(options_.cluster);
  start->setNode(options_.node);
  start->setSegment(number);
  start->setSize(bytes);
  write(on.promised, start->initPromised());
  start->setFirstKept(on.first_kept);
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

caf::expected<std::vector<uint64_t>> log_segments::find(disk& files, uint64_t first) const {
  auto names = files.list(options_.directory);
  if (!names)
    return names.error();
  std::vector<uint64_t> numbers;
  for (auto& name : *names)
    if (auto number = number_of_name(name, suffix); number >= std::max<uint64_t>(1, first)) // None is less than any.
      numbers.push_back(*number);
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] != numbers[i - 1] + 1)
      return log_part_missing(path_of(numbers[i - 1] + 1), "there are later segments");
  return numbers;
}

caf::error log_segments::clean_up(disk& files, uint64_t first) const {
  auto names = files.list(options_.directory);
  if (!names)
    return names.error();
  for (auto& name : *names) {
    auto number = number_of_name(name, suffix);
    if (name.ends_with(unfinished_suffix) || (number > 0u && number < first))
      // The crash came before it was whole, or before it was used again. Left there it does no harm.
      static_cast<void>(files.remove(options_.directory / name));
  }
  return caf::none;
}

caf::expected<std::unique_ptr<disk::file>> log_segments::open(disk& files, uint64_t number) const {
  auto path = path_of(number);
  auto file = files.open(path);
  if (file && (*file)->size() < smallest_bytes)
    return log_problem(path, "is only " + std::to_string((*file)->size()) + " bytes long: the log is damaged (truncated)");
  return file;
}

caf::error log_segments::prepare(disk& files, uint64_t number, size_t bytes, uint64_t first, uint64_t again) const {
  auto failure = again > 0 ? use_again(files, again, number, bytes) : write_zeros(files, number, bytes);
  return failure ? failure : set_extent(files, {first, number});
}

caf::error log_segments::write_zeros(disk& files, uint64_t number, size_t bytes) const {
  static const std::vector<std::byte> zeros(1u << 20);
  auto left = std::max(bytes, smallest_bytes);
  return write_whole(files, path_of(number), [&] {
    auto piece = std::span{zeros}.first(std::min(left, zeros.size()));
    left -= piece.size();
    return piece;
  });
}

caf::error log_segments::use_again(disk& files, uint64_t free, uint64_t number, size_t bytes) const {
  auto file = open(files, free);
  if (!file)
    return file.error();
  auto is_as_large = (*file)->size() == std::max(bytes, smallest_bytes);
  file->reset();
  if (!is_as_large) {
    auto failure = files.remove(path_of(free));
    return failure ? failure : write_zeros(files, number, bytes);
  }
  auto failure = files.rename(path_of(free), path_of(number));
  return failure ? failure : files.sync_directory(options_.directory);
}

caf::expected<std::optional<log_segments::extent>> log_segments::find_extent(disk& files) {
  auto names = files.list(options_.directory);
  if (!names)
    return names.error();
  if (std::find(names->begin(), names->end(), extent_path().filename().string()) == names->end())
    return std::optional<extent>{};
  auto found = read_message<schema::LogExtent>(files, extent_path());
  if (!found)
    return found.error();
  options_.token = (*found)->getToken();
  return std::optional{extent{std::max<uint64_t>(1, (*found)->getFirstSegment()), (*found)->getLastSegment()}};
}

caf::error log_segments::set_extent(disk& files, const extent& x) const {
  builder<schema::LogExtent> extent;
  extent->setFirstSegment(x.first);
  extent->setLastSegment(x.last);
  extent->setToken(options_.token);
  return write_in_place(files, extent_path(), extent.finish().content());
}

caf::error log_segments::release(disk& files, const extent& x, uint64_t delete_from, uint64_t delete_end) const {
  if (auto failure = set_extent(files, x))
    return failure;
  for (auto number = delete_from; number < delete_end; ++number)
    if (auto failure = files.remove(path_of(number)))
      return failure;
  return delete_from < delete_end ? files.sync_directory(options_.directory) : caf::none;
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
