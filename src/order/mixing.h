#pragma once

#include <cstdint>
#include <span>

#include "order/order.h"
#include "order/window_shuffle.h"

namespace headrace {

// How well a shuffle mixes: the Shannon entropy, in bits, of what a batch is made of, averaged over
// the full batches of one epoch. Both are diagnostics that walk the epoch, not parts of a hot path.

// The entropy of the labels in a batch, measured. `labels[row]` in [0, classes). Throws kInvalid
// when labels and order differ in length, a label is out of range, or no full batch exists.
double measured_label_entropy(const Order& order, std::span<const uint32_t> labels,
                              uint32_t classes, uint64_t batch_rows);

// The expected entropy of "which unit does a row come from" in a batch of one rank, computed from
// the sizes of the slices alone: inside a stage every choice of rows is equally likely, so the rows
// that a batch takes of a slice are hypergeometric. Long epochs are sampled at evenly spaced
// batches. Throws kInvalid when no full batch exists for every rank. Requires: world_size > 0.
double expected_unit_entropy(const WindowShuffle& shuffle, uint64_t batch_rows,
                             uint64_t world_size = 1);

}  // namespace headrace
