#include "synod/actors/role/upheld.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <utility>
#include <vector>

using namespace synod;

namespace {

/// Instead of the end of the process.
struct gives_up : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Takes down what is found broken while it lives.
struct broken_book {
  broken_book()
    : before{on_broken([this](std::string_view invariant, const std::string& seen) {
        all.emplace_back(invariant, seen);
        throw gives_up{seen};
      })} {}
  ~broken_book() { on_broken(before); }

  std::vector<std::pair<std::string, std::string>> all;
  broken_handler before;
};

} // namespace

TEST_CASE("what is upheld passes") {
  broken_book book;
  CHECK_NOTHROW(upheld(true, "R4", "slot_out {}", 7));
  CHECK(book.all.empty());
}

TEST_CASE("what is not upheld is told with the invariant's name and what was seen, and nothing goes on") {
  broken_book book;
  CHECK_THROWS_AS(upheld(1 + 1 == 3, "R4", "slot_out {} behind {}", 7, "eight"), gives_up);
  REQUIRE(book.all.size() == 1);
  CHECK(book.all[0].first == "R4");
  CHECK(book.all[0].second == "slot_out 7 behind eight");
}

TEST_CASE("a handler of what is broken gives way to another and comes back") {
  broken_book outer;
  {
    broken_book inner;
    CHECK_THROWS_AS(broken("A1", "inner"), gives_up);
    CHECK(inner.all.size() == 1);
  }
  CHECK(outer.all.empty());
  CHECK_THROWS_AS(broken("A1", "outer"), gives_up);
  CHECK(outer.all.size() == 1);
}
