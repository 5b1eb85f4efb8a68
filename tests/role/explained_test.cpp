#include "synod/actors/role/explained.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

std::string commands_in(std::vector<message<schema::Request>> requests) {
  return commands_of(pvalue_of({1, 0, 1}, 1, std::move(requests))->getValue());
}

} // namespace

TEST_CASE("a batch's commands are told by name, with how many there are") {
  CHECK(commands_in({}).empty());
  CHECK(commands_in({open_request(1), request_of(5, 1, {{"SET", "k", "v"}, {"incr", "n"}, {"set", "k", "v"}}), open_request(2)})
        == "open a session 2, SET 2, INCR");
}

TEST_CASE("a transaction is told with what is in it") {
  operation_writer whole;
  whole.transaction(watched_keys{}, command_list{{"DEL"}, {"DEL"}});
  CHECK(commands_in({request_of(5, 1, whole)}) == "EXEC, DEL 2");
}

TEST_CASE("names that a client made up are printed so that they do no harm, and not at any length") {
  CHECK(commands_in({request_of(5, 1, {{"a\x1b[31m\n"}, {}})}) == "A?[31M?, (no name)");
  CHECK(commands_in({request_of(5, 1, {{std::string(1000, 'x')}})}) == std::string(longest_name, 'X'));
  std::vector<std::vector<std::string>> many;
  for (size_t i = 0; i < most_names + 3; ++i)
    many.push_back({"c" + std::to_string(i)});
  CHECK(commands_in({request_of(5, 1, many)}).ends_with("C15 and 3 others"));
}
