// What a connection between nodes shows before anything else is read from it.
#pragma once

#include "synod/actors/role/cluster.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synod {

/// What the nodes of a cluster, and its tools, prove to know.
using cluster_key = std::array<uint8_t, 32>;

/// Made of the file's secret; of the cluster's name where it has none, which keeps out strangers, and nobody who means it.
cluster_key key_of(const cluster& config);

/// One side of the first bytes of a connection. Neither side goes on with one that does not know the cluster's key: what lies
/// behind (frames.hpp) believes every byte.
///
/// The one that connects says hello, and so does the other one. Then the first one proves that it knows the key, and the other
/// one answers with a verdict and, when it takes the first one, with its own proof.
///
/// - A hello, 103 bytes: "synod", version, length of the sender's name (none: a tool), the name in 64 bytes, 32 random bytes.
/// - A proof, 32 bytes: HMAC-SHA256, under the key, of "connects " or "accepts ", the hello of the one that connects, and that
///   of the other one. With random bytes of both sides nothing that was recorded is of use; with the word, nothing that is sent
///   back.
/// - A verdict: 0 for taken, 1 for refused; then a proof, or zeros.
///
/// Later versions keep the size and the first six bytes of a hello, at which all that is something else is told. A stranger who
/// connects is not told anything that a secret could be guessed by. What comes after the greeting is neither encrypted nor
/// signed.
///
/// Knows no sockets: it says how many bytes are to be read next, and what is to be sent.
class admission {
public:
  enum class side { connects, accepts };
  using random_bytes = std::array<uint8_t, 32>;

  static constexpr uint8_t version = 2;
  static constexpr size_t longest_name = 64;
  static constexpr size_t begin_bytes = 5 + 1;
  static constexpr size_t hello_bytes = begin_bytes + 1 + longest_name + sizeof(random_bytes);
  static constexpr size_t proof_bytes = 32;
  static constexpr size_t verdict_bytes = 1 + proof_bytes;

  /// `name`: this node's. `fresh`: never used before.
  admission(side own, const cluster_key& key, std::string_view name, const random_bytes& fresh);

  /// What is to be sent now, once; may be empty.
  std::string output();
  /// How many bytes are to be read; 0: it has ended.
  size_t wants() const;
  /// As many as it wants.
  void input(std::string_view bytes);

  bool admitted() const { return stage_ == stage::admitted; }
  /// Why not; empty: not yet, or it is.
  const std::string& refusal() const { return refusal_; }
  /// The name that the other side gives itself; proven when it is admitted. Empty: a tool, or nothing has come.
  const std::string& other() const { return other_; }

private:
  enum class stage { begin, hello, proof, verdict, admitted, refused };

  void on_begin(std::string_view bytes);
  void on_hello(std::string_view bytes);
  void on_proof(std::string_view bytes);
  void on_verdict(std::string_view bytes);
  void refuse(std::string why);
  std::string proof_of(side whose) const;

  side own_;
  cluster_key key_;
  stage stage_ = stage::begin;
  std::string own_hello_;
  std::string other_hello_;
  std::string other_;
  std::string output_;
  std::string refusal_;
};

/// From the system's generator.
admission::random_bytes fresh_random_bytes();

} // namespace synod
