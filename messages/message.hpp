// The one wrapper that carries Cap'n Proto payloads as CAF messages and to disk.
#pragma once

#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <caf/all.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace synod {

/// Largest payload that is taken from another host or from disk, in bytes.
constexpr size_t message_limit_bytes = 64u << 20;

/// The immutable words of one message: a single-segment Cap'n Proto stream (a
/// header word, then the segment), the same in memory, between hosts and on disk.
class block : public caf::ref_counted {
public:
  block(std::unique_ptr<uint64_t[]> words, size_t size);
  ~block() noexcept override;

  std::span<const uint64_t> words() const { return {words_.get(), size_}; }
  size_t size_bytes() const { return size_ * sizeof(uint64_t); }
  capnp::FlatArrayMessageReader& reader() { return reader_; }

private:
  std::unique_ptr<uint64_t[]> words_;
  size_t size_;
  capnp::FlatArrayMessageReader reader_;
};

using block_ptr = caf::intrusive_ptr<block>;

/// Copies `words` into a block if they are a sound message of `schema`: one
/// segment, every pointer in bounds and of its field's type, no more work to read
/// than its size accounts for, and operations that can be read (operations.hpp). Null otherwise; never throws. What passes
/// here can be read without further checks.
block_ptr check(std::span<const uint64_t> words, const capnp::StructSchema& schema);

/// The same check on words that stay where they are and are only looked at.
bool is_sound(std::span<const uint64_t> words, const capnp::StructSchema& schema);

/// The walk that `is_sound` makes, by another hand: true if the words are one segment and `visit` reads what it needs
/// without an exception and within their size.
bool is_sound(std::span<const uint64_t> words, const std::function<void(capnp::MessageReader&)>& visit);

/// Views Cap'n Proto data, which starts at a word, as words; empty if it is no whole number of them.
std::span<const uint64_t> words_of(capnp::Data::Reader data);

inline std::string_view view(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

inline capnp::Data::Reader as_data(std::string_view text) {
  return {reinterpret_cast<const capnp::byte*>(text.data()), text.size()};
}

/// A shared handle on an immutable message of schema `S`: passed by pointer in a
/// process, as one block of bytes to other hosts. Reads like a `S::Reader` through `->`.
template <class S>
class message {
public:
  using schema = S;

  message() = default;
  explicit message(block_ptr content) : content_{std::move(content)} {
    if (content_)
      reader_ = content_->reader().template getRoot<S>();
  }

  /// Takes foreign words; none if they are not a sound message of this schema.
  static std::optional<message> from(std::span<const uint64_t> words) {
    if (auto content = check(words, capnp::Schema::from<S>()))
      return message{std::move(content)};
    return std::nullopt;
  }

  explicit operator bool() const { return content_ != nullptr; }
  const typename S::Reader* operator->() const { return &reader_; }
  const typename S::Reader& operator*() const { return reader_; }

  const block_ptr& content() const { return content_; }
  std::span<const uint64_t> words() const { return content_ ? content_->words() : std::span<const uint64_t>{}; }
  size_t size_bytes() const { return content_ ? content_->size_bytes() : 0; }
  capnp::Data::Reader as_data() const {
    auto bytes = std::as_bytes(words());
    return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
  }

private:
  block_ptr content_;
  typename S::Reader reader_;
};

/// Builds one message in place; `finish` hands its words over without a copy when
/// they fit the size that was expected.
class message_builder : public capnp::MessageBuilder {
public:
  explicit message_builder(size_t expected_words);
  ~message_builder() noexcept override;

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum_size) override;

protected:
  block_ptr take();

private:
  std::unique_ptr<uint64_t[]> first_;
  size_t first_size_;
  bool first_used_ = false;
  std::vector<std::unique_ptr<uint64_t[]>> more_;
};

template <class S>
class builder : public message_builder {
public:
  explicit builder(size_t expected_bytes = 256) : message_builder{expected_bytes / sizeof(uint64_t) + 8}, root_{initRoot<S>()} {}

  typename S::Builder* operator->() { return &root_; }
  typename S::Builder& operator*() { return root_; }

  /// Ends building; the builder must not be used after it.
  message<S> finish() { return message<S>{take()}; }

private:
  typename S::Builder root_;
};

/// Reads a message out of sound words that outlive the reader, without a copy.
template <class S>
class borrowed {
public:
  explicit borrowed(std::span<const uint64_t> words)
    : reader_{kj::ArrayPtr<const capnp::word>{reinterpret_cast<const capnp::word*>(words.data()), words.size()},
              capnp::ReaderOptions{UINT64_MAX, 32}},
      root_{reader_.template getRoot<S>()} {}
  const typename S::Reader* operator->() const { return &root_; }
  const typename S::Reader& operator*() const { return root_; }

private:
  capnp::FlatArrayMessageReader reader_;
  typename S::Reader root_;
};

caf::error save_words(caf::serializer& sink, std::span<const uint64_t> words);
caf::error load_words(caf::deserializer& source, const capnp::StructSchema& schema, block_ptr& content);

template <class S>
caf::error inspect(caf::serializer& sink, message<S>& x) {
  return save_words(sink, x.words());
}

template <class S>
caf::error inspect(caf::deserializer& source, message<S>& x) {
  block_ptr content;
  if (auto problem = load_words(source, capnp::Schema::from<S>(), content))
    return problem;
  x = message<S>{std::move(content)};
  return caf::none;
}

template <class S>
std::string to_string(const message<S>& x) {
  return x ? kj::str(*x).cStr() : "null";
}

} // namespace synod
