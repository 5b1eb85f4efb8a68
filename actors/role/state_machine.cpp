#include "synod/actors/role/state_machine.hpp"

namespace synod {

void reply::copy(schema::Reply::Reader other) {
  if (!fits(other.totalSize().wordCount * sizeof(capnp::word)))
    return;
  switch (other.which()) {
    case schema::Reply::NIL:
      return target_->setNil();
    case schema::Reply::STATUS:
      return target_->setStatus(other.getStatus());
    case schema::Reply::ERROR:
      return target_->setError(other.getError());
    case schema::Reply::INTEGER:
      return target_->setInteger(other.getInteger());
    case schema::Reply::BULK:
      return target_->setBulk(other.getBulk());
    case schema::Reply::ARRAY:
      return target_->setArray(other.getArray());
    case schema::Reply::NO_ARRAY:
      return target_->setNoArray();
  }
}

} // namespace synod
