#include "synod/actors/replica/log_clock.hpp"

#include <doctest/doctest.h>

using namespace synod;
using std::chrono::milliseconds;

namespace {

constexpr int64_t noon = 1'700'000'000'000;

struct fixture {
  log_clock::time_point at(int64_t ms) const { return log_clock::time_point{} + std::chrono::hours{1} + milliseconds{ms}; }

  /// What it reads that many milliseconds after noon by the steady clock, less noon.
  int64_t read(int64_t ms) { return subject.read(at(ms)).value() - noon; }

  log_clock subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "nothing is read before the cluster's time is known") {
  subject.saw(noon - 3'600'000, at(0));
  CHECK_FALSE(subject.read(at(10)));
  subject.told(noon, at(0));
  CHECK(read(10) == 10);
}

TEST_CASE_FIXTURE(fixture, "it goes on by the steady clock") {
  subject.told(noon, at(0));
  CHECK(read(0) == 0);
  CHECK(read(60'000) == 60'000);
  subject.saw(noon + 1000, at(60'000));
  CHECK(read(60'000) == 60'000);
  CHECK(read(59'000) == 60'000);
}

TEST_CASE_FIXTURE(fixture, "it is drawn to a time that is a little off, and by no more than a fiftieth of what passes") {
  for (auto off : {400, -400}) {
    subject = {};
    subject.told(noon, at(0));
    read(0);
    subject.told(noon + off, at(0));
    CHECK(read(1000) == 1000 + off / 20);
    CHECK(read(10'000) == 10'000 + off / 2);
    CHECK(read(30'000) == 30'000 + off);
    CHECK(read(40'000) == 40'000 + off);
  }
}

TEST_CASE_FIXTURE(fixture, "it leaps to a time that is far ahead, and never back") {
  subject.told(noon, at(0));
  read(0);
  subject.told(noon + 3'600'000, at(0));
  CHECK(read(0) == 3'600'000);
  subject.told(noon, at(0));
  CHECK(read(0) == 3'600'000);
  CHECK(read(1000) == 3'600'980);
}

TEST_CASE_FIXTURE(fixture, "log time that others carry further is taken over") {
  subject.told(noon, at(0));
  subject.saw(noon + 300, at(0));
  CHECK(read(0) == 300);
  CHECK(read(1000) == 1280); // On its way back to the cluster's time.
}
