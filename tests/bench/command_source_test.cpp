#include "command_source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

using namespace synod;
using bench::key_distribution;

namespace {

std::vector<double> shares(const key_distribution& of, uint64_t count, int draws) {
  std::mt19937_64 random{1};
  std::vector<double> found(count);
  for (int i = 0; i < draws; ++i)
    found.at(of.draw(random)) += 1.0 / draws;
  return found;
}

} // namespace

TEST_CASE("without skew each key is drawn as often as any other") {
  auto found = shares({10, 0}, 10, 100'000);
  for (auto each : found)
    CHECK(each == doctest::Approx(0.1).epsilon(0.05));
}

TEST_CASE("with skew the most frequent key is drawn as often as the distribution says, and so are others by their rank") {
  constexpr uint64_t count = 1000;
  constexpr double skew = 0.9;
  auto found = shares({count, skew}, count, 500'000);
  std::sort(found.rbegin(), found.rend());
  double zeta = 0;
  for (uint64_t i = 1; i <= count; ++i)
    zeta += std::pow(static_cast<double>(i), -skew);
  CHECK(found[0] == doctest::Approx(1 / zeta).epsilon(0.03));
  CHECK(found[1] == doctest::Approx(std::pow(2.0, -skew) / zeta).epsilon(0.03));
  double first_tenth = 0, expected = 0;
  for (size_t i = 0; i < count / 10; ++i) {
    first_tenth += found[i];
    expected += std::pow(static_cast<double>(i + 1), -skew) / zeta;
  }
  CHECK(first_tenth == doctest::Approx(expected).epsilon(0.05));
}

TEST_CASE("commands are what the options ask for") {
  bench::options asked;
  asked.reads_percent = 25;
  asked.keys = 50;
  asked.least_value_bytes = 10;
  asked.most_value_bytes = 20;
  bench::command_source subject{asked};
  constexpr size_t count = 20'000;
  size_t reads = 0;
  std::map<std::string, size_t> keys;
  std::map<size_t, size_t> sizes;
  for (size_t i = 0; i < count; ++i) {
    auto next = subject.next();
    ++keys[std::string{next.key}];
    if (next.read)
      ++reads;
    else
      ++sizes[next.value.size()];
  }
  CHECK(reads == doctest::Approx(count / 4.0).epsilon(0.05));
  CHECK(keys.size() == 50);
  CHECK(keys.contains("key:000000000049"));
  CHECK(sizes.size() == 11);
  CHECK(sizes.begin()->first == 10);
}

TEST_CASE("the same seed gives the same commands") {
  bench::options asked;
  asked.reads_percent = 50;
  auto first_key = [&] {
    bench::command_source subject{asked};
    return std::string{subject.next().key};
  };
  auto first = first_key();
  CHECK(first_key() == first);
  asked.seed = 2;
  CHECK(first_key() != first);
}

TEST_CASE("keys are filled by their numbers, named as redis-benchmark does") {
  bench::options asked;
  bench::command_source subject{asked};
  auto first = subject.fill(7);
  CHECK_FALSE(first.read);
  CHECK(first.key == "key:000000000007");
  CHECK(first.value.size() == 64);
}
