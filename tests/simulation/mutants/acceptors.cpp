// Wrong acceptors.
#include "simulation/mutants.hpp"
#include "simulation/rewriting.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"

#include <array>

namespace synod::test {

namespace {

// -- another memory -----------------------------------------------------------

caf::expected<caf::actor> without_a_ballot(const role_context& context) {
  auto before = acceptor_memory(context);
  if (!before)
    return before.error();
  before->promised = {};
  return caf::actor_cast<caf::actor>(
    context.environment->system().spawn<acceptor>(std::move(*before), acceptor_options(context), context.environment));
}

/// Takes what it knew with it, but for the first kept slot.
caf::expected<caf::actor> without_first_kept(const role_context& context) {
  auto before = acceptor_memory(context);
  if (!before)
    return before.error();
  accepted_pvalues all{context.options.bytes("cache-size")};
  record_number record = 0;
  for (auto& [slot, each] : before->accepted.entries()) {
    builder<schema::Pvalue> pvalue; // Its value is read back from the log.
    write(each.under, pvalue->initBallot());
    pvalue->setSlot(slot);
    all.accept(each.pvalue ? each.pvalue : pvalue.finish(), ++record, each.where);
    all.durable(record);
  }
  before->accepted = std::move(all);
  return caf::actor_cast<caf::actor>(
    context.environment->system().spawn<acceptor>(std::move(*before), acceptor_options(context), context.environment));
}

/// As if nobody might fail.
caf::expected<caf::actor> collects_for_one(const role_context& context) {
  auto before = acceptor_memory(context);
  if (!before)
    return before.error();
  auto options = acceptor_options(context);
  auto& right = options.members;
  options.members = configuration{right.replicas(), right.leaders(), {1}};
  return caf::actor_cast<caf::actor>(
    context.environment->system().spawn<acceptor>(std::move(*before), options, context.environment));
}

// -- another disk -------------------------------------------------------------

/// The environment's disk, as it is.
class same_disk : public disk {
public:
  explicit same_disk(disk& real) : real_{real} {}

  caf::expected<std::vector<std::string>> list(const std::filesystem::path& directory) override { return real_.list(directory); }
  caf::error make_directory(const std::filesystem::path& directory) override { return real_.make_directory(directory); }
  caf::expected<std::unique_ptr<file>> open(const std::filesystem::path& path) override { return real_.open(path); }
  caf::expected<std::unique_ptr<file>> create(const std::filesystem::path& path) override { return real_.create(path); }
  caf::error rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_.rename(from, to);
  }
  caf::error remove(const std::filesystem::path& path) override { return real_.remove(path); }
  caf::error sync_directory(const std::filesystem::path& directory) override { return real_.sync_directory(directory); }
  caf::expected<uint64_t> free_bytes(const std::filesystem::path& directory) override { return real_.free_bytes(directory); }
  void aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) override {
    real_.aside(where, std::move(work), std::move(asker), number);
  }

private:
  disk& real_;
};

/// Says that a write is done when it is asked for, and lets many be done much later.
class hasty_disk : public same_disk {
public:
  using same_disk::same_disk;

  void aside(lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) override {
    if (where != lane::durable)
      return same_disk::aside(where, std::move(work), std::move(asker), number);
    caf::anon_send(asker, done_aside{number, {}});
    held_back_.push_back(std::move(work));
    if (held_back_.size() < 20)
      return;
    for (auto& each : std::exchange(held_back_, {}))
      same_disk::aside(where, std::move(each), {}, number);
  }

private:
  std::vector<std::function<caf::error()>> held_back_;
};

/// Until `started`, changes nothing in a file that has something in it.
class untouched_disk : public same_disk {
public:
  using same_disk::same_disk;

  caf::expected<std::unique_ptr<file>> open(const std::filesystem::path& path) override {
    auto real = same_disk::open(path);
    if (!real)
      return real;
    std::array<std::byte, 8> begin{};
    auto used = !(*real)->read(0, begin) && begin != std::array<std::byte, 8>{};
    if (!used || *started_)
      return real;
    return std::unique_ptr<file>{new untouched_file{std::move(*real), started_}};
  }

  void started() { *started_ = true; }

private:
  class untouched_file : public file {
  public:
    untouched_file(std::unique_ptr<file> real, std::shared_ptr<bool> started)
      : real_{std::move(real)}, started_{std::move(started)} {}

    size_t size() const override { return real_->size(); }
    caf::error write(size_t offset, std::span<const std::span<const std::byte>> parts) override {
      return *started_ ? real_->write(offset, parts) : caf::error{};
    }
    caf::error sync() override { return *started_ ? real_->sync() : caf::error{}; }
    caf::error read(size_t offset, std::span<std::byte> into) const override { return real_->read(offset, into); }

  private:
    std::unique_ptr<file> real_;
    std::shared_ptr<bool> started_;
  };

  std::shared_ptr<bool> started_ = std::make_shared<bool>(false);
};

/// The environment as it is, with another disk.
template <class Disk>
class environment_with : public environment {
public:
  explicit environment_with(environment_ptr real) : real_{std::move(real)}, files_{real_->files()} {}

  caf::actor_system& system() override { return real_->system(); }
  int64_t wall_clock_us() const override { return real_->wall_clock_us(); }
  std::chrono::nanoseconds boot_clock() const override { return real_->boot_clock(); }
  uint64_t random() override { return real_->random(); }
  Disk& files() override { return files_; }
  const std::filesystem::path& data_directory() const override { return real_->data_directory(); }
  caf::expected<std::shared_ptr<sockets>> listen(const endpoint& where) override { return real_->listen(where); }
  std::unique_ptr<state_machine> make_state_machine() override { return real_->make_state_machine(); }
  spdlog::logger& log() override { return real_->log(); }
  void fatal(const std::string& why) override { real_->fatal(why); }

private:
  environment_ptr real_;
  Disk files_;
};

caf::expected<caf::actor> with_a_hasty_disk(const role_context& context) {
  auto changed = std::make_shared<environment_with<hasty_disk>>(context.environment);
  return acceptor_role().spawn({context.self, context.options, changed, context.has_stored});
}

caf::expected<caf::actor> with_an_unmended_tail(const role_context& context) {
  auto changed = std::make_shared<environment_with<untouched_disk>>(context.environment);
  auto spawned = acceptor_role().spawn({context.self, context.options, changed, context.has_stored});
  changed->files().started();
  return spawned;
}

// -- other messages -----------------------------------------------------------

/// A p2a, taken apart.
struct p2a {
  explicit p2a(const caf::message& content) {
    if (content.size() == 3 && content.match_element<p2a_atom>(0)) {
      pvalue = part<message<schema::Pvalue>>(content, 1);
      mark = content.get_as<uint64_t>(2);
    }
    if (pvalue) {
      slot = (*pvalue)->getSlot();
      under = ballot_of((*pvalue)->getBallot());
    }
  }

  const message<schema::Pvalue>* pvalue = nullptr; // null: it is none
  uint64_t mark = 0;
  slot_number slot = 0;
  ballot under;
};

/// Votes for a pvalue that the acceptor never hears of.
void vote_for(const acceptor& self, const p2a& asked, const caf::strong_actor_ptr& leader) {
  builder<schema::P2b> answer;
  answer->setAcceptor(self.limits().node);
  write(asked.under, answer->initBallot());
  answer->setMark(asked.mark);
  answer->initSlots(1).set(0, asked.slot);
  caf::anon_send(caf::actor_cast<leader_actor>(leader), answer.finish());
}

struct below_its_ballot {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr& sender) {
    p2a asked{content};
    if (!asked.pvalue || asked.under >= self.promised())
      return content;
    vote_for(self, asked, sender);
    return std::nullopt;
  }
};

struct the_lower_pvalue {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr& sender) {
    p2a asked{content};
    auto* known = asked.pvalue ? self.accepted().find(asked.slot) : nullptr;
    if (!known || known->under >= asked.under || asked.under < self.promised())
      return content;
    vote_for(self, asked, sender);
    return std::nullopt;
  }
};

struct retries_under_another_ballot {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr&) {
    p2a asked{content};
    auto* known = asked.pvalue ? self.accepted().find(asked.slot) : nullptr;
    if (!known || known->under != asked.under || asked.under < self.promised())
      return content;
    builder<schema::Pvalue> other{asked.pvalue->size_bytes() + 64};
    other.setRoot(**asked.pvalue);
    auto root = other.getRoot<schema::Pvalue>();
    root.getBallot().setIncarnation(asked.under.incarnation + 1);
    return caf::make_message(p2a_atom_v, other.finish(), asked.mark);
  }
};

struct without_room {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr& sender) {
    p2a asked{content};
    if (!asked.pvalue || !self.full() || self.accepted().find(asked.slot) || asked.under < self.promised())
      return content;
    vote_for(self, asked, sender);
    return std::nullopt;
  }
};

struct the_highest_slot_too_early {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr& sender) {
    auto* asked = part<message<schema::AskHighest>>(content);
    if (!asked)
      return content;
    builder<schema::Highest> answer;
    answer->setAcceptor(self.limits().node);
    answer->setRound((*asked)->getRound());
    answer->setSlot(self.accepted().highest());
    caf::anon_send(caf::actor_cast<replica_actor>(sender), answer.finish());
    return std::nullopt;
  }
};

/// The highest slot as it was when a replica first asked.
struct an_old_highest_slot {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr& sender) {
    auto* asked = part<message<schema::AskHighest>>(content);
    if (!asked)
      return content;
    auto known = std::exchange(highest_, self.accepted().highest_durable());
    builder<schema::Highest> answer;
    answer->setAcceptor(self.limits().node);
    answer->setRound((*asked)->getRound());
    answer->setSlot(known);
    caf::anon_send(caf::actor_cast<replica_actor>(sender), answer.finish());
    return std::nullopt;
  }

  slot_number highest_ = 0;
};

/// Hears that replicas hold durably what they do not hold yet.
struct collects_ahead {
  std::optional<caf::message> operator()(acceptor&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* told = part<message<schema::Durable>>(content);
    if (!told || (*told)->getBelow() == 1)
      return content;
    builder<schema::Durable> altered;
    altered->setNode((*told)->getNode());
    altered->setBelow((*told)->getBelow() + 64);
    return caf::make_message(altered.finish());
  }
};

/// As if its leader had given up the lease that another one waits for.
struct as_if_leases_were_given_up {
  std::optional<caf::message> operator()(acceptor& self, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* asked = part<message<schema::P1a>>(content);
    if (asked && ballot_of((*asked)->getBallot()) > self.promised()) {
      builder<schema::AskLease> given_up;
      write(self.promised(), given_up->initBallot());
      given_up->setGivesUp(true);
      caf::anon_send(acceptor_actor{&self}, given_up.finish());
    }
    return content;
  }
};

template <class Filter>
caf::expected<caf::actor> rewritten(const role_context& context) {
  auto before = acceptor_memory(context);
  if (!before)
    return before.error();
  return caf::actor_cast<caf::actor>(context.environment->system().spawn<rewriting<acceptor, Filter>>(
    std::move(*before), acceptor_options(context), context.environment));
}

template <auto Spawn>
role_definition acceptor_that() {
  auto role = acceptor_role();
  role.spawn = Spawn;
  return role;
}

} // namespace

std::vector<mutant> wrong_acceptors() {
  return {
    {"forgets-ballot", "an acceptor forgets its ballot on restart", acceptor_that<without_a_ballot>},
    {"replies-before-sync", "an acceptor replies before the sync", acceptor_that<with_a_hasty_disk>},
    {"tail-not-mended", "an acceptor leaves the end of its log as a crash left it", acceptor_that<with_an_unmended_tail>},
    {"accepts-below-ballot", "an acceptor accepts below its ballot", acceptor_that<rewritten<below_its_ballot>>},
    {"keeps-lower-pvalue", "an acceptor keeps the pvalue with the lower ballot", acceptor_that<rewritten<the_lower_pvalue>>},
    {"retries-other-ballot", "an acceptor accepts what comes again under another ballot",
     acceptor_that<rewritten<retries_under_another_ballot>>},
    {"votes-without-room", "an acceptor whose disk is full votes for what it does not write",
     acceptor_that<rewritten<without_room>>},
    {"highest-too-early", "an acceptor tells reads of a slot before it is durable",
     acceptor_that<rewritten<the_highest_slot_too_early>>},
    {"forgets-first-kept", "an acceptor forgets its first kept slot on restart", acceptor_that<without_first_kept>},
    {"collects-for-one", "an acceptor collects what one replica holds durably", acceptor_that<collects_for_one>},
    {"collects-ahead", "an acceptor collects what replicas do not hold durably yet", acceptor_that<rewritten<collects_ahead>>},
    {"highest-too-late", "an acceptor tells reads what was its highest slot at an earlier read",
     acceptor_that<rewritten<an_old_highest_slot>>},
    {"promises-under-a-lease", "an acceptor promises another leader its ballot while a lease lasts",
     acceptor_that<rewritten<as_if_leases_were_given_up>>},
  };
}

} // namespace synod::test
