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

TEST_CASE("every command that the gateway answers has a function, or subcommands that have") {
  auto check = [](const gateway_command& x) {
    auto answers =
      x.how == gateway_command::kind::local || x.how == gateway_command::kind::at_once || x.how == gateway_command::kind::info;
    CHECK_MESSAGE(answers == (x.answer || x.subcommands), x.spec.name);
  };
  for (auto& each : local_commands()) {
    check(each);
    if (each.subcommands)
      for (auto& part : each.subcommands())
        check(part);
  }
}

TEST_CASE("subcommands are found by both words, and told what is wrong with them") {
  command_table table{local_commands(), of_machine};
  auto look_up = [&](std::vector<std::string_view> args) { return table.look_up(args); };
  CHECK(look_up({"CLIENT", "Id"}).command == table.find("client|id"));
  CHECK(look_up({"CLIENT", "ID"}).error.empty());
  CHECK(look_up({"CLIENT", "ID", "x"}).error == "ERR wrong number of arguments for 'client|id' command");
  CHECK(look_up({"CLIENT"}).error == "ERR wrong number of arguments for 'client' command");
  CHECK(look_up({"CLIENT", "nope"}).error == "ERR unknown subcommand 'nope'. Try CLIENT HELP.");
  CHECK(look_up({"COMMAND"}).error.empty());
  CHECK(look_up({"client|id", "x"}).error == "ERR unknown command 'client|id', with args beginning with: 'x' ");
}

TEST_CASE("of what nobody knows a part is told") {
  command_table table{local_commands(), of_machine};
  std::string longer(200, 'x');
  std::vector<std::string_view> args{longer, {"a\0b", 3}, longer, "more"};
  auto error = table.look_up(args).error;
  CHECK(error
        == "ERR unknown command '" + std::string(128, 'x') + "', with args beginning with: 'a' '" + std::string(124, 'x') + "' ");
}

TEST_CASE("INFO is the gateway's alone where the state machine has none") {
  CHECK(command_table{local_commands(), of_machine}.find("info")->how == gateway_command::kind::local);
  std::vector<command_spec> with_info{{"info", -1, command_spec::read}};
  CHECK(command_table{local_commands(), with_info}.find("info")->how == gateway_command::kind::info);
}
