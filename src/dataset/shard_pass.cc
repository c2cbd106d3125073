#include "dataset/shard_pass.h"

#include <unistd.h>
#include <utility>

#include "dataset/shard_window.h"

namespace headrace {

ShardPass::ShardPass(std::shared_ptr<ShardWindow> window, uint64_t length)
    : window_(std::move(window)), number_(window_->begin_pass(length)) {}

ShardPass::~ShardPass() {
  if (!is_foreign()) {
    window_->end_pass(number_);
  }
}

bool ShardPass::is_foreign() const noexcept { return window_->process() != ::getpid(); }

void ShardPass::want(uint64_t shard, uint64_t position) {
  if (!is_foreign()) {
    window_->want(number_, shard, position);
  }
}

void ShardPass::release(uint64_t shard, uint64_t position, const std::function<void()>& retire) {
  if (!is_foreign()) {
    window_->release(number_, shard, position, retire);
  }
}

void ShardPass::set_next_use(uint64_t shard, uint64_t position) {
  if (!is_foreign()) {
    window_->set_next_use(number_, shard, position);
  }
}

void ShardPass::advance(uint64_t position) {
  if (!is_foreign()) {
    window_->advance(number_, position);
  }
}

}  // namespace headrace
