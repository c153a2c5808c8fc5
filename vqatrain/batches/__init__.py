"""From examples to tensors: order, lengths, packing, and the contract of preprocessing."""
