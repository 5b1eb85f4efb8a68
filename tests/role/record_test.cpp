#include "acceptor/logs.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace synod;
using namespace synod::test;

namespace {

constexpr log_token token = 0x1234567;

/// The bytes of one record, as words.
std::vector<uint64_t> encoded(record_number sequence, record_number durable, const block_ptr& content) {
  auto header = header_of(sequence, durable, record_kind::pvalue, content, token);
  std::vector<uint64_t> words(record_bytes(content) / sizeof(uint64_t));
  std::memcpy(words.data(), &header, record_header_bytes);
  std::memcpy(words.data() + record_header_bytes / sizeof(uint64_t), content->words().data(), content->size_bytes());
  return words;
}

} // namespace

TEST_CASE("a record is found as it was written, whatever lies behind it") {
  auto content = numbered(7);
  auto words = encoded(3, 2, content);
  words.push_back(0x1234);
  auto found = record_in(std::as_bytes(std::span{words}), token);
  REQUIRE(found);
  CHECK(found->sequence == 3);
  CHECK(found->durable == 2);
  CHECK(found->kind == record_kind::pvalue);
  CHECK(found->bytes() == record_bytes(content));
  CHECK(std::equal(found->content.begin(), found->content.end(), content->words().begin(), content->words().end()));
}

TEST_CASE("a record with any bit changed is not whole") {
  auto words = encoded(3, 2, numbered(7));
  for (size_t bit = 0; bit < words.size() * 64; bit += 5) {
    words[bit / 64] ^= uint64_t{1} << bit % 64;
    CHECK_MESSAGE(!record_in(std::as_bytes(std::span{words}), token), "bit ", bit);
    words[bit / 64] ^= uint64_t{1} << bit % 64;
  }
  CHECK(record_in(std::as_bytes(std::span{words}), token));
}

TEST_CASE("a record that is cut short is not whole, and zeros are no record") {
  auto words = encoded(3, 2, numbered(7));
  for (size_t size = 0; size < words.size(); ++size)
    CHECK_FALSE(record_in(std::as_bytes(std::span{words}.first(size)), token));
  std::vector<uint64_t> zeros(16);
  CHECK_FALSE(record_in(std::as_bytes(std::span{zeros}), token));
}

TEST_CASE("a record of another log is not whole, but for a segment's start, where the token is read") {
  auto content = numbered(7);
  auto words = encoded(3, 2, content);
  CHECK_FALSE(record_in(std::as_bytes(std::span{words}), token + 1));
  auto header = header_of(3, 2, record_kind::segment_start, content, token);
  std::memcpy(words.data(), &header, record_header_bytes);
  CHECK(record_in(std::as_bytes(std::span{words}), token + 1));
}
