// The arguments of a command: from one line of text to what COMMAND DOCS tells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace synod {

/// One argument, or several that belong together.
struct syntax_element {
  std::string name;
  std::string type;  ///< Redis's name of it: "key", "string", "integer", "pure-token", "oneof", "block" …
  std::string token; ///< the word before it
  bool optional = false;
  bool multiple = false;
  std::vector<syntax_element> parts{}; ///< of "oneof" and "block"
};

/// Reads a command's arguments as a manual prints them:
///
///     key value... [NX|XX] [EX seconds|PX milliseconds] {field value}... increment:double
///
/// Words in capitals are given as they are, the others stand for what their names say; a word in capitals before another one
/// belongs to it. Square brackets hold what may be left out, braces what belongs together, bars are between alternatives, and
/// three dots follow what may come several times. The type of a word is known by its name, unless it stands behind a colon.
///
/// What is not closed ends with the text.
std::vector<syntax_element> parse_syntax(std::string_view text);

} // namespace synod
