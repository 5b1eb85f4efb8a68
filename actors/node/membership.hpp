// Which nodes the cluster has, as one node knows it.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/actors/role/disk.hpp"
#include "synod/messages/log.capnp.h"

#include <filesystem>
#include <functional>
#include <optional>

namespace synod {

/// What a node knows of decided configurations, kept with its data: the cluster file is how a node starts, afterwards these are
/// the truth. As long as none was decided there is nothing to keep.
///
/// File `configurations` of the data directory: schema::KnownConfigurations, a durable message.
class membership {
public:
  static constexpr const char* file_name = "configurations";

  /// What the directory holds; nothing, if it is not there, or holds none. Blocks.
  caf::error read(disk& files, const std::filesystem::path& directory);

  /// A node that was not there when the cluster began: it knows these from another one.
  void join(configurations told) {
    all_ = std::move(told);
    begun_ = {};
  }
  /// The cluster file's count, until another one is decided.
  void begin(const cluster& file) { all_ = begun_ = file.members(); }

  bool empty() const { return all_.empty(); }
  const configurations& all() const { return all_; }
  uint64_t number() const { return all_.empty() ? 0 : all_.latest().number(); }
  /// The one that the cluster began with; empty: the node was not there.
  const configurations& beginning() const { return begun_; }
  /// The node has left, and is not to start any more.
  bool has_left() const { return left_; }

  bool is_member(node_id node) const { return !all_.empty() && all_.latest().find(node) != nullptr; }
  /// It is one no more.
  bool was_removed(node_id node) const {
    return !is_member(node) && !all_.empty() && (all_.latest().removed().contains(node) || all_.knows(node));
  }

  /// Takes later ones; false: they are not later.
  bool learn(const configurations& told);
  /// A replica tells its latest snapshot's slot.
  void told_durable(node_id replica, slot_number latest);
  /// The node was removed, and as many replicas of the members hold durably what it was asked for as would have to (section 4.2):
  /// nobody needs it any more.
  bool may_leave(node_id node) const;
  void leave() {
    left_ = true;
    is_kept_ = false;
  }
  /// There is something that the cluster file does not say.
  bool is_beyond_the_file() const { return number() > 0 || begun_.empty(); }
  /// It is not in the directory yet.
  bool is_to_be_kept() const { return is_beyond_the_file() && !is_kept_; }
  /// What is to be written, which needs this object no more. Works are to be done in the order in which they were given.
  std::function<caf::error()> remember(disk& files, const std::filesystem::path& directory) const;

  /// The cluster as it is now, of what the file of this node says: its nodes are the members, and the node itself, of which the
  /// file is right.
  cluster now(const cluster& file, node_id self) const;
  /// What the file says otherwise; empty: nothing.
  std::string contradiction(const cluster& file) const;
  /// Other roles that decide than it is counted with: it must not start so. Empty: none.
  std::string other_roles(const cluster& file, node_id self) const;

private:
  configurations all_;
  configurations begun_;
  bool left_ = false;
  bool is_kept_ = false; // as the directory has it
  node_set held_by_;     // replicas that hold durably all that earlier configurations ruled
};

/// Of the same cluster: what the one knows to be the latest configuration, the other, which knows later ones, has got, too.
/// (Addresses may differ: those of the first configuration are each file's own.)
bool follows(const configurations& later, const configurations& earlier);

} // namespace synod
