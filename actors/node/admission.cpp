#include "synod/actors/node/admission.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace synod {

namespace {

constexpr std::string_view begin_of_hello = "synod";
constexpr size_t version_at = begin_of_hello.size(), name_length_at = version_at + 1, name_at = name_length_at + 1;
constexpr char taken = 0, refused = 1;

std::string hmac_sha256(const void* key, size_t key_bytes, std::string_view text) {
  std::string digest(admission::proof_bytes, '\0');
  unsigned size = 0;
  if (!::HMAC(::EVP_sha256(), key, static_cast<int>(key_bytes), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
              reinterpret_cast<unsigned char*>(digest.data()), &size)
      || size != digest.size())
    throw std::runtime_error{"libcrypto computes no HMAC-SHA256"};
  return digest;
}

/// In a time that does not depend on where they differ.
bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hello_of(std::string_view name, const admission::random_bytes& fresh) {
  name = name.substr(0, admission::longest_name);
  std::string hello{begin_of_hello};
  hello += static_cast<char>(admission::version);
  hello += static_cast<char>(name.size());
  hello.append(name).append(admission::longest_name - name.size(), '\0');
  hello.append(reinterpret_cast<const char*>(fresh.data()), fresh.size());
  return hello;
}

} // namespace

cluster_key key_of(const cluster& config) {
  constexpr std::string_view purpose = "Synod: connections between nodes";
  auto digest =
    hmac_sha256(purpose.data(), purpose.size(), config.secret.empty() ? "cluster " + config.name : "secret " + config.secret);
  cluster_key key;
  std::copy(digest.begin(), digest.end(), key.begin());
  return key;
}

admission::random_bytes fresh_random_bytes() {
  admission::random_bytes fresh;
  if (::RAND_bytes(fresh.data(), static_cast<int>(fresh.size())) != 1)
    throw std::runtime_error{"libcrypto has no random bytes"};
  return fresh;
}

admission::admission(side own, const cluster_key& key, std::string_view name, const random_bytes& fresh)
  : own_{own}, key_{key}, own_hello_{hello_of(name, fresh)} {
  if (own_ == side::connects)
    output_ = own_hello_; // The other one keeps silent until it has seen this.
}

std::string admission::output() {
  return std::exchange(output_, {});
}

size_t admission::wants() const {
  switch (stage_) {
    case stage::begin:
      return begin_bytes;
    case stage::hello:
      return hello_bytes - begin_bytes;
    case stage::proof:
      return proof_bytes;
    case stage::verdict:
      return verdict_bytes;
    default:
      return 0;
  }
}

void admission::input(std::string_view bytes) {
  if (bytes.size() != wants())
    return refuse("its greeting was cut off");
  switch (stage_) {
    case stage::begin:
      return on_begin(bytes);
    case stage::hello:
      return on_hello(bytes);
    case stage::proof:
      return on_proof(bytes);
    case stage::verdict:
      return on_verdict(bytes);
    default:
      return;
  }
}

void admission::on_begin(std::string_view bytes) {
  if (!bytes.starts_with(begin_of_hello))
    return refuse("what it sends is no greeting of Synod");
  other_hello_ = bytes;
  stage_ = stage::hello;
}

void admission::on_hello(std::string_view bytes) {
  other_hello_ += bytes;
  if (own_ == side::accepts)
    output_ = own_hello_;
  if (auto theirs = static_cast<uint8_t>(other_hello_[version_at]); theirs != version)
    return refuse("version " + std::to_string(theirs) + " of the greeting, expected " + std::to_string(version));
  auto length = static_cast<uint8_t>(other_hello_[name_length_at]);
  if (length > longest_name)
    return refuse("what it sends is no greeting of Synod");
  other_ = other_hello_.substr(name_at, length);
  stage_ = own_ == side::accepts ? stage::proof : stage::verdict;
  if (own_ == side::connects)
    output_ = proof_of(side::connects);
}

void admission::on_proof(std::string_view bytes) {
  if (!equal(bytes, proof_of(side::connects))) {
    output_ = refused + std::string(proof_bytes, '\0');
    return refuse("the cluster's secret is another one there (secret-file; or the cluster's name, in a file without)");
  }
  output_ = taken + proof_of(side::accepts);
  stage_ = stage::admitted;
}

void admission::on_verdict(std::string_view bytes) {
  if (bytes.front() != taken)
    return refuse("the cluster's secret is another one there (secret-file; or the cluster's name, in a file without)");
  if (!equal(bytes.substr(1), proof_of(side::accepts)))
    return refuse("it does not prove that it knows the cluster's secret");
  stage_ = stage::admitted;
}

void admission::refuse(std::string why) {
  stage_ = stage::refused;
  refusal_ = std::move(why);
}

std::string admission::proof_of(side whose) const {
  auto& of_connecting = own_ == side::connects ? own_hello_ : other_hello_;
  auto& of_accepting = own_ == side::connects ? other_hello_ : own_hello_;
  return hmac_sha256(key_.data(), key_.size(),
                     (whose == side::connects ? "connects " : "accepts ") + of_connecting + of_accepting);
}

} // namespace synod
