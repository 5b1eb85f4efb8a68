// The servers' memory.
#include <mimalloc.h>

namespace {

/// What they hold lies in huge pages, where the kernel gives some: a store of some hundred megabytes is there several times as
/// soon after a start, on a virtual machine.
[[maybe_unused]] const auto large_pages = [] {
  mi_option_enable(mi_option_large_os_pages);
  return true;
}();

} // namespace
