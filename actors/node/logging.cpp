#include "synod/actors/node/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <poll.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <mutex>

namespace synod {

namespace {

/// The message as the inside of a JSON string.
class json_message : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (char c : message.payload) {
      auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (code < 0x20) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
        out.append(escaped, escaped + 6);
      } else {
        out.push_back(c);
      }
    }
  }

  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<json_message>(); }
};

/// Standard error. A write to a pipe blocks when nobody reads, but one of PIPE_BUF bytes does not while poll calls it writable.
class standard_error_sink : public spdlog::sinks::base_sink<std::mutex> {
protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!takes()) {
      ++dropped_;
      return;
    }
    if (dropped_ > 0) {
      put(fmt::format("({} log lines were dropped: standard error took nothing)\n", std::exchange(dropped_, 0)));
      if (!takes()) {
        ++dropped_;
        return;
      }
    }
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    put(with_color(message, {line.data(), line.size()}));
  }
  void flush_() override {}

private:
  static constexpr size_t most_bytes = PIPE_BUF;

  static bool takes() {
    pollfd at{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&at, 1, 0) == 1 && (at.revents & POLLOUT) != 0;
  }

  static void put(std::string line) {
    if (line.size() > most_bytes) {
      line.resize(most_bytes - 1);
      line += '\n';
    }
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size())); // There is nobody to tell.
  }

  std::string with_color(const spdlog::details::log_msg& message, std::string_view line) const {
    auto begin = message.color_range_start, end = message.color_range_end;
    if (!colored_ || message.level < spdlog::level::warn || begin >= end || end > line.size())
      return std::string{line};
    auto color = message.level == spdlog::level::warn ? "\33[33m" : "\33[31m";
    return fmt::format("{}{}{}\33[0m{}", line.substr(0, begin), color, line.substr(begin, end - begin), line.substr(end));
  }

  bool colored_ = ::isatty(STDERR_FILENO) == 1;
  uint64_t dropped_ = 0;
};

} // namespace

std::shared_ptr<spdlog::logger> make_logger(const std::string& node, const std::string& level, bool json) {
  auto logger = std::make_shared<spdlog::logger>(node, std::make_shared<standard_error_sink>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<json_message>('*');
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","node":"%n","message":"%*"})"
                              : "%Y-%m-%d %H:%M:%S.%e %^%L%$ %n: %v");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

} // namespace synod
