#include "synod/actors/node/built_in.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"
#include "synod/actors/gateway/gateway_role.hpp"
#include "synod/actors/leader/leader_role.hpp"
#include "synod/actors/replica/key_value/key_value.hpp"
#include "synod/actors/replica/replica_role.hpp"

namespace synod {

registry built_in() {
  registry all;
  all.add(replica_role());
  all.add(leader_role());
  all.add(acceptor_role());
  all.add(gateway_role());
  all.add(key_value_machine());
  return all;
}

} // namespace synod
