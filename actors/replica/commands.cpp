#include "synod/actors/replica/commands.hpp"

namespace synod {

namespace {

void visit(capnp::List<capnp::Data>::Reader list) {
  for (auto each : list)
    static_cast<void>(each);
}

/// Reads all that performing will read.
void visit(schema::Operation::Reader operation) {
  switch (operation.which()) {
    case schema::Operation::ARGUMENTS:
      visit(operation.getArguments());
      break;
    case schema::Operation::VERSIONS:
      visit(operation.getVersions());
      break;
    case schema::Operation::TRANSACTION:
      for (auto command : operation.getTransaction().getCommands())
        visit(command);
      for (auto watched : operation.getTransaction().getWatched())
        watched.getKey();
      break;
    default:
      break;
  }
}

} // namespace

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

bool are_sound(std::span<const uint64_t> requests) {
  return is_sound(requests, [](capnp::MessageReader& reader) {
    for (auto operation : reader.getRoot<schema::Requests>().getOperations())
      visit(operation);
  });
}

arguments arguments_of(capnp::List<capnp::Data>::Reader list) {
  thread_local std::vector<std::string_view> storage;
  storage.clear();
  for (auto each : list)
    storage.push_back(view(each));
  return storage;
}

} // namespace synod
