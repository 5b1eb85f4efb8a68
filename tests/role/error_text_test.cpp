#include "synod/actors/role/error_text.hpp"

#include <caf/all.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <new>
#include <system_error>

using namespace synod;

namespace {

template <class Exception>
std::string text_of_thrown(Exception x) {
  return text_of(std::make_exception_ptr(std::move(x)));
}

} // namespace

TEST_CASE("an error is told in the words that it was made with") {
  CHECK(text_of(caf::make_error(caf::sec::runtime_error, std::string{"the disk is full"})) == "the disk is full");
  CHECK(text_of(caf::make_error(caf::sec::runtime_error, "the disk is full")) == "the disk is full");
}

TEST_CASE("an error that was made without words is told in those for its kind") {
  CHECK(text_of(caf::sec::cannot_connect_to_node) == "cannot connect to node");
  CHECK(text_of(caf::exit_reason::remote_link_unreachable) == "remote link unreachable");
  CHECK(text_of(caf::error{77, caf::atom("elsewhere")}) == "error 77");
  CHECK(text_of(caf::error{}) == "no error");
}

TEST_CASE("an exception is told in its words") {
  CHECK(text_of_thrown(std::runtime_error{"no thread"}) == "no thread");
  CHECK(text_of_thrown(std::bad_alloc{}) == "there is no memory left");
  CHECK(text_of_thrown(7) == "an exception of an unknown kind");
}

TEST_CASE("what a thread that cannot be made says names the limits to look at") {
  auto text = text_of_thrown(std::system_error{EAGAIN, std::generic_category()});
  CHECK(text.starts_with("cannot make a thread: Resource temporarily unavailable"));
  CHECK(text.find("ulimit -u") != std::string::npos);
  CHECK(text_of_thrown(std::system_error{ENOENT, std::generic_category()}) == "No such file or directory");
}
