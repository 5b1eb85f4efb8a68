// A client as Redis clients are: bytes to a gateway, bytes back.
#pragma once

#include "tcp.hpp"
#include "workload_client.hpp"

#include <deque>

namespace synod::simulation {

/// Sends commands down one connection, several before their replies have come, and takes another gateway when the
/// connection is lost or silent for too long. What was under way then has an unknown outcome, and is not sent again.
class resp_client : public workload_client, public participant, private tcp::client_end {
public:
  resp_client(stage& on, uint32_t index, record_book& book, uint32_t participant_index, std::vector<uint32_t> gateways);

  // participant
  const std::string& name() const override { return name_; }
  bool alive() const override { return true; }
  const std::vector<role>& roles() const override { return no_roles_; }
  void on_peer(uint32_t, const std::string&, const caf::strong_actor_ptr&) override {}

  // client
  void start() override;
  void ask_last() override;
  std::string waits_for() const override;

private:
  using place = workload_client::place;

  void on_connected(uint64_t connection) override;
  void on_bytes(uint64_t connection, std::string_view bytes) override;
  void on_closed(uint64_t connection) override;

  void next();
  void ask();
  void ask_for(unsigned group, operation x);
  void look_at(unsigned group);
  void ask_next_of_last();
  void send(const std::vector<std::string>& command, std::optional<place> asked = {}, bool watch = false);
  void flush();
  bool take_reply(std::string& text, size_t& position) const;
  void on_reply(const std::string& reply);
  void connect();
  void lose();
  void part();
  void watch_silence(uint64_t before);

  std::string name_;
  std::vector<role> no_roles_;
  uint32_t participant_index_;
  std::vector<uint32_t> gateways_;
  uint64_t connection_ = 0; // 0: none
  size_t gateway_ = 0;      // that it is connected to, or was last
  bool asks_last_ = false;  // since it began to connect
  duration connected_since_{0};
  bool connected_ = false;
  bool parts_ = false; // it has said that it asks no more, and waits for what is still to come
  /// A command that was sent: with an operation, or a step towards one.
  struct pending {
    std::optional<place> asked;
    bool watch = false;
    bool fails = false; // EXEC, of a transaction with a wrong command in it
  };
  std::deque<pending> pending_;
  std::string out_;
  std::string in_;
  std::optional<place> looking_; // reads a key that it watches
  std::vector<std::string> watched_;
  bool watches_ = false; // WATCH was answered OK
  uint64_t replies_ = 0;
  /// Asked for at the end, one by one, each in its group; none stands for the write.
  std::deque<std::pair<unsigned, std::optional<operation>>> last_;
};

} // namespace synod::simulation
