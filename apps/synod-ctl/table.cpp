#include "table.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ctime>

namespace synod::ctl {

void table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& each : cells)
    if (each.empty())
      each = "-";
  lines_.push_back(std::move(cells));
}

std::string table::text() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(columns_[i].title.size());
    for (auto& line : lines_)
      widths[i] = std::max(widths[i], line[i].size());
  }
  std::string all;
  auto put = [&](auto cell_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i)
      line += (i > 0 ? "  " : "")
              + (columns_[i].to_the_right ? fmt::format("{:>{}}", cell_of(i), widths[i])
                                          : fmt::format("{:<{}}", cell_of(i), widths[i]));
    line.erase(line.find_last_not_of(' ') + 1);
    all += line + "\n";
  };
  put([&](size_t i) { return columns_[i].title; });
  for (auto& line : lines_)
    put([&](size_t i) { return line[i]; });
  return all;
}

std::string cell(std::optional<int64_t> number) {
  return number ? std::to_string(*number) : std::string{};
}

std::string cell(const std::optional<std::string>& text) {
  return text.value_or("");
}

std::string mib(std::optional<int64_t> bytes) {
  return bytes ? fmt::format("{:.1f}", static_cast<double>(*bytes) / (1 << 20)) : std::string{};
}

std::string duration_text(uint64_t milliseconds) {
  auto s = milliseconds / 1000;
  constexpr uint64_t minute = 60, hour = 60 * minute, day = 24 * hour;
  if (s >= day)
    return fmt::format("{} d {} h", s / day, s % day / hour);
  if (s >= hour)
    return fmt::format("{} h {} min", s / hour, s % hour / minute);
  if (s >= minute)
    return fmt::format("{} min {} s", s / minute, s % minute);
  return fmt::format("{} s", s);
}

std::string time_text(int64_t ms_since_1970) {
  auto seconds = static_cast<std::time_t>(ms_since_1970 / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, ms_since_1970 % 1000);
}

} // namespace synod::ctl
