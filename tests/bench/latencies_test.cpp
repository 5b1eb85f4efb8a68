#include "latencies.hpp"

#include <doctest/doctest.h>

using synod::bench::latencies;

TEST_CASE("quantiles are exact to a hundredth") {
  latencies subject;
  for (int i = 1; i <= 10'000; ++i)
    subject.add(i);
  CHECK(subject.count() == 10'000);
  CHECK(subject.mean() == doctest::Approx(5000.5));
  CHECK(subject.most() == 10'000);
  for (auto share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CHECK(subject.quantile(share) >= share * 10'000);
    CHECK(subject.quantile(share) <= share * 10'000 * 1.011);
  }
  CHECK(subject.quantile(1) == 10'000);
}

TEST_CASE("what is shorter or longer than the histogram goes is counted at its ends") {
  latencies subject;
  subject.add(0);
  subject.add(0.2);
  subject.add(1e12);
  CHECK(subject.count() == 3);
  CHECK(subject.quantile(0.5) <= 1.01);
  CHECK(subject.most() == 1e12);
  uint64_t last = 0;
  subject.each([&](double, uint64_t up_to) { last = up_to; });
  CHECK(last == 3);
}

TEST_CASE("an empty histogram has no quantiles") {
  latencies subject;
  CHECK(subject.quantile(0.99) == 0);
  CHECK(subject.mean() == 0);
}
