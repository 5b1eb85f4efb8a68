// Random numbers that are the same on every machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace synod::simulation {

/// All of a simulation's time: since its start.
using duration = std::chrono::nanoseconds;

/// One stream of random numbers. Each concern of a run has its own, made of the run's seed and the concern's name: so
/// leaving one fault out changes as little as possible of the rest. The standard's engines give the same
/// numbers everywhere, its distributions do not, hence the few here.
class random_stream {
public:
  random_stream(uint64_t seed, std::string_view purpose, uint64_t index = 0);

  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t limit) { return limit == 0 ? 0 : engine_() % limit; }
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(below(static_cast<uint64_t>(most - least) + 1));
  }
  duration between(duration least, duration most) { return duration{between(least.count(), most.count())}; }
  /// True in so many of a million cases.
  bool chance(uint32_t per_million) { return per_million > 0 && below(1'000'000) < per_million; }
  /// Around `mean`, mostly shorter, sometimes up to four times as long: a sum of halvings.
  duration around(duration mean) {
    auto bits = next();
    auto scale = int64_t{1} << (bits & 3); // 1, 2, 4, 8
    return duration{mean.count() * scale / 4 + between(0, mean.count() / 4 + 1)};
  }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

private:
  std::mt19937_64 engine_;
};

} // namespace synod::simulation
