#include "synod/actors/role/progress.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace synod;

TEST_CASE("progress is told once a second, whatever the clock does") {
  int64_t now = 5'000'000;
  std::vector<std::string> told;
  progress_teller subject{"reads", [&] { return now; }, [&](const std::string& text) { told.push_back(text); }};
  subject(1 << 20, 4 << 20);
  now += 999'999;
  subject(1 << 20, 4 << 20);
  CHECK(told.empty());
  now += 1;
  subject(1 << 20, 4 << 20);
  subject(2 << 20, 4 << 20);
  CHECK(told == std::vector<std::string>{"reads: 25 %, 1 of 4 MiB"});
  now -= 3'600'000'000; // It is set back.
  subject(3 << 20, 4 << 20);
  now += 1'000'000;
  subject(9 << 20, 4 << 20); // More than there seemed to be.
  REQUIRE(told.size() == 3);
  CHECK(told.back() == "reads: 100 %, 4 of 4 MiB");
}
