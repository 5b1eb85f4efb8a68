#include "trace.hpp"

#include <xxhash.h>

#include <functional>

namespace synod::simulation {

void trace::write(duration now, std::string text) {
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  auto line = fmt::format("{:>4}.{:06} {}", us / 1'000'000, us % 1'000'000, text);
  if (file_)
    std::fprintf(file_, "%s\n", line.c_str()); // Who opened the file looks for errors.
  last_.push_back(std::move(line));
  if (last_.size() > kept_lines)
    last_.pop_front();
}

uint64_t fingerprint(schema::Batch::Reader value) {
  auto sum = static_cast<uint64_t>(value.getTime()) * 0x9e3779b97f4a7c15;
  for (auto each : value.getRequests())
    sum = XXH3_64bits_withSeed(each.begin(), each.size(), sum + 1);
  return sum;
}

namespace {

std::string describe(schema::Requests::Reader x) {
  auto count = x.getOperations().size();
  if (x.getSession() == 0)
    return fmt::format("number {}, {} operation{}", x.getFirstCid(), count, count == 1 ? "" : "s");
  return fmt::format("session {} cid {}{}", x.getSession(), x.getFirstCid(),
                     count > 1 ? fmt::format("..{}", x.getFirstCid() + count - 1) : std::string{});
}

} // namespace

std::string describe(schema::Batch::Reader value) {
  auto requests = value.getRequests();
  if (requests.size() == 0 && value.getTime() == 0)
    return "no-op";
  auto text = fmt::format("#{:04x}", fingerprint(value) & 0xffff);
  constexpr unsigned most = 2;
  for (unsigned i = 0; i < requests.size() && i < most; ++i)
    text += (i == 0 ? ": " : ", ") + describe(*borrowed<schema::Requests>{words_of(requests[i])});
  return text
         + (requests.size() > most ? fmt::format(" and {} more", requests.size() - most)
            : requests.size() == 0 ? ": the time"
                                   : "");
}

std::string describe(schema::Pvalue::Reader pvalue) {
  return fmt::format("<{},{},{}>", to_string(ballot_of(pvalue.getBallot())), pvalue.getSlot(), describe(pvalue.getValue()));
}

namespace {

std::string describe(schema::P1b::Reader x) {
  return fmt::format("p1b ballot {}: {} pvalues from slot {}{}, decided below {}", to_string(ballot_of(x.getBallot())),
                     x.getPvalues().size(), x.getFirstSlot(),
                     x.getNextSlot() ? fmt::format(", more from {}", x.getNextSlot()) : std::string{}, x.getDecidedBelow());
}

std::string describe(schema::P2b::Reader x) {
  std::string slots;
  for (auto slot : x.getSlots())
    slots += fmt::format(" {}", slot);
  return fmt::format("p2b ballot {} slots{}", to_string(ballot_of(x.getBallot())), slots.empty() ? " none" : slots);
}

std::string describe(schema::Learned::Reader x) {
  return fmt::format("learned: slots {} up to {}, {} with values, highest {}, decided below {}", x.getFirstSlot(),
                     x.getNextSlot(), x.getPvalues().size(), x.getHighest(), x.getDecidedBelow());
}

/// Calls `use` with the message if the content begins with, at `index`, one of schema S.
template <class S, class Use>
bool with(const caf::message& content, size_t index, Use use, std::string& text) {
  if (index >= content.size() || !content.match_element<message<S>>(index))
    return false;
  text = use(*content.get_as<message<S>>(index));
  return true;
}

} // namespace

std::string describe(const caf::message& content) {
  std::string text;
  auto is = [&]<class S>(std::type_identity<S>, auto use) { return with<S>(content, 0, use, text); };
  using namespace schema;
  if (is(std::type_identity<P1a>{},
         [](P1a::Reader x) {
           return fmt::format("p1a ballot {} from slot {}{}", to_string(ballot_of(x.getBallot())), x.getFirstSlot(),
                              x.getEndSlot() ? fmt::format(" up to {}", x.getEndSlot()) : std::string{});
         })
      || is(std::type_identity<P1b>{}, [](P1b::Reader x) { return describe(x); })
      || is(std::type_identity<P2b>{}, [](P2b::Reader x) { return describe(x); })
      || is(std::type_identity<Learned>{}, [](Learned::Reader x) { return describe(x); })
      || is(std::type_identity<Learn>{},
            [](Learn::Reader x) {
              return fmt::format("learn from slot {}{}", x.getFirstSlot(), x.getWithValues() ? ", values too" : "");
            })
      || is(std::type_identity<Need>{},
            [](Need::Reader x) { return fmt::format("need slots {} up to {}", x.getFirstSlot(), x.getEndSlot()); })
      || is(std::type_identity<Leading>{},
            [](Leading::Reader x) {
              return fmt::format("leading ballot {}, decided below {}, free from {}{}", to_string(ballot_of(x.getBallot())),
                                 x.getDecidedBelow(), x.getFreeSlot(), x.getClockAhead() ? ", its clock is ahead" : "");
            })
      || is(std::type_identity<Progress>{},
            [](Progress::Reader x) { return fmt::format("progress slot_out {} mark {}", x.getSlotOut(), x.getMark()); })
      || is(std::type_identity<AskHighest>{},
            [](AskHighest::Reader x) { return fmt::format("what is your highest slot? round {}", x.getRound()); })
      || is(std::type_identity<Highest>{},
            [](Highest::Reader x) { return fmt::format("highest round {}: slot {}", x.getRound(), x.getSlot()); })
      || is(std::type_identity<Ping>{},
            [](Ping::Reader x) {
              return fmt::format("ping ballot {}{}", to_string(ballot_of(x.getBallot())),
                                 x.getAsksToLead() ? ", asks it to lead" : "");
            })
      || is(std::type_identity<Pong>{},
            [](Pong::Reader x) {
              return fmt::format("pong ballot {}{}{}", to_string(ballot_of(x.getBallot())), x.getActive() ? ", active" : "",
                                 x.getHears() ? ", hears it" : "");
            })
      || is(std::type_identity<Responses>{}, [](Responses::Reader x) {
           return fmt::format("responses session {} cid {}: {}{}{}", x.getSession(), x.getFirstCid(), x.getAnswered(),
                              x.getSessionEnded() ? ", session ended" : "", x.getRefused() ? ", refused" : "");
         }))
    return text;
  if (content.size() == 0 || !content.match_element<caf::atom_value>(0))
    return caf::to_string(content);
  auto named = caf::to_string(content.get_as<caf::atom_value>(0));
  auto name = named.size() > 2 && named.front() == '\'' ? named.substr(1, named.size() - 2) : named;
  if (with<Pvalue>(
        content, 1, [](Pvalue::Reader x) { return describe(x); }, text)
      || with<Requests>(
        content, 1, [](Requests::Reader x) { return describe(x); }, text))
    return name + " " + text;
  return name;
}

} // namespace synod::simulation
