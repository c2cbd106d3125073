#pragma once

namespace headrace {

// Installs the SIGBUS handler unless it is the one in force; called at every place where reading of
// maps begins, since a library loaded later may have replaced it. The handler in force before is
// chained to for faults that are not ours.
void install_fault_guard();

// Runs leaf(context). Returns nullptr, or the address at which a mapped file could not be read (it
// was truncated, or its device failed); the leaf has then stopped half-way.
//
// The one way in which mapped bytes are touched. The leaf is left by a jump, so it allocates
// nothing, locks nothing and owns nothing with a destructor. Not nested.
const void* guarded(void (*leaf)(void*) noexcept, void* context) noexcept;

// The same for any callable that keeps to these rules.
template <typename Leaf>
const void* guarded(Leaf& leaf) noexcept {
  return guarded([](void* context) noexcept { (*static_cast<Leaf*>(context))(); }, &leaf);
}

}  // namespace headrace
