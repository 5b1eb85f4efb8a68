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

  void told(int64_t time, log_clock::time_point when) { subject.told(time, time, when); }

  log_clock subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "nothing is read before the cluster's time is known") {
  subject.saw(noon - 3'600'000, at(0));
  CHECK_FALSE(subject.read(at(10)));
  told(noon, at(0));
  CHECK(read(10) == 10);
}

TEST_CASE_FIXTURE(fixture, "it goes on by the steady clock") {
  told(noon, at(0));
  CHECK(read(0) == 0);
  CHECK(read(60'000) == 60'000);
  subject.saw(noon + 1000, at(60'000));
  CHECK(read(60'000) == 60'000);
  CHECK(read(59'000) == 60'000);
  subject.saw(noon + 59'900, at(60'000)); // A batch that waited.
  CHECK(read(60'000) == 60'000);
}

TEST_CASE_FIXTURE(fixture, "it is drawn to a time that is a little off, and by no more than a fiftieth of what passes") {
  for (auto off : {400, -400}) {
    subject = {};
    told(noon, at(0));
    read(0);
    told(noon + off, at(0));
    CHECK(read(1000) == 1000 + off / 20);
    CHECK(read(10'000) == 10'000 + off / 2);
    CHECK(read(30'000) == 30'000 + off);
    CHECK(read(40'000) == 40'000 + off);
  }
}

TEST_CASE_FIXTURE(fixture, "it leaps to a time that is far ahead, and never back") {
  told(noon, at(0));
  read(0);
  told(noon + 3'600'000, at(0));
  CHECK(read(0) == 3'600'000);
  told(noon, at(0));
  CHECK(read(0) == 3'600'000);
  CHECK(read(1000) == 3'600'980);
}

TEST_CASE_FIXTURE(fixture, "log time that others carry further is taken over") {
  told(noon, at(0));
  subject.saw(noon + 300, at(0));
  CHECK(read(0) == 300);
  CHECK(read(1000) == 1280); // On its way back to the cluster's time.
}

TEST_CASE_FIXTURE(fixture, "between two clocks one of which is wrong it goes on by itself") {
  told(noon, at(0));
  read(0);
  subject.told(noon - 3'600'000, noon + 100, at(0));
  CHECK(read(100'000) == 100'000);
  subject.told(noon + 100'000 - 50, noon + 7'300'000, at(100'000));
  CHECK(read(200'000) == 200'000);
  subject.told(noon + 200'100, noon + 7'400'000, at(200'000));
  CHECK(read(210'000) == 210'100);
  subject.told(noon, noon + 210'000, at(210'000));
  CHECK(read(220'000) == 220'000);
}

TEST_CASE_FIXTURE(fixture, "it is drawn as much when it is asked often") {
  told(noon, at(0));
  read(0);
  told(noon + 400, at(0));
  for (int us = 0; us < 1'000'000; us += 7)
    subject.read(at(0) + std::chrono::microseconds{us});
  CHECK(read(1000) == 1020);
}
