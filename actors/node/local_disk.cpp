#include "synod/actors/node/local_disk.hpp"

#include "synod/messages/roles.hpp"

#include <caf/sec.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace synod {

namespace fs = std::filesystem;

namespace {

caf::error problem(const fs::path& path, const std::string& doing, int why = errno) {
  auto text = path.string() + ": " + doing + ": " + std::generic_category().message(why);
  return why == ENOSPC || why == EDQUOT ? want_of_room(std::move(text))
                                        : caf::make_error(caf::sec::runtime_error, std::move(text));
}

class local_file : public disk::file {
public:
  /// `read_only`: the error number for which it could not be opened otherwise; 0: it could.
  local_file(int number, fs::path path, size_t size, int read_only = 0)
    : number_{number}, path_{std::move(path)}, size_{size}, read_only_{read_only} {}
  ~local_file() override { ::close(number_); }
  local_file(const local_file&) = delete;
  local_file& operator=(const local_file&) = delete;

  size_t size() const override { return size_; }

  caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) override {
    if (read_only_ != 0)
      return problem(path_, "cannot write", read_only_);
    std::vector<iovec> left;
    left.reserve(parts.size());
    for (auto& each : parts)
      if (!each.empty())
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
    size_ = std::max(size_, offset);
    return caf::none;
  }

  caf::error sync() override { return ::fdatasync(number_) == 0 ? caf::error{} : problem(path_, "cannot sync"); }

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

private:
  int number_;
  fs::path path_;
  size_t size_;
  int read_only_;
};

} // namespace

// -- primitives ---------------------------------------------------------------

caf::expected<std::vector<std::string>> local_disk::list(const fs::path& directory) {
  std::error_code failure;
  std::vector<std::string> names;
  for (fs::directory_iterator i{directory, failure}, end; !failure && i != end; i.increment(failure))
    names.push_back(i->path().filename().string());
  if (failure)
    return problem(directory, "cannot read", failure.value());
  return names;
}

caf::error local_disk::make_directory(const fs::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) == 0)
    return S_ISDIR(info.st_mode) ? caf::error{}
                                 : caf::make_error(caf::sec::runtime_error, directory.string() + ": is not a directory");
  auto above = directory.parent_path();
  if (above.empty())
    above = ".";
  if (above != directory)
    if (auto failure = make_directory(above))
      return failure;
  if (directory.filename().empty() || directory.filename() == ".") // "DIR/" is what is above it.
    return caf::none;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return problem(directory, "cannot create");
  return sync_directory(above);
}

caf::expected<std::unique_ptr<disk::file>> local_disk::open(const fs::path& path) {
  auto number = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  auto read_only = number < 0 && (errno == EACCES || errno == EROFS) ? errno : 0;
  if (read_only != 0) // Enough for whoever only looks.
    number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0)
    return problem(path, "cannot open");
  struct stat info {};
  if (::fstat(number, &info) != 0) {
    auto failure = problem(path, "cannot look at");
    ::close(number);
    return failure;
  }
  return std::unique_ptr<file>{new local_file{number, path, static_cast<size_t>(info.st_size), read_only}};
}

caf::expected<std::unique_ptr<disk::file>> local_disk::create(const fs::path& path) {
  auto number = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (number < 0)
    return problem(path, "cannot create");
  return std::unique_ptr<file>{new local_file{number, path, 0}};
}

caf::error local_disk::rename(const fs::path& from, const fs::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? caf::error{} : problem(from, "cannot rename");
}

caf::error local_disk::remove(const fs::path& path) {
  return ::unlink(path.c_str()) == 0 ? caf::error{} : problem(path, "cannot remove");
}

caf::error local_disk::sync_directory(const fs::path& directory) {
  auto number = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0)
    return problem(directory, "cannot open");
  auto failure = ::fsync(number) == 0 ? caf::error{} : problem(directory, "cannot sync");
  ::close(number);
  return failure;
}

caf::expected<uint64_t> local_disk::free_bytes(const fs::path& directory) {
  struct statvfs found {};
  if (::statvfs(directory.c_str(), &found) != 0)
    return problem(directory, "cannot look how much room there is");
  if (found.f_files > 0 && found.f_favail == 0) // Some file systems count no files.
    return uint64_t{0};
  return uint64_t{found.f_bavail} * found.f_frsize;
}

// -- threads ------------------------------------------------------------------

local_disk::local_disk() {
  try {
    for (auto& each : workers_)
      each.thread = std::thread{[&each] { each.run(); }};
  } catch (...) {
    finish();
    throw;
  }
}

local_disk::~local_disk() {
  finish();
}

void local_disk::aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) {
  auto& x = workers_[static_cast<size_t>(where)];
  bool wakes = false;
  {
    std::lock_guard guard{x.mutex};
    x.jobs.push_back({std::move(work), std::move(asker), number});
    wakes = std::exchange(x.sleeps, false);
  }
  if (wakes)
    x.wake.notify_one();
}

void local_disk::worker::run() {
  std::unique_lock guard{mutex};
  for (;;) {
    if (jobs.empty()) {
      if (ends)
        return;
      sleeps = true;
      wake.wait(guard, [this] { return !sleeps; });
      continue;
    }
    auto next = std::move(jobs.front());
    jobs.pop_front();
    guard.unlock();
    auto failure = next.work();
    if (next.asker)
      caf::anon_send(next.asker, done_aside{next.number, std::move(failure)});
    next = {};
    guard.lock();
  }
}

void local_disk::finish() {
  for (auto& each : workers_) {
    {
      std::lock_guard guard{each.mutex};
      each.ends = true;
      each.sleeps = false;
    }
    each.wake.notify_one();
    if (each.thread.joinable())
      each.thread.join();
  }
}

} // namespace synod
