// How far a long piece of work is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace synod {

/// Is told how many bytes of how many were dealt with, as often as that changes. None: nobody wants to know.
using progress = std::function<void(uint64_t bytes, uint64_t of_bytes)>;

/// Says so every second, in words: "what: 40 %, 400 of 1000 MiB". Work that takes less than a second has nothing said of it.
class progress_teller {
public:
  using clock = std::function<int64_t()>; ///< microseconds; one that steps does no harm
  using say = std::function<void(const std::string& text)>;

  progress_teller(std::string what, clock now, say tell)
    : what_{std::move(what)}, now_{std::move(now)}, tell_{std::move(tell)}, told_at_{now_()} {}

  void operator()(uint64_t bytes, uint64_t of_bytes);

  static constexpr std::chrono::microseconds interval{1'000'000};

private:
  std::string what_;
  clock now_;
  say tell_;
  int64_t told_at_;
};

} // namespace synod
