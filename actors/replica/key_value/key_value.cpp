#include "synod/actors/replica/key_value/key_value.hpp"

#include "synod/actors/replica/key_value/machine.hpp"

namespace synod {

state_machine_definition key_value_machine() {
  using kind = option_spec::kind;
  return {"key-value",
          "strings with expiry, with Redis's commands",
          {{"value-limit", kind::bytes, "8MiB", "largest value", 1024, 32 << 20},
           {"store-limit", kind::bytes, "4GiB", "all keys and values; growing commands are refused above", 1 << 20}},
          [](const option_values& options, uint64_t seed) {
            return std::make_unique<key_value::machine>(
              key_value::machine::limits{options.bytes("value-limit"), options.bytes("store-limit")}, seed);
          }};
}

} // namespace synod
