#include "synod/actors/acceptor/storage.hpp"

namespace synod {

caf::error memory_storage::replay(const visitor& visit) {
  for (size_t i = 0; i < records_.size(); ++i)
    visit(records_[i].kind, records_[i].content, {0, i});
  return caf::none;
}

caf::expected<storage::position> memory_storage::append(record_kind kind, const block_ptr& content) {
  records_.push_back({kind, content});
  return position{0, records_.size() - 1};
}

caf::error memory_storage::sync() {
  if (sync_fails_)
    return caf::make_error(caf::sec::runtime_error, "the disk failed");
  synced_ = records_.size();
  return caf::none;
}

caf::expected<block_ptr> memory_storage::read(position where) {
  if (where.offset >= records_.size())
    return caf::make_error(caf::sec::invalid_argument, "no such record");
  return records_[where.offset].content;
}

} // namespace synod
