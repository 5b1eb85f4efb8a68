#include "trace.hpp"

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

namespace {

std::string describe(schema::Request::Reader x) {
  if (x.isOpen())
    return fmt::format("open, number {}", x.getOpen().getNumber());
  if (x.isConfiguration())
    return fmt::format("configuration {}", x.getConfiguration().getNumber());
  auto commands = x.getCommands();
  auto count = commands.getOperations().getCount();
  return fmt::format("session {} cid {}{}", commands.getSession(), commands.getFirstCid(),
                     count > 1 ? fmt::format("..{}", commands.getFirstCid() + count - 1) : std::string{});
}

} // namespace

std::string describe(schema::Batch::Reader value) {
  auto requests = value.getRequests();
  if (requests.size() == 0 && value.getTime() == 0)
    return "no-op";
  auto text = fmt::format("#{:04x}", fingerprint(value) & 0xffff);
  constexpr unsigned most = 2;
  for (unsigned i = 0; i < requests.size() && i < most; ++i)
    text += (i == 0 ? ": " : ", ") + describe(requests[i]);
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
  return fmt::format("p1b ballot {}: {} pvalues from slot {}{}, decided below {}, kept from {}",
                     to_string(ballot_of(x.getBallot())), x.getPvalues().size(), x.getFirstSlot(),
                     x.getNextSlot() ? fmt::format(", more from {}", x.getNextSlot()) : std::string{}, x.getDecidedBelow(),
                     x.getFirstKept());
}

std::string describe(schema::P2b::Reader x) {
  std::string slots;
  for (auto slot : x.getSlots())
    slots += fmt::format(" {}", slot);
  return fmt::format("p2b ballot {} slots{}{}", to_string(ballot_of(x.getBallot())), slots.empty() ? " none" : slots,
                     x.getFull() ? ", full" : "");
}

std::string describe(schema::Learned::Reader x) {
  return fmt::format("learned: slots {} up to {}, {} with values, decided below {}, kept from {}", x.getFirstSlot(),
                     x.getNextSlot(), x.getPvalues().size(), x.getDecidedBelow(), x.getFirstKept());
}

std::string describe(schema::SnapshotChunk::Reader x) {
  if (x.getToken() == 0)
    return "snapshot: none of use, or too busy";
  return fmt::format("snapshot {:016x} of slot {}: {} bytes at {} of {}", x.getToken(), x.getSlotOut(), x.getBytes().size(),
                     x.getOffset(), x.getFileBytes());
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
      || is(std::type_identity<Durable>{},
            [](Durable::Reader x) {
              return fmt::format("durable below {}{}", x.getBelow(),
                                 x.getKeepFrom() ? fmt::format(", keep from {}", x.getKeepFrom()) : std::string{});
            })
      || is(std::type_identity<AskSnapshot>{},
            [](AskSnapshot::Reader x) {
              return fmt::format("give me a snapshot above slot {}: {:016x} at {}", x.getAbove(), x.getToken(), x.getOffset());
            })
      || is(std::type_identity<SnapshotChunk>{}, [](SnapshotChunk::Reader x) { return describe(x); })
      || is(std::type_identity<DecideAgain>{},
            [](DecideAgain::Reader x) { return fmt::format("decide again slots {} up to {}", x.getFirstSlot(), x.getEndSlot()); })
      || is(std::type_identity<Leading>{},
            [](Leading::Reader x) {
              return fmt::format("leading ballot {}, decided below {}, free from {}, the time is {}",
                                 to_string(ballot_of(x.getBallot())), x.getDecidedBelow(), x.getFreeSlot(),
                                 x.getClusterTime().getAtLeast());
            })
      || is(std::type_identity<Received>{}, [](Received::Reader x) { return fmt::format("received mark {}", x.getMark()); })
      || is(std::type_identity<Performed>{}, [](Performed::Reader x) { return fmt::format("performed below {}", x.getBelow()); })
      || is(std::type_identity<HigherBallot>{},
            [](HigherBallot::Reader x) { return fmt::format("higher ballot {}", to_string(ballot_of(x.getBallot()))); })
      || is(std::type_identity<Request>{}, [](Request::Reader x) { return "request " + describe(x); })
      || is(std::type_identity<Query>{}, [](Query::Reader x) { return fmt::format("query {}", x.getNumber()); })
      || is(std::type_identity<Opened>{},
            [](Opened::Reader x) {
              return fmt::format("opened number {}: {}", x.getNumber(),
                                 x.isSession() ? fmt::format("session {}", x.getSession()) : std::string{"no"});
            })
      || is(std::type_identity<Answers>{},
            [](Answers::Reader x) {
              return fmt::format("answers to query {}: {}{}", x.getNumber(), x.getAnswered(), x.getRefused() ? ", refused" : "");
            })
      || is(std::type_identity<AskHighest>{},
            [](AskHighest::Reader x) { return fmt::format("what is your highest slot? round {}", x.getRound()); })
      || is(std::type_identity<Highest>{},
            [](Highest::Reader x) { return fmt::format("highest round {}: slot {}", x.getRound(), x.getSlot()); })
      || is(std::type_identity<AskLease>{},
            [](AskLease::Reader x) {
              return fmt::format("{} lease under ballot {}", x.getGivesUp() ? "gives up its" : "asks for a",
                                 to_string(ballot_of(x.getBallot())));
            })
      || is(std::type_identity<Lease>{},
            [](Lease::Reader x) {
              auto waits = ballot_of(x.getWaits());
              return fmt::format("lease under ballot {}{}", to_string(ballot_of(x.getBallot())),
                                 waits != ballot{} ? fmt::format(": no, {} waits", to_string(waits)) : std::string{});
            })
      || is(std::type_identity<Leased>{},
            [](Leased::Reader x) {
              return x.getUntil() > 0 ? fmt::format("leased until {} ms: free from {}, configuration {}",
                                                    x.getUntil() / 1'000'000, x.getFreeSlot(), x.getConfiguration())
                                      : std::string{"not leased"};
            })
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
      || with<Request>(
        content, 1, [](Request::Reader x) { return describe(x); }, text))
    return name + " " + text;
  return name;
}

} // namespace synod::simulation
