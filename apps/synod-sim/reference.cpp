#include "reference.hpp"

#include "history.hpp"

#include <xxhash.h>

#include <algorithm>

namespace synod::simulation {

uint64_t add_to_sum(uint64_t sum, arguments command) {
  for (auto& each : command)
    sum = XXH3_64bits_withSeed(each.data(), each.size(), sum + 1);
  return sum + command.size();
}

void performed_slot::add(arguments command) {
  ++commands;
  sum = add_to_sum(sum, command);
}

uint64_t digest(const state_machine& machine) {
  uint64_t sum = 0;
  machine.snapshot([&](std::string_view piece) { sum = XXH3_64bits_withSeed(piece.data(), piece.size(), sum); });
  return sum;
}

reference::reference(std::unique_ptr<state_machine> machine, std::chrono::milliseconds session_lifetime, configurations members,
                     uint64_t window)
  : machine_{std::move(machine)},
    session_lifetime_ms_{session_lifetime.count()},
    members_{{1, members.latest()}},
    window_{window} {}

void reference::decide(const message<schema::Pvalue>& chosen) {
  if (slot_out() % digest_every == 0)
    digests_[slot_out()] = digest(*machine_);
  auto slot = slot_out();
  auto batch = chosen->getValue();
  log_time_ = std::max(log_time_, batch.getTime());
  present_ = {slot, log_time_, 0, 0};
  machine_->begin_batch(log_time_, slot);
  look_again();
  expire_sessions();
  uint64_t index = 0;
  for (auto request : batch.getRequests()) {
    auto id = slot * 65536 + index++;
    if (request.isOpen())
      open(request.getOpen(), id);
    else if (request.isCommands())
      perform(request.getCommands());
    else
      reconfigure(request.getConfiguration());
  }
  performed_.push_back(present_);
}

void reference::begin_read(uint64_t number, std::vector<std::string> command) {
  auto& x = reads_[number];
  x.command = std::move(command);
  look(x.command, x.answers);
}

std::set<std::string> reference::end_read(uint64_t number) {
  auto found = reads_.extract(number);
  return found ? std::move(found.mapped().answers) : std::set<std::string>{};
}

/// Within a batch, too: a gateway lets a read that follows a write be decided with it.
void reference::look_again() {
  for (auto& [number, x] : reads_)
    look(x.command, x.answers);
}

void reference::look(const std::vector<std::string>& command, std::set<std::string>& answers) const {
  builder<schema::Reply> told;
  machine_->query(std::vector<std::string_view>(command.begin(), command.end()), reply{*told});
  answers.insert(text_of(told->asReader()));
}

reference::occurrence reference::find(uint64_t sum) const {
  auto found = occurrences_.find(sum);
  return found == occurrences_.end() ? occurrence{} : found->second;
}

/// One at a time: the next one may be decided when the latest one rules.
void reference::reconfigure(schema::Configuration::Reader x) {
  if (slot_out() >= latest_from() && x.getNumber() == latest().number() + 1)
    members_[slot_out() + window_] = configuration_of(x);
}

void reference::open(schema::Open::Reader x, uint64_t id) {
  sessions_.erase(x.getReplaces());
  auto lasts = std::any_of(sessions_.begin(), sessions_.end(), [&](auto& each) { return each.second.number == x.getNumber(); });
  if (!lasts)
    sessions_[id] = {x.getNumber(), 1, log_time_};
}

void reference::perform(schema::Commands::Reader commands) {
  auto cid = commands.getFirstCid();
  for (operation_reader operations{commands.getOperations()}; operations.next();) {
    auto found = sessions_.find(commands.getSession());
    // Not any more, performed before, or not its turn yet.
    if (found == sessions_.end() || found->second.next_cid != cid++)
      continue;
    ++found->second.next_cid;
    found->second.used = log_time_;
    apply(*operations, commands.getSession());
  }
}

void reference::apply(const synod::operation& x, uint64_t session_id) {
  using kind = synod::operation::kind;
  uint64_t sum = 0;
  builder<schema::Reply> told;
  reply answer{*told};
  if (x.what() == kind::command)
    apply(x.texts(), answer, sum);
  if (x.what() == kind::close)
    sessions_.erase(session_id);
  if (x.what() == kind::transaction) {
    for (auto& [key, version] : x.watched())
      if (machine_->version(key) != version)
        return;
    answer.array(x.commands());
    for (size_t i = 0; i < x.commands(); ++i)
      apply(x.command(i), answer.element(i), sum);
  }
  ++operations_;
  auto& found = occurrences_[sum];
  if (++found.times == 1)
    found = {operations_, log_time_, 1, {}};
  if (keeps_replies_)
    found.replies.push_back(text_of(told->asReader()));
  look_again();
}

void reference::apply(arguments command, reply answer, uint64_t& sum) {
  present_.add(command);
  sum = add_to_sum(sum, command);
  machine_->apply(command, answer);
}

void reference::expire_sessions() {
  // Looked at once per hundredth of a lifetime.
  if (log_time_ - expired_at_ < session_lifetime_ms_ / 100)
    return;
  expired_at_ = log_time_;
  std::erase_if(sessions_, [&](auto& x) { return log_time_ - x.second.used > session_lifetime_ms_; });
}

} // namespace synod::simulation
