#include "synod/actors/node/local_disk.hpp"

#include <caf/sec.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace synod {

namespace fs = std::filesystem;

namespace {

caf::error problem(const fs::path& path, const std::string& doing) {
  return caf::make_error(caf::sec::runtime_error, path.string() + ": " + doing + ": " + std::generic_category().message(errno));
}

/// A file's bytes, mapped while this lives.
class mapping {
public:
  mapping(int file, size_t size) : size_{size} {
    if (size_ > 0)
      bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
  }
  ~mapping() {
    if (size_ > 0 && bytes_ != MAP_FAILED)
      ::munmap(bytes_, size_);
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;

  bool failed() const { return bytes_ == MAP_FAILED; }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(bytes_), size_}; }

private:
  void* bytes_ = nullptr;
  size_t size_;
};

class local_file : public disk::file {
public:
  local_file(int number, fs::path path, size_t size) : number_{number}, path_{std::move(path)}, size_{size} {}
  ~local_file() override { ::close(number_); }
  local_file(const local_file&) = delete;
  local_file& operator=(const local_file&) = delete;

  size_t size() const override { return size_; }

  caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) override {
    std::vector<iovec> left;
    left.reserve(parts.size());
    for (auto& each : parts)
      left.push_back({const_cast<std::byte*>(each.data()), each.size()});
    for (size_t next = 0; next < left.size();) {
      auto count = std::min<size_t>(left.size() - next, IOV_MAX);
      auto written = ::pwritev(number_, &left[next], static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return problem(path_, "cannot write at offset " + std::to_string(offset));
      offset += static_cast<size_t>(written);
      auto rest = static_cast<size_t>(written);
      for (; rest > 0 && rest >= left[next].iov_len; ++next)
        rest -= left[next].iov_len;
      if (rest > 0) {
        left[next].iov_base = static_cast<char*>(left[next].iov_base) + rest;
        left[next].iov_len -= rest;
      }
    }
    return caf::none;
  }

  caf::error sync() override { return ::fdatasync(number_) == 0 ? caf::error{} : problem(path_, "cannot sync"); }

  caf::error write_zeros(size_t from, size_t to) override {
    static const std::vector<char> zeros(1u << 20);
    while (from < to) {
      auto written = ::pwrite(number_, zeros.data(), std::min(zeros.size(), to - from), static_cast<off_t>(from));
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return problem(path_, "cannot write");
      from += static_cast<size_t>(written);
    }
    size_ = std::max(size_, to);
    return sync();
  }

  caf::error read(size_t offset, std::span<std::byte> into) const override {
    while (!into.empty()) {
      auto count = ::pread(number_, into.data(), into.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return problem(path_, "cannot read at offset " + std::to_string(offset));
      if (count == 0)
        return caf::make_error(caf::sec::runtime_error, path_.string() + ": ends at offset " + std::to_string(offset));
      offset += static_cast<size_t>(count);
      into = into.subspan(static_cast<size_t>(count));
    }
    return caf::none;
  }

  caf::expected<disk::view> map() const override {
    auto mapped = std::make_shared<mapping>(number_, size_);
    if (mapped->failed())
      return problem(path_, "cannot map");
    return disk::view{mapped->bytes(), mapped};
  }

private:
  int number_;
  fs::path path_;
  size_t size_;
};

caf::error sync_directory(const fs::path& directory) {
  auto file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return problem(directory, "cannot open");
  auto failed = ::fsync(file) != 0;
  ::close(file);
  return failed ? problem(directory, "cannot sync") : caf::error{};
}

/// Writes the zeros under a temporary name, then gives the file its own.
caf::error make_file(const fs::path& path, size_t size) {
  auto unfinished = path;
  unfinished += ".new";
  auto number = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (number < 0)
    return problem(unfinished, "cannot create");
  caf::error failure;
  {
    local_file file{number, unfinished, 0};
    failure = file.write_zeros(0, size);
    if (!failure && ::fsync(number) != 0)
      failure = problem(unfinished, "cannot sync");
  }
  if (!failure && ::rename(unfinished.c_str(), path.c_str()) != 0)
    failure = problem(unfinished, "cannot rename");
  if (failure) {
    ::unlink(unfinished.c_str()); // Best effort: a start removes what is left of it.
    return failure;
  }
  return sync_directory(path.parent_path());
}

class local : public disk {
public:
  caf::expected<std::vector<std::string>> list(const fs::path& directory) override {
    std::error_code failure;
    fs::create_directories(directory, failure);
    if (failure)
      return caf::make_error(caf::sec::runtime_error, directory.string() + ": cannot create: " + failure.message());
    std::vector<std::string> names;
    for (auto& entry : fs::directory_iterator{directory, failure})
      names.push_back(entry.path().filename().string());
    if (failure)
      return caf::make_error(caf::sec::runtime_error, directory.string() + ": cannot read: " + failure.message());
    return names;
  }

  caf::expected<std::unique_ptr<file>> open(const fs::path& path) override {
    auto number = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (number < 0)
      return problem(path, "cannot open");
    struct stat info {};
    if (::fstat(number, &info) != 0) {
      auto failure = problem(path, "cannot look at");
      ::close(number);
      return failure;
    }
    return std::unique_ptr<file>{new local_file{number, path, static_cast<size_t>(info.st_size)}};
  }

  caf::error make(const fs::path& path, size_t size) override { return make_file(path, size); }

  std::future<caf::error> make_aside(const fs::path& path, size_t size) override {
    return std::async(std::launch::async, [path, size] { return make_file(path, size); });
  }

  caf::error remove(const fs::path& path) override {
    return ::unlink(path.c_str()) == 0 ? caf::error{} : problem(path, "cannot remove");
  }
};

} // namespace

std::shared_ptr<disk> local_disk() {
  return std::make_shared<local>();
}

} // namespace synod
