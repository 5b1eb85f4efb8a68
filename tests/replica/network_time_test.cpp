#include "synod/actors/replica/network_time.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace std::chrono_literals;

TEST_CASE("before anything is known the network is near") {
  CHECK_FALSE(network_time{}.pause());
}

TEST_CASE("the least of the last times counts, as others have waited for a processor") {
  network_time subject;
  for (auto took : {900ms, 40ms, 2ms, 70ms})
    subject.note(took);
  CHECK(subject.pause() == network_time::shortest_pause);
  subject.note(999us);
  CHECK_FALSE(subject.pause());
}

TEST_CASE("what was long ago is forgotten") {
  network_time subject;
  subject.note(100us);
  for (int i = 0; i < 31; ++i) {
    CHECK_FALSE(subject.pause());
    subject.note(64ms);
  }
  CHECK(subject.pause() == 1ms); // A sixty-fourth.
}
