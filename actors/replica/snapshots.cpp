#include "synod/actors/replica/snapshots.hpp"

#include "synod/actors/role/error_text.hpp"

#include <algorithm>
#include <utility>

namespace synod {

namespace {

constexpr std::chrono::milliseconds first_pause{1000}; // until one that failed is tried again
constexpr std::chrono::milliseconds last_pause{60'000};

} // namespace

snapshots::snapshots(disk& files, options opts, found before, uint64_t seed)
  : files_{files},
    options_{std::move(opts)},
    random_{static_cast<std::minstd_rand::result_type>(seed)},
    kept_{std::move(before.kept)},
    again_{first_pause, last_pause},
    refused_{std::move(before.refused)} {
  set_threshold();
  find_superfluous();
}

void snapshots::set_threshold() {
  auto least = std::max<uint64_t>(options_.after_bytes, kept_.empty() ? 0 : kept_.back().bytes / 4);
  threshold_bytes_ = least + std::uniform_int_distribution<uint64_t>{0, least / 4}(random_);
}

// -- taking -------------------------------------------------------------------

void snapshots::begin(std::unique_ptr<state_snapshot> what) {
  taken_ = std::move(what);
  under_way_ = {taken_->slot_out(), taken_->token(), 0};
  file_ = std::make_shared<unfinished_file>(files_, path_of(under_way_));
  since_bytes_ = 0;
}

std::optional<disk_work> snapshots::next_work() {
  if (!rest_.empty() && !removing_)
    return remove_rest();
  if (!taken_ || writing_)
    return std::nullopt;
  writing_ = true;
  auto records = taken_->next();
  return records.empty() ? finish() : write(std::move(records));
}

bool snapshots::exceeds() const {
  return held_bytes() > std::max({held_limit_bytes, under_way_.bytes / 3, kept_.empty() ? 0 : kept_.back().bytes / 3});
}

disk_work snapshots::remove_rest() {
  removing_ = true;
  return {disk::lane::bulk, remove_number,
          [&files = files_, these = std::exchange(rest_, {}), directory = options_.directory]() -> caf::error {
            for (auto& each : these.unfinished)
              each->discard();
            caf::error last;
            for (auto& each : these.files)
              if (auto failure = files.remove(each))
                last = std::move(failure);
            return last || these.files.empty() ? last : files.sync_directory(directory);
          }};
}

disk_work snapshots::write(std::vector<snapshot_record> records) {
  for (auto& each : records)
    under_way_.bytes += record_bytes(each.content);
  auto moved = std::make_shared<std::vector<snapshot_record>>(std::move(records));
  return {disk::lane::bulk, write_number, [to = file_, moved] {
            std::vector<std::span<const std::byte>> parts;
            for (auto& each : *moved) {
              parts.push_back(std::as_bytes(std::span{&each.header, 1}));
              parts.push_back(std::as_bytes(each.content->words()));
            }
            return to->append(parts);
          }};
}

disk_work snapshots::finish() {
  finishing_ = true;
  return {disk::lane::bulk, write_number, [to = file_] { return to->finish(); }};
}

std::string snapshots::done(uint64_t number, const caf::error& failure, time_point now) {
  if (number == remove_number) {
    removing_ = false;
    return failure ? "a snapshot that is not needed any more cannot be removed: " + text_of(failure) : std::string{};
  }
  writing_ = false;
  if (!taken_) // Given up meanwhile.
    return {};
  if (failure) {
    give_up(now);
    return "no snapshot can be written: " + text_of(failure);
  }
  if (!std::exchange(finishing_, false))
    return {};
  taken_.reset();
  file_.reset();
  again_.reset();
  ++count_;
  add(under_way_);
  return {};
}

void snapshots::give_up(time_point now) {
  if (!taken_)
    return;
  taken_.reset();
  auto there = std::any_of(kept_.begin(), kept_.end(), [this](auto& x) { return x.slot_out == under_way_.slot_out; });
  if (std::exchange(finishing_, false) && !there) // It gets its name all the same.
    rest_.files.push_back(path_of(under_way_));
  since_bytes_ = threshold_bytes_;
  again_.tried(now);
  rest_.unfinished.push_back(std::move(file_));
}

void snapshots::add(const snapshot_info& x) {
  std::erase_if(kept_, [&](auto& each) { return each.slot_out == x.slot_out; }); // Its file was replaced.
  auto place = std::find_if(kept_.begin(), kept_.end(), [&](auto& each) { return each.slot_out > x.slot_out; });
  kept_.insert(place, x);
  set_threshold();
  find_superfluous();
  std::erase(refused_, path_of(x)); // It has taken that one's place.
  auto& files = rest_.files;
  std::erase(files, path_of(x));
  files.insert(files.end(), refused_.begin(), refused_.end());
  refused_.clear();
}

// -- what is kept -------------------------------------------------------------

const snapshot_info* snapshots::find(log_token token) const {
  auto found = std::find_if(kept_.begin(), kept_.end(), [&](auto& x) { return x.token == token; });
  return found == kept_.end() ? nullptr : &*found;
}

void snapshots::find_superfluous() {
  for (size_t i = 0; i + most_kept < kept_.size();)
    if (pinned_.contains(kept_[i].token)) {
      ++i;
    } else {
      rest_.files.push_back(path_of(kept_[i]));
      kept_.erase(kept_.begin() + static_cast<long>(i));
    }
}

void snapshots::let_go(time_point now) {
  if (std::erase_if(pinned_, [&](auto& x) { return x.second <= now; }) > 0)
    find_superfluous();
}

uint64_t snapshots::bytes() const {
  uint64_t sum = 0;
  for (auto& each : kept_)
    sum += each.bytes;
  return sum;
}

// -- the start ----------------------------------------------------------------

caf::expected<restored_snapshots> restore_latest(disk& files, const std::filesystem::path& directory,
                                                 const snapshot_origin& whose, const std::function<replicated_state()>& fresh,
                                                 const progress& told) {
  if (auto failure = files.make_directory(directory))
    return failure;
  auto names = files.list(directory);
  if (!names)
    return names.error();
  std::vector<slot_number> slots;
  for (auto& name : *names)
    if (name.ends_with(unfinished_suffix))
      static_cast<void>(files.remove(directory / name)); // Nobody was told of it; left there it does no harm.
    else if (auto slot = snapshot_slot(name))
      slots.push_back(*slot);
  std::sort(slots.begin(), slots.end(), std::greater<>{});
  restored_snapshots result{fresh(), {}, {}};
  auto& kept = result.found.kept;
  for (auto slot : slots) {
    auto path = snapshot_path(directory, slot);
    auto is_latest = kept.empty();
    auto one = is_latest ? restore_snapshot(files, path, whose, result.state, told) : look_at_snapshot(files, path, whose);
    if (one) {
      kept.insert(kept.begin(), *one);
      continue;
    }
    if (one.error() != caf::sec::invalid_argument) // The disk: it is not known what the file holds.
      return one.error();
    result.problems.push_back(text_of(one.error()));
    result.found.refused.push_back(path);
    if (is_latest)
      result.state = fresh();
  }
  return result;
}

} // namespace synod
