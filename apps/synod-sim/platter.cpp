#include "platter.hpp"

#include "synod/messages/roles.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <cstring>
#include <set>

namespace synod::simulation {

namespace fs = std::filesystem;

namespace {

caf::error failure(const fs::path& path, const char* what) {
  return caf::make_error(caf::sec::runtime_error, path.string() + ": " + what);
}

caf::error full(const fs::path& path, const char* what) {
  return want_of_room(path.string() + ": " + what + ": No space left on device (simulated)");
}

} // namespace

class plugged_file : public disk::file {
public:
  plugged_file(platter& on, std::shared_ptr<platter::plug_state> plug, platter::content_ptr content, fs::path path)
    : on_{on}, plug_{std::move(plug)}, content_{std::move(content)}, path_{std::move(path)} {}

  size_t size() const override { return content_->cached.size(); }

  caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) override {
    if (!plug_->on)
      return caf::none;
    auto unplugged = !plug_->take();
    auto fails = !unplugged && on_.fails();
    for (auto& each : parts) {
      auto end = offset + each.size();
      if (auto grows = end - std::min(end, content_->cached.size()); grows > on_.free_bytes()) {
        on_.write(*content_, offset, each.first(each.size() - std::min<size_t>(each.size(), grows - on_.free_bytes())));
        return full(path_, "cannot write");
      }
      if ((fails || unplugged) && on_.random_.chance(500'000))
        break; // Up to here it came.
      on_.write(*content_, offset, each);
      offset += each.size();
    }
    return fails ? failure(path_, "cannot write: Input/output error (simulated)") : caf::error{};
  }

  caf::error sync() override {
    if (!plug_->take())
      return caf::none;
    if (on_.on_sync)
      on_.on_sync();
    auto fails = on_.fails();
    auto& x = *content_;
    if (!fails)
      x.stored.resize(x.cached.size());
    for (auto sector : x.dirty) {
      if (!fails || on_.random_.chance(500'000))
        on_.store(x, sector);
      x.is_dirty[sector] = false;
    }
    x.dirty.clear();
    return fails ? failure(path_, "cannot sync: Input/output error (simulated)") : caf::error{};
  }

  caf::error read(size_t offset, std::span<std::byte> into) const override {
    if (offset + into.size() > content_->cached.size())
      return failure(path_, "ends before");
    if (!into.empty())
      std::memcpy(into.data(), content_->cached.data() + offset, into.size());
    return caf::none;
  }

private:
  platter& on_;
  std::shared_ptr<platter::plug_state> plug_;
  platter::content_ptr content_;
  fs::path path_;
};

class plugged_disk : public disk {
public:
  plugged_disk(platter& on, std::shared_ptr<platter::plug_state> plug, platter::aside_function on_aside)
    : on_{on}, plug_{std::move(plug)}, on_aside_{std::move(on_aside)} {}

  caf::expected<std::vector<std::string>> list(const fs::path& directory) override {
    // Files and folders; one without a file in it is not seen.
    std::set<std::string> found;
    auto inside = directory.string() + "/";
    for (auto& [path, content] : on_.cached_names_)
      if (path.starts_with(inside))
        found.insert(path.substr(inside.size(), path.find('/', inside.size()) - inside.size()));
    return std::vector<std::string>{found.begin(), found.end()};
  }

  caf::error make_directory(const fs::path&) override {
    plug_->take();
    return caf::none;
  }

  caf::expected<std::unique_ptr<file>> open(const fs::path& path) override {
    auto found = on_.cached_names_.find(path.string());
    if (found == on_.cached_names_.end())
      return failure(path, "cannot open: No such file (simulated)");
    return file_of(found->second, path);
  }

  caf::expected<std::unique_ptr<file>> create(const fs::path& path) override {
    auto made = std::make_shared<platter::content>();
    if (!plug_->take())
      return file_of(made, path);
    if (on_.fails())
      return failure(path, "cannot create: Input/output error (simulated)");
    if (on_.free_bytes() == 0)
      return full(path, "cannot create");
    on_.change({{}, path.string(), made});
    return file_of(made, path);
  }

  caf::error rename(const fs::path& from, const fs::path& to) override {
    if (!plug_->take())
      return caf::none;
    auto found = on_.cached_names_.find(from.string());
    if (found == on_.cached_names_.end())
      return failure(from, "cannot rename: No such file (simulated)");
    if (on_.fails())
      return failure(from, "cannot rename: Input/output error (simulated)");
    on_.change({from.string(), to.string(), found->second});
    return caf::none;
  }

  caf::error remove(const fs::path& path) override {
    if (plug_->take())
      on_.change({path.string(), {}, nullptr});
    return caf::none;
  }

  caf::error sync_directory(const fs::path& directory) override {
    if (!plug_->take())
      return caf::none;
    if (on_.fails())
      return failure(directory, "cannot sync: Input/output error (simulated)");
    std::erase_if(on_.not_synced_, [&](auto& x) {
      auto is_here = fs::path{x.got.empty() ? x.lost : x.got}.parent_path() == directory;
      if (is_here)
        platter::apply(x, on_.stored_names_);
      return is_here;
    });
    return caf::none;
  }

  caf::expected<uint64_t> free_bytes(const fs::path&) override { return on_.free_bytes(); }

  void aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) override {
    if (!plug_->on)
      return;
    if (on_aside_)
      return on_aside_(where, std::move(work), std::move(asker), number);
    auto outcome = work();
    if (asker)
      caf::anon_send(asker, done_aside{number, std::move(outcome)});
  }

private:
  std::unique_ptr<file> file_of(platter::content_ptr content, const fs::path& path) {
    return std::make_unique<plugged_file>(on_, plug_, std::move(content), path);
  }

  platter& on_;
  std::shared_ptr<platter::plug_state> plug_;
  platter::aside_function on_aside_;
};

std::unique_ptr<disk> platter::plug(aside_function on_aside) {
  unplug();
  plug_ = std::make_shared<plug_state>();
  return std::make_unique<plugged_disk>(*this, plug_, std::move(on_aside));
}

void platter::unplug() {
  if (plug_)
    plug_->on = false;
}

void platter::unplug_after(uint64_t operations) {
  if (plug_)
    plug_->operations_left = operations;
}

void platter::fill(std::optional<uint64_t> left_bytes) {
  size_bytes_ = left_bytes ? std::optional{used_bytes() + *left_bytes} : std::nullopt;
}

/// What has a name; a new size counts at once.
uint64_t platter::used_bytes() const {
  uint64_t used = 0;
  for (auto& [path, x] : cached_names_)
    used += x->cached.size();
  return used;
}

uint64_t platter::free_bytes() const {
  return size_bytes_ ? *size_bytes_ - std::min(*size_bytes_, used_bytes()) : plenty_bytes;
}

void platter::write(content& to, size_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty())
    return;
  if (auto end = offset + bytes.size(); end > to.cached.size()) {
    to.cached.resize(end);
    to.is_dirty.resize(end / sector_bytes + 1);
  }
  std::memcpy(to.cached.data() + offset, bytes.data(), bytes.size());
  for (auto sector = offset / sector_bytes; sector <= (offset + bytes.size() - 1) / sector_bytes; ++sector)
    if (!to.is_dirty[sector]) {
      to.is_dirty[sector] = true;
      to.dirty.push_back(sector);
    }
}

/// Brings one sector to the platter, as far as the file reaches there.
void platter::store(content& of, size_t sector) {
  auto begin = sector * sector_bytes;
  auto end = std::min({begin + sector_bytes, of.cached.size(), of.stored.size()});
  if (begin < end)
    std::memcpy(of.stored.data() + begin, of.cached.data() + begin, end - begin);
}

void platter::change(name_change x) {
  apply(x, cached_names_);
  not_synced_.push_back(std::move(x));
}

void platter::apply(const name_change& x, names& to) {
  if (!x.lost.empty())
    to.erase(x.lost);
  if (!x.got.empty())
    to[x.got] = x.file;
}

void platter::lose_sectors(content& of) {
  if (of.stored.size() != of.cached.size() && random_.chance(500'000))
    of.stored.resize(of.cached.size()); // The size got there; what is not written within it reads as zeros.
  auto got_there = random_.below(of.dirty.size() + 1);
  for (size_t i = 0; i < of.dirty.size(); ++i)
    if (faults_.torn ? random_.chance(500'000) : i < got_there)
      store(of, of.dirty[i]);
}

void platter::erase() {
  not_synced_.clear();
  cached_names_.clear();
  stored_names_.clear();
}

void platter::cut_power() {
  auto got_there = random_.below(not_synced_.size() + 1);
  for (size_t i = 0; i < not_synced_.size(); ++i)
    if (faults_.torn ? random_.chance(500'000) : i < got_there)
      apply(not_synced_[i], stored_names_);
  not_synced_.clear();
  for (auto& [path, x] : stored_names_) {
    // A process that still has it open reads what it always read; the next one what is stored.
    auto kept = std::make_shared<content>(*x);
    lose_sectors(*kept);
    kept->cached = kept->stored;
    kept->dirty.clear();
    kept->is_dirty.assign(kept->cached.size() / sector_bytes + 1, false);
    x = kept;
  }
  cached_names_ = stored_names_;
}

} // namespace synod::simulation
