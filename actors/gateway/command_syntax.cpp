#include "synod/actors/gateway/command_syntax.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace synod {

namespace {

std::string type_of(std::string_view name) {
  constexpr std::array<std::string_view, 4> keys{"key", "newkey", "source", "destination"};
  constexpr std::array<std::string_view, 14> integers{"seconds", "milliseconds", "increment", "decrement",     "offset",
                                                      "start",   "end",          "count",     "cursor",        "index",
                                                      "timeout", "protover",     "client-id", "destination-db"};
  if (std::find(keys.begin(), keys.end(), name) != keys.end())
    return "key";
  if (std::find(integers.begin(), integers.end(), name) != integers.end())
    return "integer";
  if (name.starts_with("unix-time"))
    return "unix-time";
  return name == "pattern" ? "pattern" : "string";
}

bool is_token(std::string_view word) {
  return std::none_of(word.begin(), word.end(), [](char x) { return x >= 'a' && x <= 'z'; });
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), [](char x) { return x >= 'A' && x <= 'Z' ? x | 0x20 : x; });
  return result;
}

class syntax_parser {
public:
  explicit syntax_parser(std::string_view text) : rest_{text} {}

  /// Elements up to a bracket that closes, or a bar.
  std::vector<syntax_element> list() {
    std::vector<syntax_element> found;
    while (skip_blanks(), !rest_.empty() && !ends(rest_[0])) {
      auto next = element();
      // A token belongs to the word, or the alternatives, behind it.
      if (!found.empty() && found.back().type == "pure-token" && !next.optional && next.type != "pure-token"
          && next.token.empty()) {
        next.token = found.back().token;
        next.name = next.parts.empty() ? next.name : found.back().name;
        found.back() = std::move(next);
      } else {
        found.push_back(std::move(next));
      }
      found.back().multiple |= take("...");
    }
    return found;
  }

private:
  static bool ends(char x) { return x == ']' || x == '}' || x == '|'; }

  bool take(std::string_view text) {
    auto there = rest_.starts_with(text);
    if (there)
      rest_.remove_prefix(text.size());
    return there;
  }

  void skip_blanks() {
    while (take(" ")) {
    }
  }

  syntax_element element() {
    if (take("[")) {
      auto inner = alternatives("]");
      inner.optional = true;
      return inner;
    }
    return take("{") ? alternatives("}") : word();
  }

  syntax_element word() {
    auto size = std::min({rest_.find_first_of(" []{}|"), rest_.find("..."), rest_.size()});
    auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    if (is_token(text))
      return {lower(text), "pure-token", std::string{text}};
    // Behind a colon there is a type, unless the colon is a part of the name: "ip:port".
    auto colon = text.find(':');
    auto typed = colon != std::string_view::npos && (text.substr(colon) == ":double" || text.substr(colon) == ":integer");
    auto name = typed ? text.substr(0, colon) : text;
    return {std::string{name}, typed ? std::string{text.substr(colon + 1)} : type_of(name), {}};
  }

  /// What stands between brackets, one of them taken already.
  syntax_element alternatives(std::string_view close) {
    std::vector<syntax_element> all;
    do
      all.push_back(together(list(), "block"));
    while (take("|"));
    take(close);
    return together(std::move(all), "oneof");
  }

  /// A single element is itself.
  static syntax_element together(std::vector<syntax_element> parts, const char* type) {
    if (parts.size() == 1)
      return std::move(parts[0]);
    syntax_element whole{{}, type, {}};
    for (auto& each : parts)
      whole.name += (whole.name.empty() ? "" : "_") + each.name;
    whole.parts = std::move(parts);
    return whole;
  }

  std::string_view rest_;
};

} // namespace

std::vector<syntax_element> parse_syntax(std::string_view text) {
  return syntax_parser{text}.list();
}

} // namespace synod
