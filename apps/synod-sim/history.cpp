#include "history.hpp"

#include "synod/messages/message.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod::simulation {

std::string text_of(schema::Reply::Reader reply) {
  switch (reply.which()) {
    case schema::Reply::NIL:
      return "nil";
    case schema::Reply::STATUS:
      return reply.getStatus().cStr();
    case schema::Reply::ERROR:
      return reply.getError().cStr();
    case schema::Reply::INTEGER:
      return std::to_string(reply.getInteger());
    case schema::Reply::BULK:
      return '"' + std::string{view(reply.getBulk())} + '"';
    case schema::Reply::ARRAY: {
      std::string all;
      for (auto each : reply.getArray())
        all += (all.empty() ? "" : " ") + text_of(each);
      return '[' + all + ']';
    }
    case schema::Reply::NO_ARRAY:
      return "none";
  }
  return {};
}

std::string describe(const operation& x) {
  std::string text = x.what == operation::kind::transaction ? "MULTI" : "";
  if (x.expects)
    text = fmt::format("MULTI (if {} is still {})", x.commands.front()[1], *x.expects);
  for (auto& command : x.commands) {
    for (auto& word : command)
      text += (text.empty() ? "" : " ") + word;
    if (x.what == operation::kind::transaction)
      text += ";";
  }
  auto ms = [](duration t) { return static_cast<double>(t.count()) / 1e6; };
  return fmt::format("client {} at {:.3f} ms: {} -> {}", x.client, ms(x.called), text,
                     x.returned == operation::never ? std::string{"outcome unknown"}
                                                    : fmt::format("{} at {:.3f} ms", x.reply.value_or("(lost)"), ms(x.returned)));
}

} // namespace synod::simulation
