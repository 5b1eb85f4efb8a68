#include "disk.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <cstring>

namespace synod::simulation {

namespace fs = std::filesystem;

namespace {

caf::error failure(const fs::path& path, const char* what) {
  return caf::make_error(caf::sec::runtime_error, path.string() + ": " + what);
}

} // namespace

class plugged_file : public disk::file {
public:
  plugged_file(platter& on, std::shared_ptr<bool> plugged, std::shared_ptr<platter::content> content, fs::path path)
    : on_{on}, plugged_{std::move(plugged)}, content_{std::move(content)}, path_{std::move(path)} {}

  size_t size() const override { return content_->cached.size(); }

  caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) override {
    if (!*plugged_)
      return caf::none;
    auto fails = on_.fails();
    for (auto& each : parts) {
      if (fails && on_.random_.chance(500'000))
        break; // Up to here it came.
      on_.write(*content_, offset, each);
      offset += each.size();
    }
    return fails ? failure(path_, "cannot write: Input/output error (simulated)") : caf::error{};
  }

  caf::error sync() override {
    if (!*plugged_)
      return caf::none;
    if (on_.on_sync)
      on_.on_sync();
    auto fails = on_.fails();
    for (auto sector : content_->dirty) {
      if (!fails || on_.random_.chance(500'000))
        on_.store(*content_, sector);
      content_->is_dirty[sector] = false;
    }
    content_->dirty.clear();
    return fails ? failure(path_, "cannot sync: Input/output error (simulated)") : caf::error{};
  }

  caf::error write_zeros(size_t from, size_t to) override {
    if (!*plugged_ || from >= to)
      return caf::none;
    if (to > content_->cached.size()) {
      content_->cached.resize(to);
      content_->stored.resize(to);
      content_->is_dirty.resize(to / platter::sector_bytes + 1);
    }
    std::vector<std::byte> zeros(to - from);
    on_.write(*content_, from, zeros);
    return sync();
  }

  caf::error read(size_t offset, std::span<std::byte> into) const override {
    if (offset + into.size() > content_->cached.size())
      return failure(path_, "ends before");
    std::memcpy(into.data(), content_->cached.data() + offset, into.size());
    return caf::none;
  }

  caf::expected<disk::view> map() const override { return disk::view{content_->cached, content_}; }

private:
  platter& on_;
  std::shared_ptr<bool> plugged_;
  std::shared_ptr<platter::content> content_;
  fs::path path_;
};

class plugged_disk : public disk {
public:
  plugged_disk(platter& on, std::shared_ptr<bool> plugged) : on_{on}, plugged_{std::move(plugged)} {}

  caf::expected<std::vector<std::string>> list(const fs::path& directory) override {
    std::vector<std::string> names;
    for (auto& [path, content] : on_.files_)
      if (fs::path{path}.parent_path() == directory)
        names.push_back(fs::path{path}.filename().string());
    return names;
  }

  caf::expected<std::unique_ptr<file>> open(const fs::path& path) override {
    auto found = on_.files_.find(path.string());
    if (found == on_.files_.end())
      return failure(path, "cannot open: No such file (simulated)");
    return std::unique_ptr<file>{new plugged_file{on_, plugged_, found->second, path}};
  }

  caf::error make(const fs::path& path, size_t size) override {
    if (!*plugged_)
      return caf::none;
    if (on_.fails())
      return failure(path, "cannot write: No space left on device (simulated)");
    auto& made = on_.files_[path.string()];
    made = std::make_shared<platter::content>();
    made->cached.resize(size);
    made->stored.resize(size);
    made->is_dirty.resize(size / platter::sector_bytes + 1);
    return caf::none;
  }

  std::future<caf::error> make_aside(const fs::path& path, size_t size) override {
    std::promise<caf::error> done;
    done.set_value(make(path, size));
    return done.get_future();
  }

  caf::error remove(const fs::path& path) override {
    if (*plugged_)
      on_.files_.erase(path.string());
    return caf::none;
  }

private:
  platter& on_;
  std::shared_ptr<bool> plugged_;
};

std::shared_ptr<disk> platter::plug() {
  unplug();
  plugged_ = std::make_shared<bool>(true);
  return std::make_shared<plugged_disk>(*this, plugged_);
}

void platter::unplug() {
  if (plugged_)
    *plugged_ = false;
}

void platter::write(content& to, size_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty())
    return;
  std::memcpy(to.cached.data() + offset, bytes.data(), bytes.size());
  for (auto sector = offset / sector_bytes; sector <= (offset + bytes.size() - 1) / sector_bytes; ++sector)
    if (!to.is_dirty[sector]) {
      to.is_dirty[sector] = true;
      to.dirty.push_back(sector);
    }
}

void platter::store(content& of, size_t sector) {
  auto begin = sector * sector_bytes;
  auto size = std::min(sector_bytes, of.cached.size() - begin);
  std::memcpy(of.stored.data() + begin, of.cached.data() + begin, size);
}

void platter::cut_power() {
  for (auto& [path, x] : files_) {
    auto got_there = random_.below(x->dirty.size() + 1);
    for (size_t i = 0; i < x->dirty.size(); ++i) {
      if (faults_.torn ? random_.chance(500'000) : i < got_there)
        store(*x, x->dirty[i]);
      x->is_dirty[x->dirty[i]] = false;
    }
    x->dirty.clear();
    // A process that still has it open reads what it always read; the next one what is stored.
    auto kept = std::make_shared<content>(*x);
    kept->cached = kept->stored;
    x = kept;
  }
}

} // namespace synod::simulation
