#include "synod/actors/node/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <mutex>
#include <string_view>

namespace synod {

namespace {

// A pipe takes a line of this size whole or not at all.
constexpr size_t most_bytes = PIPE_BUF;
constexpr std::string_view goes_on = "...";

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80; // UTF-8
}

/// The message as the inside of a JSON string; what no line has room for is left out.
class json_message : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    constexpr size_t escaped_bytes = 6, end_bytes = 8; // of one character; of the line
    for (char c : message.payload) {
      if (begins_character(c) && out.size() + 2 * escaped_bytes + goes_on.size() + end_bytes > most_bytes) {
        out.append(goes_on);
        break;
      }
      auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (code < 0x20) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
        out.append(escaped, escaped + escaped_bytes);
      } else {
        out.push_back(c);
      }
    }
  }

  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<json_message>(); }
};

/// Standard error, written to without ever waiting: a pipe, terminal or socket that nobody reads takes nothing in the end. It is
/// other processes', too, so it is not made non-blocking itself: where it can be, it is opened once more.
class standard_error {
public:
  standard_error() {
    struct stat what {};
    if (::fstat(STDERR_FILENO, &what) != 0)
      return;
    is_socket_ = S_ISSOCK(what.st_mode);
    if (S_ISFIFO(what.st_mode) || ::isatty(STDERR_FILENO) == 1)
      own_ = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }
  ~standard_error() {
    if (own_ >= 0)
      ::close(own_);
  }
  standard_error(const standard_error&) = delete;
  standard_error& operator=(const standard_error&) = delete;

  /// False: it was not taken, or not all of it.
  bool put(std::string_view line) {
    if (!takes())
      return false;
    auto written = own_ >= 0    ? ::write(own_, line.data(), line.size())
                   : is_socket_ ? ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                : ::write(STDERR_FILENO, line.data(), line.size());
    return written == static_cast<ssize_t>(line.size());
  }

private:
  static bool takes() {
    pollfd at{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&at, 1, 0) == 1 && (at.revents & POLLOUT) != 0;
  }

  int own_ = -1; // -1: it could not be opened, or needs not be: files always take
  bool is_socket_ = false;
};

/// Lines that find no room are dropped and counted, and the count is told when there is room again.
class standard_error_sink : public spdlog::sinks::base_sink<std::mutex> {
protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (dropped_ > 0 && !put(fmt::format("\n({} log lines were dropped: standard error took nothing)\n", dropped_))) {
      ++dropped_;
      return;
    }
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    dropped_ = put(with_color(message, {line.data(), line.size()})) ? 0 : 1;
  }
  void flush_() override {}

private:
  bool put(std::string line) {
    if (line.size() > most_bytes) {
      auto end = most_bytes - goes_on.size() - 1;
      while (!begins_character(line[end]))
        --end;
      line.resize(end);
      line.append(goes_on).append("\n");
    }
    return out_.put(line);
  }

  std::string with_color(const spdlog::details::log_msg& message, std::string_view line) const {
    auto begin = message.color_range_start, end = message.color_range_end;
    if (!colored_ || message.level < spdlog::level::warn || begin >= end || end > line.size())
      return std::string{line};
    auto color = message.level == spdlog::level::warn ? "\33[33m" : "\33[31m";
    return fmt::format("{}{}{}\33[0m{}", line.substr(0, begin), color, line.substr(begin, end - begin), line.substr(end));
  }

  standard_error out_;
  bool colored_ = ::isatty(STDERR_FILENO) == 1;
  uint64_t dropped_ = 0;
};

} // namespace

std::shared_ptr<spdlog::logger> make_logger(const std::string& node, const std::string& level, bool json) {
  auto logger = std::make_shared<spdlog::logger>(node, std::make_shared<standard_error_sink>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<json_message>('*');
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","node":"%n","message":"%*"})"
                              : "%Y-%m-%dT%H:%M:%S.%e%z %^%L%$ %n: %v");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

} // namespace synod
