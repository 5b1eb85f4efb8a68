// How long commands took.
#pragma once

#include <boost/histogram.hpp>

#include <cstdint>
#include <functional>

namespace synod::bench {

/// A histogram of durations from 1 microsecond to 1000 s, exact to 1 %. Bound: some 2,000 numbers.
class latencies {
public:
  latencies();

  void add(double microseconds);
  uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  double most() const { return most_; }
  /// So long, or a hundredth more, took this share of them at most, from 0 to 1; microseconds.
  double quantile(double share) const;
  /// Each step of the histogram that holds some: how long those up to it took at most, and how many these are.
  void each(const std::function<void(double microseconds, uint64_t up_to)>& use) const;

private:
  using axis = boost::histogram::axis::regular<double, boost::histogram::axis::transform::log>;

  boost::histogram::histogram<std::tuple<axis>, boost::histogram::dense_storage<uint64_t>> steps_;
  uint64_t count_ = 0;
  double sum_ = 0;
  double most_ = 0;
};

} // namespace synod::bench
