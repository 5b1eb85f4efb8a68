#include "synod/actors/gateway/command_table.hpp"

#include "synod/actors/gateway/local_commands.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synod;

namespace {

const std::vector<command_spec> of_machine{
  {"get", 2, command_spec::read}, {"echo", 9, command_spec::write}, {"add", -2, command_spec::write}};

} // namespace

TEST_CASE("a command is found by its name in any case") {
  command_table table{local_commands(), of_machine};
  REQUIRE(table.find("GeT"));
  CHECK(table.find("GeT")->how == gateway_command::kind::machine);
  REQUIRE(table.find("ping"));
  CHECK(table.find("ping")->how == gateway_command::kind::local);
  CHECK(table.find("ge") == nullptr);
  CHECK(table.find("") == nullptr);
  CHECK(table.find("getx") == nullptr);
  CHECK(table.find(std::string(65, 'g')) == nullptr);
  CHECK(table.find(std::string(100'000, 'g')) == nullptr);
}

TEST_CASE("of two commands with one name the gateway's counts") {
  command_table table{local_commands(), of_machine};
  CHECK(table.size() == local_commands().size() + of_machine.size() - 1);
  REQUIRE(table.find("echo"));
  CHECK(table.find("echo")->spec.arity == 2);
}

TEST_CASE("commands are listed by their names") {
  command_table table{local_commands(), of_machine};
  CHECK(std::is_sorted(table.begin(), table.end(), [](auto& a, auto& b) { return std::string_view{a.spec.name} < b.spec.name; }));
}

TEST_CASE("an arity is a number of arguments, or the least one") {
  command_table table{{}, of_machine};
  CHECK(table.find("get")->takes(2));
  CHECK_FALSE(table.find("get")->takes(3));
  CHECK_FALSE(table.find("add")->takes(1));
  CHECK(table.find("add")->takes(2));
  CHECK(table.find("add")->takes(7));
}

TEST_CASE("every command that the gateway answers has a function") {
  for (auto& each : local_commands()) {
    auto answers = each.how == gateway_command::kind::local || each.how == gateway_command::kind::at_once;
    CHECK_MESSAGE(answers == (each.answer != nullptr), each.spec.name);
  }
}
