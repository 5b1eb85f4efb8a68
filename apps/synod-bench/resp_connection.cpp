#include "resp_connection.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace synod::bench {

namespace {

constexpr std::chrono::milliseconds connect_again{100};

// Replies are looked at and not kept: hiredis is given something that is not null. Of an error its text is kept for the caller.
void* of_string(const redisReadTask* task, char* text, size_t size) {
  if (task->type == REDIS_REPLY_ERROR && !task->parent)
    static_cast<std::optional<std::string>*>(task->privdata)->emplace(text, size);
  return task->privdata;
}

redisReplyObjectFunctions reply_functions{
  of_string,
  [](const redisReadTask* task, int) { return task->privdata; },
  [](const redisReadTask* task, long long) { return task->privdata; },
  [](const redisReadTask* task) { return task->privdata; },
  [](void*) {},
};

void append_text(std::string& out, std::string_view text) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, text.size()).ptr;
  out += '$';
  out.append(digits, end);
  out += "\r\n";
  out += text;
  out += "\r\n";
}

} // namespace

resp_connection::resp_connection(owner& of, uv_loop_t& loop, std::vector<char>& buffer, std::string name,
                                 const sockaddr_storage& to)
  : owner_{of}, loop_{loop}, buffer_{buffer}, name_{std::move(name)}, to_{to} {}

resp_connection::~resp_connection() {
  redisReaderFree(reader_);
}

void resp_connection::connect() {
  uv_tcp_init(&loop_, &socket_);
  socket_.data = connecting_.data = write_.data = this;
  uv_tcp_nodelay(&socket_, 1);
  auto failure = uv_tcp_connect(&connecting_, &socket_, reinterpret_cast<sockaddr*>(&to_), [](uv_connect_t* request, int status) {
    static_cast<resp_connection*>(request->data)->on_connected(status);
  });
  if (failure != 0)
    lose(uv_strerror(failure));
}

void resp_connection::on_connected(int status) {
  if (closed_ || status == UV_ECANCELED)
    return;
  if (status != 0)
    return lose(uv_strerror(status));
  connected_ = true;
  redisReaderFree(reader_);
  reader_ = redisReaderCreateWithFunctions(&reply_functions);
  reader_->privdata = &error_;
  uv_read_start(
    stream(),
    [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
      auto& bytes = static_cast<resp_connection*>(handle->data)->buffer_;
      *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
    },
    [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
      auto* self = static_cast<resp_connection*>(stream->data);
      if (size < 0)
        self->lose(size == UV_EOF ? "closed by the server" : uv_strerror(static_cast<int>(size)));
      else
        self->on_bytes(buffer->base, static_cast<size_t>(size));
    });
  owner_.on_connected(*this);
}

void resp_connection::append(const command& x, clock::time_point due) {
  next_out_ += x.read ? "*2\r\n$3\r\nGET\r\n" : "*3\r\n$3\r\nSET\r\n";
  append_text(next_out_, x.key);
  if (!x.read)
    append_text(next_out_, x.value);
  under_way_.push_back({x.read, due});
}

void resp_connection::flush() {
  if (next_out_.empty() || writing_ || !connected_)
    return;
  auto buffer = uv_buf_init(next_out_.data(), static_cast<unsigned>(next_out_.size()));
  auto taken = uv_try_write(stream(), &buffer, 1);
  if (taken < 0 && taken != UV_EAGAIN)
    return lose(uv_strerror(taken));
  next_out_.erase(0, static_cast<size_t>(std::max(taken, 0)));
  if (next_out_.empty())
    return;
  out_.swap(next_out_);
  next_out_.clear();
  buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
  writing_ = true;
  uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* request, int status) {
    auto* self = static_cast<resp_connection*>(request->data);
    self->writing_ = false;
    if (status == 0)
      self->flush();
  });
}

void resp_connection::on_bytes(const char* bytes, size_t size) {
  redisReaderFeed(reader_, bytes, size);
  void* reply = nullptr;
  while (connected_) { // What an answer leads to may lose the connection.
    error_.reset();
    if (redisReaderGetReply(reader_, &reply) != REDIS_OK)
      return owner_.fail(name_ + ": not the Redis protocol: " + reader_->errstr);
    if (!reply)
      break;
    if (under_way_.empty())
      return owner_.fail(name_ + ": " + error_.value_or("a reply that nothing asked for"));
    auto [read, due] = under_way_.front();
    under_way_.pop_front();
    owner_.on_answered(read, due, error_);
  }
  owner_.on_free(*this);
}

/// Closes, and connects again after a pause.
void resp_connection::lose(const std::string& why) {
  if (closed_ || uv_is_closing(handle()))
    return;
  auto is_lost = std::exchange(connected_, false);
  auto lost = std::exchange(under_way_, {});
  next_out_.clear();
  uv_close(handle(), [](uv_handle_t* handle) {
    auto* self = static_cast<resp_connection*>(handle->data);
    if (!self->closed_)
      self->connect_later();
  });
  auto what = name_ + ": " + why;
  is_lost ? owner_.on_lost(what, lost) : owner_.on_unreachable(what);
}

void resp_connection::connect_later() {
  uv_timer_init(&loop_, &again_);
  again_.data = this;
  uv_timer_start(
    &again_,
    [](uv_timer_t* timer) {
      uv_close(reinterpret_cast<uv_handle_t*>(timer), [](uv_handle_t* ended) {
        auto* self = static_cast<resp_connection*>(ended->data);
        self->again_ = {};
        if (!self->closed_)
          self->connect();
      });
    },
    connect_again.count(), 0);
}

void resp_connection::close() {
  closed_ = true;
  if (socket_.loop && !uv_is_closing(handle()))
    uv_close(handle(), nullptr);
  if (again_.loop && !uv_is_closing(reinterpret_cast<uv_handle_t*>(&again_)))
    uv_close(reinterpret_cast<uv_handle_t*>(&again_), nullptr);
}

} // namespace synod::bench
