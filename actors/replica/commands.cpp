#include "synod/actors/replica/commands.hpp"

namespace synod {

void reply::copy(schema::Reply::Reader other) {
  if (!target_)
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

arguments arguments_of(capnp::List<capnp::Data>::Reader list) {
  thread_local std::vector<std::string_view> storage;
  storage.clear();
  for (auto each : list)
    storage.push_back(view(each));
  return storage;
}

} // namespace synod
