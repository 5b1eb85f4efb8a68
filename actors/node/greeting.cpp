#include "synod/actors/node/greeting.hpp"

#include "synod/actors/node/agreement.hpp"
#include "synod/actors/node/membership.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod {

greeting::greeting(std::shared_ptr<const cluster> config, node_id self, uint64_t token, std::shared_ptr<const known_nodes> known)
  : config_{std::move(config)},
    self_{self},
    token_{token},
    known_{std::move(known)},
    agreement_{agreement_of(*config_)},
    members_{config_->members()} {}

message<schema::Hello> greeting::asking() const {
  return make(nullptr, {});
}

message<schema::Hello> greeting::taking(const std::vector<std::string>& roles) const {
  return make(&roles, {});
}

message<schema::Hello> greeting::refusing(const std::string& why) const {
  return make(nullptr, why);
}

message<schema::Hello> greeting::make(const std::vector<std::string>* roles, const std::string& refusal) const {
  builder<schema::Hello> built;
  built->setVersion(protocol_version);
  built->setCluster(config_->name);
  built->setNode(self().name);
  built->setToken(token_);
  built->setAgreement(agreement_);
  built->setId(self_);
  built->setHost(self().address.host);
  built->setPort(self().address.port);
  built->setJoins(!latest().find(self_) && !was_member(self_));
  write(members_, built->initConfigurations());
  known_->write(built->initKnown());
  if (!refusal.empty())
    built->setRefusal(refusal);
  if (roles) {
    built->setTakes(true);
    auto names = built->initRoles(static_cast<unsigned>(roles->size()));
    for (unsigned i = 0; i < names.size(); ++i)
      names.set(i, (*roles)[i]);
  }
  return built.finish();
}

const node_description* greeting::sender_of(schema::Hello::Reader x) const {
  auto* found = config_->find(std::string{x.getNode().cStr()});
  return found && found->id != self_ && latest().find(found->id) ? found : nullptr;
}

uint64_t configuration_number_of(schema::Hello::Reader x) {
  auto list = x.getConfigurations().getList();
  return list.size() == 0 ? 0 : list[list.size() - 1].getConfiguration().getNumber();
}

std::string greeting::refusal_of(schema::Hello::Reader x) const {
  if (x.getVersion() != protocol_version)
    return fmt::format("protocol version {}, expected {}", x.getVersion(), protocol_version);
  if (x.getCluster() != config_->name.c_str())
    return fmt::format("cluster '{}', expected '{}'", x.getCluster().cStr(), config_->name);
  if (auto wrong = refusal_of_members(x); !wrong.empty())
    return wrong;
  if (auto wrong = refusal_of_directories(x); !wrong.empty())
    return wrong;
  return x.getRefusal().size() > 0 ? fmt::format("it says: {}", x.getRefusal().cStr()) : std::string{};
}

/// Who knows of a later configuration is right.
std::string greeting::refusal_of_members(schema::Hello::Reader x) const {
  auto same = configuration_number_of(x) == latest().number();
  auto* sender = sender_of(x);
  if (!sender && same && !x.getJoins() && !was_member(x.getId()))
    return fmt::format("node '{}' is not another node of the cluster file", x.getNode().cStr());
  if (!sender && (x.getId() == 0 || x.getId() == self_ || latest().find(x.getId())))
    return fmt::format("node '{}' has id {}, which is another node's", x.getNode().cStr(), x.getId());
  if (!sender && latest().find(std::string{x.getNode().cStr()}))
    return fmt::format("there is a node '{}' already", x.getNode().cStr());
  if (auto told = configurations_of(x.getConfigurations());
      !same
      && (told.empty() || !(configuration_number_of(x) > latest().number() ? follows(told, members_) : follows(members_, told))))
    return fmt::format("what was decided here, configuration {}, and there, configuration {}, is not of one cluster",
                       latest().number(), configuration_number_of(x));
  std::string here = agreement_, there = x.getAgreement().cStr();
  auto differs = same ? disagreement(here, there) : disagreement(without_members(here), without_members(there));
  if (differs)
    return fmt::format("the cluster files differ: here it is \"{}\", there \"{}\"", differs->first, differs->second);
  if (sender && sender->id != x.getId())
    return fmt::format("node '{}' has id {}, expected {}", sender->name, x.getId(), sender->id);
  return {};
}

/// The sender's own first: what it knows of others may be wrong, too, when it is another one.
std::string greeting::refusal_of_directories(schema::Hello::Reader x) const {
  if (auto wrong = known_->differs({{x.getNode().cStr(), x.getToken()}}))
    return another_directory(*wrong);
  if (auto* added = latest().find(x.getId()); added && added->token != 0 && added->token != x.getToken())
    return another_directory({added->name, added->token, x.getToken()});
  auto told = tokens_of(x.getKnown());
  if (auto mine = told.find(self().name); mine != told.end() && mine->second != token_)
    return "it knows this node otherwise: " + another_directory({self().name, mine->second, token_});
  if (auto wrong = known_->differs(told_by(x)))
    return fmt::format("it knows node '{}' otherwise: {}", wrong->node, another_directory(*wrong));
  return {};
}

known_nodes::tokens greeting::told_by(schema::Hello::Reader x) const {
  auto told = tokens_of(x.getKnown());
  std::erase_if(told, [this](auto& each) {
    auto* node = config_->find(each.first);
    return !node || node->id == self_ || !is_remembered(*node);
  });
  if (auto* sender = sender_of(x); sender && is_remembered(*sender))
    told[sender->name] = x.getToken();
  return told;
}

} // namespace synod
