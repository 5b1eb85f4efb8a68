#include "synod/actors/gateway/resp.hpp"

#include "synod/actors/role/redis_text.hpp"
#include "synod/messages/message.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace synod::resp {

namespace {

int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// What ends an inline word outside quotes: not all that is passed over between words.
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

// What is larger is given back when little of it is used.
constexpr size_t kept_bytes = 32u << 10;
constexpr size_t kept_arguments = 1024;

} // namespace

void parser::feed(std::string_view bytes) {
  // Taken bytes go before new ones come, unless the spans of an unfinished command still point at them; when they are so many
  // that moving the others is cheap.
  if (spans_.empty() && position_ >= buffer_.size() - position_)
    forget_taken();
  buffer_.append(bytes);
}

/// Where there was room for much, and nothing that is under way asked for it, that is given back.
void parser::forget_taken() {
  buffer_.erase(0, position_);
  searched_ -= std::min(searched_, position_);
  position_ = 0;
  if (bulk_bytes_ < 0 && buffer_.capacity() > kept_bytes && buffer_.size() < kept_bytes / 2)
    buffer_.shrink_to_fit();
  if (remaining_ > 0 || std::max(spans_.capacity(), arguments_.capacity()) <= kept_arguments)
    return;
  give_back(arguments_);
  give_back(unquoted_);
  give_back(spans_);
}

parser::outcome parser::fail(std::string text) {
  broken_ = true;
  error_ = std::move(text);
  return outcome::broken;
}

/// Takes an inline command without its end; false when it is not complete, or too long (then it is broken).
bool parser::take_line(std::string_view& line) {
  auto end = buffer_.find('\n', std::max(searched_, position_));
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (buffer_.size() - position_ > line_bytes)
      fail("Protocol error: too big inline request");
    return false;
  }
  line = std::string_view{buffer_}.substr(position_, end - position_);
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  position_ = searched_ = end + 1;
  return true;
}

/// Takes a line that is a number behind `first`: `command` when it is there; none, if it is no number.
parser::outcome parser::take_length(char first, std::optional<int64_t>& number, const char* too_long) {
  auto end = buffer_.find('\r', std::max(searched_, position_));
  if (end == std::string::npos || end + 1 == buffer_.size()) {
    searched_ = std::min(end, buffer_.size());
    return end == std::string::npos && buffer_.size() - position_ > line_bytes ? fail(too_long) : outcome::incomplete;
  }
  auto begin = std::exchange(position_, end + 2); // As with Redis, whatever follows '\r' is taken for the line's end.
  searched_ = position_;
  if (buffer_[begin] != first)
    return fail(std::string{"Protocol error: expected '"} + first + "', got '" + buffer_[begin] + "'");
  number = redis::parse_integer(std::string_view{buffer_}.substr(begin + 1, end - begin - 1));
  return outcome::command;
}

parser::outcome parser::next() {
  if (broken_)
    return outcome::broken;
  arguments_.clear();
  while (remaining_ == 0) {
    spans_.clear();
    if (position_ == buffer_.size()) {
      forget_taken();
      return outcome::incomplete;
    }
    if (buffer_[position_] != '*') {
      std::string_view line;
      if (!take_line(line))
        return broken_ ? outcome::broken : outcome::incomplete;
      if (auto result = next_inline(line); result != outcome::incomplete)
        return result;
      continue;
    }
    std::optional<int64_t> count;
    if (auto result = take_length('*', count, "Protocol error: too big mbulk count string"); result != outcome::command)
      return result;
    if (!count || *count > most_arguments)
      return fail("Protocol error: invalid multibulk length");
    remaining_ = std::max<int64_t>(*count, 0);
    command_bytes_ = 0;
    too_large_ = false;
  }
  return read_bulk();
}

/// An inline command; `incomplete` for a line of blanks.
parser::outcome parser::next_inline(std::string_view line) {
  if (!split_inline(line))
    return fail("Protocol error: unbalanced quotes in request");
  for (auto& each : unquoted_)
    arguments_.push_back(each);
  return arguments_.empty() ? outcome::incomplete : outcome::command;
}

/// Words between blanks; what is quoted may hold blanks, "with \x41 and \n" or 'as it is', and may begin within a word, which it
/// ends.
bool parser::split_inline(std::string_view line) {
  unquoted_.clear();
  size_t i = 0;
  while (true) {
    while (i < line.size() && blank(line[i]))
      ++i;
    if (i == line.size() || line[i] == '\0') // As with Redis, zero ends the line.
      return true;
    auto& word = unquoted_.emplace_back();
    while (i < line.size() && !ends_word(line[i])) {
      if (line[i] != '"' && line[i] != '\'') {
        word += line[i++];
        continue;
      }
      if (!take_quoted(line, i, word))
        return false;
      break;
    }
  }
}

/// Takes what is quoted, from its opening quote at `i` to behind its closing one; false: that is missing, or no blank follows it.
bool parser::take_quoted(std::string_view line, size_t& i, std::string& word) {
  auto quote = line[i++];
  for (; i < line.size() && line[i] != '\0'; ++i) {
    auto c = line[i];
    if (c == quote) {
      ++i;
      return i == line.size() || line[i] == '\0' || blank(line[i]);
    }
    auto escaped = c == '\\' && i + 1 < line.size() && (quote == '"' || line[i + 1] == '\'');
    if (!escaped) {
      word += c;
    } else if (quote == '"' && line[i + 1] == 'x' && i + 3 < line.size() && hex_digit(line[i + 2]) >= 0
               && hex_digit(line[i + 3]) >= 0) {
      word += static_cast<char>(hex_digit(line[i + 2]) * 16 + hex_digit(line[i + 3]));
      i += 3;
    } else {
      constexpr std::string_view names = "nrtba", codes = "\n\r\t\b\a";
      auto known = quote == '"' ? names.find(line[i + 1]) : std::string_view::npos;
      word += known == std::string_view::npos ? line[i + 1] : codes[known];
      ++i;
    }
  }
  return false;
}

parser::outcome parser::read_bulk() {
  while (remaining_ > 0) {
    if (skip_bytes_ > 0) {
      auto skipped = std::min<uint64_t>(skip_bytes_, buffer_.size() - position_);
      position_ += skipped;
      skip_bytes_ -= skipped;
      if (skip_bytes_ > 0)
        return outcome::incomplete;
      --remaining_;
      continue;
    }
    if (bulk_bytes_ < 0) {
      std::optional<int64_t> size;
      if (auto result = take_length('$', size, "Protocol error: too big bulk count string"); result != outcome::command)
        return result;
      if (!size || *size < 0 || *size > most_bulk_bytes)
        return fail("Protocol error: invalid bulk length");
      command_bytes_ += static_cast<uint64_t>(*size) + 16;
      if (command_bytes_ > limits_.command_bytes && !too_large_) {
        too_large_ = true;
        spans_.clear(); // Nothing of it is needed any more.
      }
      if (too_large_) {
        skip_bytes_ = static_cast<uint64_t>(*size) + 2;
        continue;
      }
      bulk_bytes_ = *size;
      buffer_.reserve(position_ + static_cast<size_t>(*size) + 2);
    }
    auto size = static_cast<size_t>(bulk_bytes_);
    if (buffer_.size() - position_ < size + 2)
      return outcome::incomplete;
    spans_.emplace_back(position_, size);
    position_ += size + 2;
    searched_ = position_;
    bulk_bytes_ = -1;
    --remaining_;
  }
  if (too_large_) {
    too_large_ = false;
    error_ = "ERR command of " + std::to_string(command_bytes_) + " bytes is larger than the limit of "
             + std::to_string(limits_.command_bytes) + " bytes (command-limit)";
    return outcome::too_large;
  }
  for (auto [offset, length] : spans_)
    arguments_.push_back(std::string_view{buffer_}.substr(offset, length));
  spans_.clear();
  return outcome::command;
}

// -- replies ------------------------------------------------------------------

void writer::header(char type, int64_t number) {
  char text[24] = {type};
  auto end = std::to_chars(text + 1, text + sizeof text - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  put({text, end});
}

void writer::nil() {
  put(version_ >= 3 ? "_\r\n" : "$-1\r\n");
}

void writer::no_array() {
  put(version_ >= 3 ? "_\r\n" : "*-1\r\n");
}

void writer::status(std::string_view text) {
  put("+");
  put(text);
  put("\r\n");
}

void writer::error(std::string_view text) {
  put("-");
  auto begin = out_.size();
  put(text);
  // An error is one line, whatever a client's arguments put into it.
  std::replace_if(
    out_.begin() + static_cast<std::ptrdiff_t>(begin), out_.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  put("\r\n");
}

void writer::integer(int64_t number) {
  header(':', number);
}

void writer::bulk(std::string_view bytes) {
  header('$', static_cast<int64_t>(bytes.size()));
  put(bytes);
  put("\r\n");
}

void writer::array(size_t size) {
  header('*', static_cast<int64_t>(size));
}

void writer::map(size_t pairs) {
  version_ >= 3 ? header('%', static_cast<int64_t>(pairs)) : array(2 * pairs);
}

void writer::set(size_t size) {
  version_ >= 3 ? header('~', static_cast<int64_t>(size)) : array(size);
}

void writer::verbatim(std::string_view text) {
  if (version_ < 3)
    return bulk(text);
  header('=', static_cast<int64_t>(text.size() + 4));
  put("txt:");
  put(text);
  put("\r\n");
}

void writer::boolean(bool value) {
  version_ >= 3 ? put(value ? "#t\r\n" : "#f\r\n") : integer(value);
}

void writer::reply(schema::Reply::Reader source) {
  switch (source.which()) {
    case schema::Reply::NIL:
      return nil();
    case schema::Reply::STATUS:
      return status({source.getStatus().begin(), source.getStatus().size()});
    case schema::Reply::ERROR:
      return error({source.getError().begin(), source.getError().size()});
    case schema::Reply::INTEGER:
      return integer(source.getInteger());
    case schema::Reply::BULK:
      return bulk(view(source.getBulk()));
    case schema::Reply::NO_ARRAY:
      return no_array();
    case schema::Reply::ARRAY:
      array(source.getArray().size());
      for (auto element : source.getArray())
        reply(element);
      return;
  }
  nil(); // A kind of a later version.
}

} // namespace synod::resp
