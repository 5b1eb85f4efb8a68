// One durable append to the acceptor's log, by way of the disk's thread, against a plain pwrite and fdatasync to a pre-written
// file, side by side. Usage: log-benchmark [DIRECTORY [APPENDS [BYTES]]]
#include "synod/actors/acceptor/log/log.hpp"
#include "synod/actors/node/local_disk.hpp"

#include "harness.hpp"
#include "temporary_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>

using namespace synod;
using namespace synod::test;

namespace {

using microseconds = std::chrono::duration<double, std::micro>;

template <class Work>
double time_us(Work work) {
  auto begin = std::chrono::steady_clock::now();
  work();
  return microseconds{std::chrono::steady_clock::now() - begin}.count();
}

double percentile(std::vector<double> times, double share) {
  std::sort(times.begin(), times.end());
  return times[static_cast<size_t>(static_cast<double>(times.size() - 1) * share)];
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "log-benchmark: %s\n", what);
  std::exit(1);
}

/// Hands work to the disk's thread and waits for its end.
class wakeable {
public:
  caf::error wait_for(disk& files, const write_ahead_log::work& x) {
    done_ = false;
    files.aside(
      x.lane,
      [this, &x] {
        failure_ = x.run();
        done_ = true;
        done_.notify_one();
        return caf::error{};
      },
      {}, x.number);
    done_.wait(false);
    return failure_;
  }

private:
  std::atomic<bool> done_{false};
  caf::error failure_;
};

} // namespace

int main(int argc, char** argv) {
  temporary_directory temporary;
  std::filesystem::path directory = argc > 1 ? std::filesystem::path{argv[1]} / "log-benchmark" : temporary.path();
  auto appends = argc > 2 ? std::atoi(argv[2]) : 2000;
  auto bytes = argc > 3 ? static_cast<size_t>(std::atoi(argv[3])) : size_t{10} << 10;
  std::filesystem::create_directories(directory);

  local_disk files;
  auto opened = write_ahead_log::open(files, {directory / "log", "benchmark", "a", 16u << 20}, [](auto, auto&, auto&) {});
  if (!opened)
    fail("cannot open the log");
  auto& log = **opened;
  wakeable caller;
  auto append = [&](const block_ptr& content) {
    log.append(record_kind::pvalue, content);
    for (auto write = log.next_write(); write; write = log.next_write()) {
      if (caller.wait_for(files, *write))
        fail("cannot append");
      log.done(write->number);
    }
  };
  // Beforehand, as it is in a node; not a part of what is measured.
  auto prepare = [&] {
    if (auto segment = log.next_segment()) {
      if (segment->run())
        fail("cannot prepare a segment");
      log.done(segment->number);
    }
  };
  auto pvalue = pvalue_of({1, 0, 1}, 1, {request_of(1, 1, {{"SET", "key", std::string(bytes, 'x')}})});

  constexpr size_t plain_bytes = 64u << 20;
  auto plain_file = directory / "plain";
  {
    std::ofstream zeros{plain_file, std::ios::binary};
    std::vector<char> block(1 << 20);
    for (size_t i = 0; i < plain_bytes / block.size(); ++i)
      zeros.write(block.data(), static_cast<std::streamsize>(block.size()));
  }
  auto plain = ::open(plain_file.c_str(), O_RDWR | O_CLOEXEC);
  if (plain < 0 || ::fsync(plain) != 0)
    fail("cannot open the plain file");
  off_t offset = 0;
  std::vector<double> of_log, of_plain;
  for (int i = 0; i < appends; ++i) {
    // In turns, so that a slow moment of the disk meets both.
    prepare();
    of_log.push_back(time_us([&] { append(pvalue.content()); }));
    of_plain.push_back(time_us([&] {
      auto size = static_cast<ssize_t>(pvalue.size_bytes());
      if (::pwrite(plain, pvalue.words().data(), static_cast<size_t>(size), offset) != size || ::fdatasync(plain) != 0)
        fail("cannot write");
    }));
    offset = (offset + static_cast<off_t>(pvalue.size_bytes())) % static_cast<off_t>(plain_bytes - 2 * pvalue.size_bytes());
  }
  ::close(plain);
  std::printf("%d appends of %zu bytes in turns, us: log p50 %.0f p99 %.0f, plain p50 %.0f p99 %.0f, ratio of medians %.2f\n",
              appends, pvalue.size_bytes(), percentile(of_log, 0.5), percentile(of_log, 0.99), percentile(of_plain, 0.5),
              percentile(of_plain, 0.99), percentile(of_log, 0.5) / percentile(of_plain, 0.5));
  if (argc > 1)
    std::filesystem::remove_all(directory);
}
