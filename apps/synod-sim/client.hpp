// A client as an application would write it, on the typed interface of replicas.
#pragma once

#include "history.hpp"
#include "host.hpp"

#include <deque>
#include <map>

namespace synod::simulation {

/// All that clients do, by groups of keys: no operation touches keys of two groups.
struct record_book {
  explicit record_book(unsigned groups) : groups(groups) {}
  std::vector<history> groups;
  uint64_t operations = 0;
  uint64_t unknown = 0; ///< operations whose outcome no one learned
  uint64_t retries = 0; ///< requests sent again, to another replica
};

/// Something that asks, and that can be told to stop.
class client {
public:
  virtual ~client() = default;
  virtual void start() = 0;
  /// Begins nothing new.
  virtual void finish() = 0;
  /// Reads every key once, as its last operations.
  virtual void read_all() = 0;
  /// What it still waits for; empty: nothing.
  virtual std::string waits_for() const = 0;
};

/// One session whose results are kept: it sends its commands to one replica and, when that does not answer in time or
/// is lost, again to another one, and must get the result of the first time. Up to `pipeline` operations are under way.
class session_client : public client, public participant {
public:
  session_client(stage& on, uint32_t index, record_book& book);

  // participant
  const std::string& name() const override { return name_; }
  bool alive() const override { return true; }
  const std::vector<role>& roles() const override { return roles_; }
  void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) override;

  // client
  void start() override;
  void finish() override { finishing_ = true; }
  void read_all() override;
  std::string waits_for() const override;

private:
  class endpoint;

  /// Of an operation in the book.
  struct place {
    unsigned group;
    size_t index;
  };

  /// A request to be decided: commands with consecutive cids.
  struct write {
    uint64_t first_cid = 0;
    std::vector<place> operations; // one for each cid
    size_t answered = 0;           // of them, from the front
    message<schema::Requests> request;
  };
  struct read {
    place asked;
    message<schema::Requests> request;
  };

  void on_responses(const message<schema::Responses>& responses);
  void on_opened(const message<schema::Responses>& responses);
  void on_decided(const message<schema::Responses>& responses);
  void on_read(const message<schema::Responses>& responses);

  void next();
  void ask();
  void ask_write();
  void ask_read(unsigned group, operation x);
  void ask_watched(place watch);
  operation draw_write(unsigned group);
  std::vector<std::string> draw_command(unsigned group);
  std::string fresh_value();

  place begin(unsigned group, operation x);
  void end(place where, std::optional<std::string> reply);
  const operation& at(place where) const { return book_.groups[where.group][where.index]; }

  void open_session();
  void lose_session();
  void turn();
  void watch_progress(uint64_t before, duration patience);
  void send_all();
  template <class... Ts>
  void send(const Ts&... xs);
  void send_write(std::vector<place> operations, message<schema::Requests> request);
  bool idle() const { return writes_.empty() && reads_.empty(); }

  stage& stage_;
  uint32_t index_;
  record_book& book_;
  std::string name_;
  random_stream random_;
  strand strand_;
  std::vector<role> roles_;

  std::map<uint32_t, caf::strong_actor_ptr> replicas_;
  std::optional<uint32_t> present_; // the replica it talks to
  uint64_t session_ = 0;            // 0: none
  uint64_t opening_ = 0;            // the number of the request for one; 0: not asked
  uint64_t next_cid_ = 1;
  uint64_t next_read_ = 1;
  std::deque<write> writes_;
  std::map<uint64_t, read> reads_; // by number
  uint64_t progress_ = 0;          // responses so far
  uint64_t values_ = 0;
  bool finishing_ = false;
};

} // namespace synod::simulation
