// What may happen without limit, in a log that is not to be flooded.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace synod {

/// Lets a line of one kind into the log every `interval` at most; that one says how many were left out before it.
class seldom_told {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds interval{5};

  /// The line, if there is to be one now.
  std::optional<std::string> line(std::string text, time_point now) {
    if (last_ && now - *last_ < interval) {
      ++untold_;
      return std::nullopt;
    }
    last_ = now;
    if (auto others = std::exchange(untold_, 0); others > 0)
      text += " (" + std::to_string(others) + " more since the last one that was told)";
    return text;
  }

private:
  std::optional<time_point> last_;
  size_t untold_ = 0; // since then
};

} // namespace synod
