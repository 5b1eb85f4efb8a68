// The key-value store, asked by lines of text.
#pragma once

#include "synod/actors/replica/key_value/machine.hpp"

#include "synod/actors/gateway/resp.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace synod::test {

struct key_value_fixture {
  /// Performs a command given as words; the reply as RESP2 without line ends: "+OK", ":5", "$v", "$-1", "*a,b".
  std::string operator()(const std::string& line) { return run(words(line)); }

  std::string run(const std::vector<std::string>& command) {
    std::vector<std::string_view> args{command.begin(), command.end()};
    builder<schema::Reply> built;
    subject.apply(args, reply{*built});
    auto message = built.finish();
    return text(*message);
  }

  static std::vector<std::string> words(const std::string& line) {
    resp::parser parser{{1 << 20}};
    parser.feed(line + "\n");
    parser.next();
    return {parser.arguments().begin(), parser.arguments().end()};
  }

  static std::string text(schema::Reply::Reader x) {
    switch (x.which()) {
      case schema::Reply::STATUS:
        return std::string{"+"} + x.getStatus().cStr();
      case schema::Reply::ERROR:
        return std::string{"-"} + x.getError().cStr();
      case schema::Reply::INTEGER:
        return ":" + std::to_string(x.getInteger());
      case schema::Reply::BULK:
        return "$" + std::string{view(x.getBulk())};
      case schema::Reply::ARRAY: {
        std::string all = "*";
        for (auto each : x.getArray())
          all += text(each) + " ";
        return all;
      }
      default:
        return "nil";
    }
  }

  void at(int64_t time) { subject.begin_batch(time, 1); }

  key_value::machine subject{{1000, 1 << 20}, 1};
};

} // namespace synod::test
