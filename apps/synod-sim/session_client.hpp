// A client on the typed interface of replicas.
#pragma once

#include "client_endpoint.hpp"
#include "workload_client.hpp"

#include <deque>
#include <map>

namespace synod::simulation {

/// One session whose results are kept: it sends its commands to one replica and, when that does not answer in time or
/// is lost, again to another one, and must get the result of the first time. Up to `pipeline` operations are under way.
class session_client : public workload_client, public participant {
public:
  session_client(stage& on, uint32_t index, record_book& book);

  // participant
  const std::string& name() const override { return name_; }
  bool alive() const override { return true; }
  const std::vector<role>& roles() const override { return roles_; }
  void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) override;

  // client
  void start() override;
  void ask_last() override;
  std::string waits_for() const override;

private:
  /// A request to be decided: commands with consecutive cids.
  struct write {
    uint64_t first_cid = 0;
    std::vector<place> operations; // one for each cid
    size_t answered = 0;           // of them, from the front
    message<schema::Request> request;
  };
  struct read {
    place asked;
    message<schema::Query> query;
    std::vector<std::string> watched; // by the transaction that is to follow; none: there is none
    bool refused = false;             // by the replica, and not sent again since
  };

  void take(const caf::message& content);
  void on_opened(const message<schema::Opened>& opened);
  void on_responses(const message<schema::Responses>& responses);
  void on_answers(const message<schema::Answers>& answers);

  void next();
  void ask();
  void ask_write();
  void ask_of_user();
  void ask_writes(std::vector<std::pair<unsigned, operation>>&& drawn);
  void ask_last_write();
  void ask_read(unsigned group, operation x);
  void look_at(unsigned group);
  void ask_checked(const read& looked, schema::Reply::Reader versions);

  void open_session();
  void lose_session();
  void turn();
  void watch_progress(uint64_t before, duration patience);
  void send_all();
  void ask_again_soon();
  template <class... Ts>
  void send(const Ts&... xs);
  void send_write(std::vector<place> operations, message<schema::Request> request);
  bool idle() const { return writes_.empty() && reads_.empty(); }

  std::string name_;
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
  bool last_write_ = false;        // is to be answered
  bool asks_again_ = false;        // what was refused, after a pause
};

} // namespace synod::simulation
