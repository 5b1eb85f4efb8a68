// A disk whose work aside is done when the test says so.
#pragma once

#include "harness.hpp"
#include "platter.hpp"

#include <deque>

namespace synod::test {

/// The simulator's platter, without faults. Work aside is done as it is asked for, or waits while `waits`.
class waiting_disk {
public:
  struct job {
    disk::lane lane;
    std::function<caf::error()> work;
    caf::actor asker;
    uint64_t number;
  };

  waiting_disk() { plug(); }

  /// As a new process finds it.
  void plug() {
    asked.clear();
    files_ = platter.plug([this](disk::lane lane, std::function<caf::error()> work, caf::actor asker, uint64_t number) {
      asked.push_back({lane, std::move(work), std::move(asker), number});
      if (!waits)
        finish_one();
    });
  }

  disk& files() { return *files_; }

  /// Does what was asked for first, of one lane or of any.
  void finish_one(std::optional<disk::lane> of = std::nullopt) {
    auto found = std::find_if(asked.begin(), asked.end(), [&](auto& x) { return !of || x.lane == *of; });
    if (found == asked.end())
      throw std::runtime_error{"nothing was asked of the disk"};
    auto next = std::move(*found);
    asked.erase(found);
    auto failure = next.work();
    if (next.asker)
      caf::anon_send(next.asker, done_aside{next.number, std::move(failure)});
  }

  size_t count(disk::lane of) const {
    return static_cast<size_t>(std::count_if(asked.begin(), asked.end(), [&](auto& x) { return x.lane == of; }));
  }

  simulation::platter platter{1, 0};
  std::deque<job> asked;
  bool waits = false;

private:
  std::unique_ptr<disk> files_;
};

} // namespace synod::test
