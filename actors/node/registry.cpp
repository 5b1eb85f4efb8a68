#include "synod/actors/node/registry.hpp"

#include "synod/actors/acceptor/role.hpp"
#include "synod/actors/gateway/role.hpp"
#include "synod/actors/leader/role.hpp"
#include "synod/actors/replica/key_value/role.hpp"
#include "synod/actors/replica/role.hpp"

namespace synod {

registry registry::built_in() {
  registry all;
  all.add(replica_role());
  all.add(leader_role());
  all.add(acceptor_role());
  all.add(gateway_role());
  all.add(key_value_machine());
  return all;
}

} // namespace synod
