#include "command_source.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace synod::bench {

namespace {

constexpr size_t key_digits = 12;
constexpr size_t more_bytes = 4096; // than the largest value: so many different ones there are of each size

/// The sum of 1 / i^skew for i from 1 to `count`; of many the rest is taken for its integral, which is closer than any
/// measurement.
double zeta(uint64_t count, double skew) {
  constexpr uint64_t most_added = 10'000'000;
  auto added = std::min(count, most_added);
  double sum = 0;
  for (uint64_t i = 1; i <= added; ++i)
    sum += std::pow(static_cast<double>(i), -skew);
  auto integral = [skew](uint64_t to) { return std::pow(static_cast<double>(to) + 0.5, 1 - skew) / (1 - skew); };
  return sum + integral(count) - integral(added);
}

} // namespace

key_distribution::key_distribution(uint64_t count, double skew) : count_{count}, skew_{skew} {
  if (skew_ == 0)
    return;
  for (step_ %= count_; std::gcd(step_, count_) != 1;)
    ++step_; // So that each rank has a number of its own.
  zeta_ = zeta(count_, skew_);
  alpha_ = 1 / (1 - skew_);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(count_), 1 - skew_)) / (1 - zeta(2, skew_) / zeta_);
}

uint64_t key_distribution::draw(std::mt19937_64& random) const {
  if (skew_ == 0 || count_ < 3)
    return std::uniform_int_distribution<uint64_t>{0, count_ - 1}(random);
  auto u = std::uniform_real_distribution<double>{0, 1}(random);
  auto scaled = u * zeta_;
  uint64_t rank = 0;
  if (scaled >= 1)
    rank = scaled < 1 + std::pow(0.5, skew_)
             ? 1
             : static_cast<uint64_t>(static_cast<double>(count_) * std::pow(eta_ * u - eta_ + 1, alpha_));
  rank = std::min(rank, count_ - 1);
  static_assert(options::most_keys <= uint64_t{1} << 32, "a product of two has 64 bits");
  return rank * step_ % count_;
}

command_source::command_source(const options& x)
  : options_{x}, random_{x.seed}, keys_{x.keys, x.skew}, bytes_(x.most_value_bytes + more_bytes, ' ') {
  for (auto& each : bytes_)
    each = static_cast<char>('!' + random_() % 94);
}

command command_source::next() {
  auto key = keys_.draw(random_);
  return random_() % 100 >= options_.reads_percent ? set(key) : command{true, name_of(key), {}};
}

command command_source::fill(uint64_t number) {
  return set(number);
}

command command_source::set(uint64_t key) {
  auto size = std::uniform_int_distribution<size_t>{options_.least_value_bytes, options_.most_value_bytes}(random_);
  return {false, name_of(key), std::string_view{bytes_}.substr(random_() % more_bytes, size)};
}

/// As redis-benchmark names them, so that the one can read what the other wrote.
std::string_view command_source::name_of(uint64_t key) {
  key_.replace(0, std::string::npos, "key:");
  key_.resize(4 + key_digits);
  for (size_t i = key_digits; i > 0; --i, key /= 10)
    key_[3 + i] = static_cast<char>('0' + key % 10);
  return key_;
}

} // namespace synod::bench
