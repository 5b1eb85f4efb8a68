// Tables of text.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace synod::ctl {

/// Lines of cells under titles, each column as wide as it has to be: numbers to the right, words to the left.
class table {
public:
  struct column {
    std::string title;
    bool to_the_right = true;
  };

  explicit table(std::vector<column> columns) : columns_{std::move(columns)} {}

  /// As many as there are columns; an empty one is shown as "-".
  void add(std::vector<std::string> cells);
  bool empty() const { return lines_.empty(); }
  std::string text() const;

private:
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> lines_;
};

/// Of what is perhaps not known: nothing.
std::string cell(std::optional<int64_t> number);
std::string cell(const std::optional<std::string>& text);
/// With one digit behind the point.
std::string mib(std::optional<int64_t> bytes);
/// The two largest units: "3 d 4 h", "12 min 5 s".
std::string duration_text(uint64_t milliseconds);
/// UTC: "2026-11-26 23:38:30.123".
std::string time_text(int64_t ms_since_1970);

} // namespace synod::ctl
