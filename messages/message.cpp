#include "synod/messages/message.hpp"

#include "synod/messages/operations.hpp"
#include "synod/messages/paxos.capnp.h"

#include <capnp/any.h>
#include <kj/exception.h>

#include <cstring>

namespace synod {

namespace {

constexpr int nesting_limit = 32;

kj::ArrayPtr<const capnp::word> as_capnp(std::span<const uint64_t> words) {
  return {reinterpret_cast<const capnp::word*>(words.data()), words.size()};
}

std::unique_ptr<uint64_t[]> zeroed(size_t words) {
  return std::make_unique<uint64_t[]>(words);
}

/// Reads every pointer once, as its schema says: throws where one is not what it should be.
void visit(capnp::DynamicStruct::Reader value);

void visit(capnp::DynamicList::Reader list) {
  switch (list.getSchema().whichElementType()) {
    case capnp::schema::Type::STRUCT:
      for (auto element : list)
        visit(element.as<capnp::DynamicStruct>());
      break;
    case capnp::schema::Type::LIST:
      for (auto element : list)
        visit(element.as<capnp::DynamicList>());
      break;
    case capnp::schema::Type::DATA:
    case capnp::schema::Type::TEXT:
      for (unsigned i = 0; i < list.size(); ++i)
        list[i];
      break;
    default:
      break;
  }
}

void visit_field(capnp::DynamicStruct::Reader value, capnp::StructSchema::Field field) {
  auto type = field.getType();
  if (field.getProto().isGroup())
    visit(value.get(field).as<capnp::DynamicStruct>());
  else if (type.isText() || type.isData())
    value.get(field);
  else if (type.isStruct()) {
    if (value.has(field))
      visit(value.get(field).as<capnp::DynamicStruct>());
  } else if (type.isList()) {
    if (value.has(field))
      visit(value.get(field).as<capnp::DynamicList>());
  }
}

/// Another kind than this version knows: readers would take it for one of theirs.
[[noreturn]] void refuse_kind() {
  KJ_FAIL_REQUIRE("a member of a union that is not known");
}

void visit(schema::Operations::Reader operations) {
  KJ_REQUIRE(is_sound(operations), "operations that cannot be read");
}

void visit(capnp::DynamicStruct::Reader value) {
  static const capnp::StructSchema operations = capnp::Schema::from<schema::Operations>();
  if (value.getSchema() == operations)
    return visit(value.as<schema::Operations>());
  for (auto field : value.getSchema().getNonUnionFields())
    visit_field(value, field);
  KJ_IF_MAYBE (field, value.which())
    visit_field(value, *field);
  else if (value.getSchema().getUnionFields().size() > 0)
    refuse_kind();
}

void visit(schema::Configuration::Reader configuration) {
  for (auto node : configuration.getNodes()) {
    node.getName();
    node.getHost();
    for (auto role : node.getRoles())
      static_cast<void>(role);
  }
  configuration.getRemoved();
}

/// The same, by hand, for the message that carries all commands: acceptors log it and replicas perform it by the million. What
/// replicas read of a batch is read here, so that nobody checks a request again.
void visit(schema::Pvalue::Reader pvalue) {
  pvalue.getBallot();
  auto batch = pvalue.getValue();
  for (auto request : batch.getRequests())
    if (request.isCommands())
      visit(request.getCommands().getOperations());
    else if (request.isOpen())
      request.getOpen();
    else if (request.isConfiguration())
      visit(request.getConfiguration());
    else
      refuse_kind();
}

} // namespace

block::block(std::unique_ptr<uint64_t[]> words, size_t size)
  : words_{std::move(words)},
    size_{size},
    // Sound by construction or by check(): reading it costs no more than its size.
    reader_{as_capnp({words_.get(), size_}), capnp::ReaderOptions{UINT64_MAX, nesting_limit}} {}

block::~block() noexcept = default;

bool is_sound(std::span<const uint64_t> words, const std::function<void(capnp::MessageReader&)>& visit_message) {
  // The header word: number of segments less one, then the first segment's size in words.
  if (words.size() < 2 || words.size() * sizeof(uint64_t) > message_limit_bytes || (words[0] & 0xffffffff) != 0
      || (words[0] >> 32) != words.size() - 1)
    return false;
  // Twice its own size covers every pointer read once plus empty elements; what points into itself runs out.
  capnp::ReaderOptions limits{2 * words.size() + 64, nesting_limit};
  auto failure = kj::runCatchingExceptions([&] {
    capnp::FlatArrayMessageReader reader{as_capnp(words), limits};
    visit_message(reader);
  });
  return failure == nullptr; // Why it failed is the foreign sender's affair.
}

namespace {

/// There is nothing in it to be looked at, but where it lies.
bool holds_numbers_only(const capnp::StructSchema& schema) {
  auto shape = schema.getProto().getStruct();
  if (shape.getPointerCount() > 0 || shape.getDiscriminantCount() > 0)
    return false;
  for (auto field : shape.getFields())
    if (field.isGroup())
      return false;
  return true;
}

} // namespace

bool is_sound(std::span<const uint64_t> words, const capnp::StructSchema& schema) {
  static const capnp::StructSchema pvalue = capnp::Schema::from<schema::Pvalue>();
  if (holds_numbers_only(schema)) // Most of what acceptors and replicas tell each other.
    return is_sound(words, [](capnp::MessageReader& reader) { reader.getRoot<capnp::AnyStruct>(); });
  if (schema == pvalue)
    return is_sound(words, [](capnp::MessageReader& reader) { visit(reader.getRoot<schema::Pvalue>()); });
  return is_sound(words, [&](capnp::MessageReader& reader) { visit(reader.getRoot<capnp::DynamicStruct>(schema)); });
}

block_ptr check(std::span<const uint64_t> words, const capnp::StructSchema& schema) {
  if (!is_sound(words, schema))
    return nullptr;
  auto copy = std::make_unique_for_overwrite<uint64_t[]>(words.size());
  std::memcpy(copy.get(), words.data(), words.size_bytes());
  return caf::make_counted<block>(std::move(copy), words.size());
}

std::span<const uint64_t> words_of(capnp::Data::Reader data) {
  if (data.size() % sizeof(uint64_t) != 0 || reinterpret_cast<uintptr_t>(data.begin()) % sizeof(uint64_t) != 0)
    return {};
  return {reinterpret_cast<const uint64_t*>(data.begin()), data.size() / sizeof(uint64_t)};
}

message_builder::message_builder(size_t expected_words) : first_{zeroed(expected_words + 1)}, first_size_{expected_words} {}

message_builder::~message_builder() noexcept = default;

kj::ArrayPtr<capnp::word> message_builder::allocateSegment(unsigned minimum_size) {
  if (!first_used_ && minimum_size <= first_size_) {
    first_used_ = true;
    return {reinterpret_cast<capnp::word*>(first_.get() + 1), first_size_};
  }
  // Each further segment doubles what there is, so that a builder needs few of them.
  auto size = std::max<size_t>(minimum_size, first_size_ << std::min<size_t>(more_.size() + 1, 10));
  more_.push_back(zeroed(size));
  return {reinterpret_cast<capnp::word*>(more_.back().get()), size};
}

block_ptr message_builder::take() {
  auto segments = getSegmentsForOutput();
  if (segments.size() == 1 && first_used_) {
    auto size = segments[0].size();
    first_[0] = static_cast<uint64_t>(size) << 32;
    return caf::make_counted<block>(std::move(first_), size + 1);
  }
  // It outgrew what was expected: one copy into one segment.
  capnp::SegmentArrayMessageReader source{segments, capnp::ReaderOptions{UINT64_MAX, nesting_limit}};
  auto root = source.getRoot<capnp::AnyPointer>();
  message_builder flat{root.targetSize().wordCount + 2};
  flat.setRoot(root);
  return flat.take();
}

caf::error save_words(caf::serializer& sink, std::span<const uint64_t> words) {
  auto size = static_cast<uint64_t>(words.size());
  if (auto problem = sink.apply(size))
    return problem;
  return sink.apply_raw(words.size_bytes(), const_cast<uint64_t*>(words.data()));
}

caf::error load_words(caf::deserializer& source, const capnp::StructSchema& schema, block_ptr& content) {
  uint64_t size = 0;
  if (auto problem = source.apply(size))
    return problem;
  if (size * sizeof(uint64_t) > message_limit_bytes || size > message_limit_bytes)
    return caf::sec::invalid_argument;
  auto words = std::make_unique_for_overwrite<uint64_t[]>(size);
  if (auto problem = source.apply_raw(size * sizeof(uint64_t), words.get()))
    return problem;
  if (!is_sound({words.get(), size}, schema))
    return caf::sec::invalid_argument;
  content = caf::make_counted<block>(std::move(words), size);
  return caf::none;
}

} // namespace synod
