// Wrong acceptors.
#include "simulation/mutants.hpp"

#include "synod/actors/acceptor/acceptor_role.hpp"

namespace synod::test {

namespace {

template <class Acceptor>
role_definition acceptor_variant() {
  auto role = acceptor_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      context.world->system().spawn<Acceptor>(acceptor_storage(context), acceptor_options(context)));
  };
  return role;
}

struct forgets_its_ballot : acceptor {
  using acceptor::acceptor;
  void replay() override {
    acceptor::replay();
    ballot_ = {};
  }
};

/// Says that all is durable, and syncs much later.
class lazy_storage : public storage {
public:
  explicit lazy_storage(std::unique_ptr<storage> real) : real_{std::move(real)} {}

  caf::error replay(const visitor& visit) override { return real_->replay(visit); }
  caf::expected<position> append(record_kind kind, const block_ptr& content) override { return real_->append(kind, content); }
  caf::error sync() override { return ++asked_ % 20 == 0 ? real_->sync() : caf::error{}; }
  caf::expected<block_ptr> read(position where) override { return real_->read(where); }
  caf::error close() override { return real_->close(); }

private:
  std::unique_ptr<storage> real_;
  uint64_t asked_ = 0;
};

role_definition replies_before_the_sync() {
  auto role = acceptor_role();
  role.spawn = [](const role_context& context) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(context.world->system().spawn<acceptor>(
      std::make_unique<lazy_storage>(acceptor_storage(context)), acceptor_options(context)));
  };
  return role;
}

struct accepts_below_its_ballot : acceptor {
  using acceptor::acceptor;
  void on_p2a(const message<schema::Pvalue>& pvalue, uint64_t mark) override {
    auto promised = ballot_;
    ballot_ = std::min(ballot_, ballot_of(pvalue->getBallot()));
    acceptor::on_p2a(pvalue, mark);
    ballot_ = std::max(ballot_, promised);
  }
};

struct keeps_the_lower_pvalue : acceptor {
  using acceptor::acceptor;
  void accept(const message<schema::Pvalue>& pvalue, storage::position where) override {
    auto known = accepted_.find(pvalue->getSlot());
    if (known == accepted_.end() || known->second.accepted_under >= ballot_of(pvalue->getBallot()))
      acceptor::accept(pvalue, where);
  }
};

} // namespace

std::vector<mutant> wrong_acceptors() {
  return {
    {"forgets-ballot", "an acceptor forgets its ballot on restart", acceptor_variant<forgets_its_ballot>},
    {"replies-before-sync", "an acceptor replies before the sync", replies_before_the_sync},
    {"accepts-below-ballot", "an acceptor accepts below its ballot", acceptor_variant<accepts_below_its_ballot>},
    {"keeps-lower-pvalue", "an acceptor keeps the pvalue with the lower ballot", acceptor_variant<keeps_the_lower_pvalue>},
  };
}

} // namespace synod::test
