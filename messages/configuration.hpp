// Members and quorums as values.
#pragma once

#include "synod/messages/ballot.hpp"
#include "synod/messages/configuration.capnp.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synod {

/// A set of nodes: few, sorted, without a gap in memory.
class node_set {
public:
  node_set() = default;
  node_set(std::initializer_list<node_id> nodes) {
    for (auto each : nodes)
      insert(each);
  }

  /// True if it was not in the set.
  bool insert(node_id node) {
    auto place = std::lower_bound(nodes_.begin(), nodes_.end(), node);
    if (place != nodes_.end() && *place == node)
      return false;
    nodes_.insert(place, node);
    return true;
  }

  bool contains(node_id node) const { return std::binary_search(nodes_.begin(), nodes_.end(), node); }
  size_t size() const { return nodes_.size(); }
  bool empty() const { return nodes_.empty(); }
  void clear() { nodes_.clear(); }
  auto begin() const { return nodes_.begin(); }
  auto end() const { return nodes_.end(); }
  bool operator==(const node_set&) const = default;

private:
  std::vector<node_id> nodes_;
};

/// The two phases of the Synod protocol. Any quorum of the one has an acceptor in common with any quorum of the other.
enum class phase : uint8_t {
  promise, ///< p1a and p1b: a ballot is adopted. A read asks such a quorum, too: one of them knows of every chosen value
  accept,  ///< p2a and p2b: a pvalue is chosen
};

/// Which acceptors are enough.
class quorum {
public:
  quorum(const node_set& acceptors, size_t needed) : acceptors_{&acceptors}, needed_{needed} {}

  /// True if those of the acceptors that have answered are enough. Others than acceptors do not count.
  bool satisfied_by(const node_set& answered) const {
    auto members = std::count_if(answered.begin(), answered.end(), [this](auto each) { return acceptors_->contains(each); });
    return static_cast<size_t>(members) >= needed_;
  }

  /// True if there is no quorum without one of these.
  bool needs_one_of(const node_set& some) const {
    auto others = std::count_if(acceptors_->begin(), acceptors_->end(), [&](auto each) { return !some.contains(each); });
    return static_cast<size_t>(others) < needed_;
  }

  /// So many have to answer, whichever they are.
  size_t needed() const { return needed_; }

private:
  const node_set* acceptors_;
  size_t needed_;
};

/// A node of a configuration.
struct member {
  node_id id = 0;   ///< given once, never again
  std::string name; ///< in one configuration no other has it
  std::string host; ///< where other nodes find it
  uint16_t port = 0;
  std::vector<std::string> roles;
  uint64_t since = 0; ///< the number of the configuration that took it in
  uint64_t token = 0; ///< of its data directory, which it was added with; 0: it was there when the cluster began

  bool has(std::string_view role) const { return std::find(roles.begin(), roles.end(), role) != roles.end(); }
  bool operator==(const member&) const = default;
};

/// The roles that serve a range of slots, by the ids of their nodes (PMMC section 2.1, "configuration").
class configuration {
public:
  configuration() = default;
  static constexpr size_t most_nodes = 64;
  static constexpr size_t most_removed = 1024; ///< in the life of a cluster

  /// Quorums are majorities of the acceptors. `number`: 0 is the one that the cluster began with, each change counts one up.
  configuration(uint64_t number, std::vector<member> nodes, node_set removed = {});
  /// Of nodes that nothing else is known of.
  configuration(node_set replicas, node_set leaders, node_set acceptors, uint64_t number = 0)
    : number_{number},
      replicas_{std::move(replicas)},
      leaders_{std::move(leaders)},
      acceptors_{std::move(acceptors)},
      promises_needed_{acceptors_.size() / 2 + 1},
      accepts_needed_{promises_needed_} {}

  /// The same with quorums of other sizes: together they must be larger than the number of acceptors.
  configuration with_quorums(size_t promises_needed, size_t accepts_needed) const {
    auto x = *this;
    x.promises_needed_ = promises_needed;
    x.accepts_needed_ = accepts_needed;
    return x;
  }

  uint64_t number() const { return number_; }
  const std::vector<member>& nodes() const { return nodes_; }
  /// Those that were members once.
  const node_set& removed() const { return removed_; }
  /// Null: there is none.
  const member* find(node_id id) const;
  const member* find(const std::string& name) const;

  const node_set& replicas() const { return replicas_; }
  const node_set& leaders() const { return leaders_; }
  const node_set& acceptors() const { return acceptors_; }

  /// Valid as long as this configuration.
  synod::quorum quorum(phase which) const { return {acceptors_, which == phase::promise ? promises_needed_ : accepts_needed_}; }

  /// So many replicas have to hold durably what slots led to before those may be collected (PMMC section 4.2): one of them is
  /// left when as many nodes fail as the acceptors may lack. 0: there is no replica.
  size_t durable_needed() const { return std::min(replicas_.size(), acceptors_.size() / 2 + 1); }

  bool operator==(const configuration&) const = default;

private:
  node_set with(std::string_view role) const;

  uint64_t number_ = 0;
  std::vector<member> nodes_;
  node_set removed_;
  node_set replicas_;
  node_set leaders_;
  node_set acceptors_;
  size_t promises_needed_ = 1;
  size_t accepts_needed_ = 1;
};

/// Why the one cannot follow the other; empty: it can.
std::string refusal_of(const configuration& next, const configuration& now);

configuration configuration_of(schema::Configuration::Reader x);
void write(const configuration& x, schema::Configuration::Builder to);

/// The configurations that rule slots: the last `most`, which all who have performed as many slots know alike. Everything that
/// counts votes asks here, with the slot at hand. Slots before those that the first of them rules are long decided.
class configurations {
public:
  static constexpr size_t most = 8;
  static constexpr slot_number no_end = std::numeric_limits<slot_number>::max();

  configurations() = default;
  explicit configurations(configuration first, slot_number from = 1) { all_.push_back({from, std::move(first)}); }

  bool empty() const { return all_.empty(); }
  /// The one that rules this slot. There must be one.
  const configuration& ruling(slot_number slot) const;
  synod::quorum quorum(phase which, slot_number slot) const { return ruling(slot).quorum(which); }
  /// The first slot that may be asked about here.
  slot_number first_slot() const { return all_.empty() ? no_end : all_.front().from; }

  const configuration& latest() const { return all_.back().what; }
  /// One of them has got that node.
  bool knows(node_id node) const {
    return any(1, no_end, [node](auto& x) { return x.find(node) != nullptr; });
  }
  /// The latest one rules from here on.
  slot_number latest_from() const { return all_.back().from; }

  /// Those who answered are a quorum of the first phase of each configuration that rules a slot of [first, end): together they
  /// know of every value that was chosen there.
  bool promised(slot_number first, slot_number end, const node_set& answered) const;
  /// No ballot is adopted for any slot from `first` on without one of these: none is by any configuration that rules one.
  bool promises_need_one_of(const node_set& some, slot_number first) const;
  /// The acceptors of all configurations that rule a slot of [first, end).
  node_set acceptors(slot_number first, slot_number end) const;

  /// It follows the latest one.
  void add(configuration next, slot_number from);

  bool operator==(const configurations&) const = default;

private:
  friend configurations configurations_of(schema::Configurations::Reader x);
  friend void write(const configurations& x, schema::Configurations::Builder to);

  struct rule {
    slot_number from;
    configuration what;
    bool operator==(const rule&) const = default;
  };

  /// True as soon as it is for one that rules a slot of [first, end).
  template <class Test>
  bool any(slot_number first, slot_number end, Test test) const {
    for (size_t i = 0; i < all_.size(); ++i) {
      auto until = i + 1 < all_.size() ? all_[i + 1].from : no_end;
      if (all_[i].from < end && first < until && test(all_[i].what))
        return true;
    }
    return false;
  }

  std::vector<rule> all_; // in ascending order
};

/// Empty if they do not follow each other as they should, or are larger than any.
configurations configurations_of(schema::Configurations::Reader x);
void write(const configurations& x, schema::Configurations::Builder to);

} // namespace synod
