#include "synod/actors/node/greeting.hpp"

#include "synod/actors/node/agreement.hpp"

#include <spdlog/fmt/fmt.h>

namespace synod {

greeting::greeting(std::shared_ptr<const cluster> config, node_id self, uint64_t token, std::shared_ptr<const known_nodes> known)
  : config_{std::move(config)}, self_{self}, token_{token}, known_{std::move(known)}, agreement_{agreement_of(*config_)} {}

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
  return found && found->id != self_ ? found : nullptr;
}

std::string greeting::refusal_of(schema::Hello::Reader x) const {
  if (x.getVersion() != protocol_version)
    return fmt::format("protocol version {}, expected {}", x.getVersion(), protocol_version);
  if (x.getCluster() != config_->name.c_str())
    return fmt::format("cluster '{}', expected '{}'", x.getCluster().cStr(), config_->name);
  if (!sender_of(x))
    return fmt::format("node '{}' is not another node of the cluster file", x.getNode().cStr());
  if (auto differs = disagreement(agreement_, x.getAgreement().cStr()))
    return fmt::format("the cluster files differ: here it is \"{}\", there \"{}\"", differs->first, differs->second);
  if (auto wrong = refusal_of_directories(x); !wrong.empty())
    return wrong;
  return x.getRefusal().size() > 0 ? fmt::format("it says: {}", x.getRefusal().cStr()) : std::string{};
}

/// The sender's own first: what it knows of others may be wrong, too, when it is another one.
std::string greeting::refusal_of_directories(schema::Hello::Reader x) const {
  auto& sender = *sender_of(x);
  if (auto wrong = is_remembered(sender) ? known_->differs({{sender.name, x.getToken()}}) : std::nullopt)
    return another_directory(*wrong);
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
