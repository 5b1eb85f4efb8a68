#include "synod/messages/batch.hpp"

#include <xxhash.h>

namespace synod {

uint64_t fingerprint(schema::Batch::Reader value) {
  auto words = capnp::AnyStruct::Reader{value}.canonicalize();
  auto bytes = words.asBytes();
  return XXH3_64bits(bytes.begin(), bytes.size());
}

bool same_value(schema::Batch::Reader a, schema::Batch::Reader b) {
  return capnp::AnyStruct::Reader{a} == capnp::AnyStruct::Reader{b};
}

message<schema::Request> copy_of(schema::Request::Reader x) {
  builder<schema::Request> copy{x.totalSize().wordCount * sizeof(capnp::word) + 64};
  if (x.isCommands())
    copy->setCommands(x.getCommands());
  else if (x.isConfiguration())
    copy->setConfiguration(x.getConfiguration());
  else
    copy->setOpen(x.getOpen());
  return copy.finish();
}

} // namespace synod
