// Which commands are sent.
#pragma once

#include "options.hpp"

#include <random>
#include <string>
#include <string_view>

namespace synod::bench {

/// Draws numbers below `count`. With a skew of 0 all are as likely; otherwise the one of rank i is drawn in proportion to
/// 1 / (i + 1)^skew (a zipfian distribution), by the method of Gray et al., "Quickly generating billion-record synthetic
/// databases" (SIGMOD 1994), and ranks are scattered over the numbers, so that neighbours are not alike.
class key_distribution {
public:
  key_distribution(uint64_t count, double skew);

  uint64_t draw(std::mt19937_64& random) const;

private:
  uint64_t count_;
  double skew_;
  uint64_t step_ = 0x9e3779b97f4a7c15; // between the numbers of ranks that follow each other
  // of Gray's method
  double zeta_ = 0;
  double alpha_ = 0;
  double eta_ = 0;
};

/// SET of a key and a value, or GET of a key; valid until the next one is drawn.
struct command {
  bool read;
  std::string_view key;
  std::string_view value;
};

/// Draws commands.
class command_source {
public:
  explicit command_source(const options& x);

  command next();
  /// A SET of the key of this number, for all of them to be there.
  command fill(uint64_t number);

private:
  command set(uint64_t key);
  std::string_view name_of(uint64_t key);

  const options& options_;
  std::mt19937_64 random_;
  key_distribution keys_;
  std::string bytes_; // values are pieces of these
  std::string key_;   // of the last one
};

} // namespace synod::bench
