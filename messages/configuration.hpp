// Members and quorums as values.
#pragma once

#include "synod/messages/ballot.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
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

  /// So many have to answer, whichever they are.
  size_t needed() const { return needed_; }

private:
  const node_set* acceptors_;
  size_t needed_;
};

/// The roles that serve a range of slots, by the ids of their nodes (PMMC section 2.1, "configuration").
class configuration {
public:
  configuration() = default;
  /// Quorums are majorities of the acceptors.
  configuration(node_set replicas, node_set leaders, node_set acceptors)
    : replicas_{std::move(replicas)},
      leaders_{std::move(leaders)},
      acceptors_{std::move(acceptors)},
      promises_needed_{acceptors_.size() / 2 + 1},
      accepts_needed_{promises_needed_} {}
  /// Quorums of other sizes: together they must be larger than the number of acceptors.
  configuration(node_set replicas, node_set leaders, node_set acceptors, size_t promises_needed, size_t accepts_needed)
    : replicas_{std::move(replicas)},
      leaders_{std::move(leaders)},
      acceptors_{std::move(acceptors)},
      promises_needed_{promises_needed},
      accepts_needed_{accepts_needed} {}

  const node_set& replicas() const { return replicas_; }
  const node_set& leaders() const { return leaders_; }
  const node_set& acceptors() const { return acceptors_; }

  /// Valid as long as this configuration.
  synod::quorum quorum(phase which) const { return {acceptors_, which == phase::promise ? promises_needed_ : accepts_needed_}; }

  /// So many replicas have to hold durably what slots led to before those may be collected (PMMC section 4.2): one of them is
  /// left when as many nodes fail as the acceptors may lack. 0: there is no replica.
  size_t durable_needed() const { return std::min(replicas_.size(), acceptors_.size() / 2 + 1); }

private:
  node_set replicas_;
  node_set leaders_;
  node_set acceptors_;
  size_t promises_needed_ = 1;
  size_t accepts_needed_ = 1;
};

/// The configuration that rules each slot. Everything that counts votes asks here, with the slot at hand.
class configurations {
public:
  configurations() = default;
  explicit configurations(configuration first) : first_{std::move(first)} {}

  /// The one that rules this slot: today the same for all.
  const configuration& ruling(slot_number) const { return first_; }
  synod::quorum quorum(phase which, slot_number slot) const { return ruling(slot).quorum(which); }

private:
  configuration first_;
};

} // namespace synod
