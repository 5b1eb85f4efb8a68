#include "synod/actors/role/state_machine.hpp"

#include <deque>
#include <utility>

namespace synod {

namespace {

/// All pieces of a snapshot that was written at once.
class written_snapshot : public snapshot_source {
public:
  explicit written_snapshot(const state_machine& of) {
    of.snapshot([this](std::string_view piece) {
      if (!piece.empty()) // That would be the end.
        pieces_.emplace_back(piece);
    });
  }

  std::string_view next() override {
    if (pieces_.empty())
      return {};
    present_ = std::move(pieces_.front());
    pieces_.pop_front();
    return present_;
  }

private:
  std::deque<std::string> pieces_;
  std::string present_;
};

} // namespace

std::unique_ptr<snapshot_source> state_machine::begin_snapshot() {
  return std::make_unique<written_snapshot>(*this);
}

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
