#include "synod/actors/gateway/command_details.hpp"

#include "synod/actors/gateway/command_syntax.hpp"
#include "synod/actors/gateway/command_table.hpp"
#include "synod/actors/gateway/local_commands.hpp"
#include "synod/actors/replica/key_value/machine.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("all commands of the gateway and of the key-value machine have their details") {
  key_value::machine machine{{}, 1};
  command_table table{local_commands(), machine.commands()};
  auto check = [](const gateway_command& x) {
    CHECK_MESSAGE(details_of(x.spec).name == std::string_view{x.spec.name}, x.spec.name);
    auto arguments = x.spec.arity < -2 || x.spec.arity > 2;
    CHECK_MESSAGE((!arguments || !parse_syntax(details_of(x.spec).syntax).empty()), x.spec.name);
  };
  for (auto& each : table) {
    check(each);
    if (each.subcommands)
      for (auto& part : each.subcommands())
        check(part);
  }
}

TEST_CASE("what refuses to grow the store says so") {
  for (auto group : {key_value::string_commands(), key_value::key_commands(), key_value::information_commands()})
    for (auto& each : group)
      CHECK_MESSAGE(each.grows == (std::string_view{details_of(each.spec).flags}.find("denyoom") != std::string_view::npos),
                    each.spec.name);
}

TEST_CASE("a state machine's own commands are not taken for Redis's") {
  CHECK(*details_of({"get", 2, command_spec::read}).syntax == '\0'); // This one has no key.
  CHECK(*details_of({"bank.open", 3, command_spec::write, 1, 1, 1}).syntax == '\0');
}
